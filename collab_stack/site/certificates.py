"""The files in tls/: certificates fit the names and the time, keys fit the certificates and are encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from collab_stack.catalogue.layout import PUBLIC_LABELS
from collab_stack.site import authority, vault
from collab_stack.site.findings import Finding
from collab_stack.site.pem import Certificate, certificates, is_issuer, public_key
from collab_stack.site.secrets import CA_KEY
from collab_stack.site.source import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from collab_stack.site.document import Node
    from collab_stack.site.model import SiteConfig

WARN_BELOW: Final = timedelta(days=30)
"""A certificate that ends sooner is a warning: renewing the agency's own takes people, and people have holidays."""

_MOST_FILES: Final = 200


@dataclass(frozen=True)
class Material:
    """What the checks look at.

    :param tree: site.yml, for the lines.
    :param password: the vault password; None skips what is encrypted.
    :param secrets: the decrypted secrets; None when they cannot be read.
    :param now: with zone.
    """

    directory: Path
    config: SiteConfig
    tree: Node
    password: bytes | None
    secrets: Mapping[str, str] | None
    now: datetime

    def finding(self, key: str, message: str, mend: str, *, warning: bool = False) -> Finding:
        """Return a finding about a key of site.yml."""
        return Finding("site.yml", self.tree.line_of(key), key, message, mend, "warning" if warning else "error")


def public_names(config: SiteConfig) -> tuple[str, ...]:
    """Return the names that the edge answers to, whose certificate ``tls`` is about."""
    return tuple(
        f"{label}.{config.domain}"
        for service, label in PUBLIC_LABELS.items()
        if getattr(config.services, service).enabled and getattr(config.services, service).external is None
    )


def check(material: Material) -> list[Finding]:
    """Return everything that is wrong with the files in tls/."""
    findings = list(_clear_keys(material.directory))
    if material.config.tls.mode == "files":
        findings += _public(material)
    findings += _authorities(material)
    findings += _internal(material)
    return findings


def _clear_keys(directory: Path) -> Iterator[Finding]:
    """Every private key below tls/ is encrypted, whether the site refers to it or not: the site goes into git."""
    folder = directory / "tls"
    for path in sorted(folder.iterdir())[:_MOST_FILES] if folder.is_dir() else ():
        name = f"tls/{path.name}"
        content = read_bytes(directory, name) if path.is_file() else b""
        if isinstance(content, Finding) or b"PRIVATE KEY-----" not in content:
            continue
        line = content[: content.index(b"PRIVATE KEY-----")].count(b"\n") + 1
        yield Finding(
            name,
            line,
            "",
            "this private key is in clear",
            f"run `ansible-vault encrypt {name}` with the site's vault password; if it was ever committed, replace it",
        )


def _read(material: Material, key: str, name: str) -> list[Certificate] | Finding:
    content = read_bytes(material.directory, name)
    if isinstance(content, Finding):
        return material.finding(key, f"{name}: {content.message}", f"put the certificate in PEM at {name}")
    try:
        return certificates(content)
    except ValueError as error:
        return material.finding(key, f"{name} holds no certificate in PEM ({error})", "convert it with `openssl x509`")


def _public(material: Material) -> Iterator[Finding]:
    tls = material.config.tls
    chain = _read(material, "tls.certificate", tls.certificate or "")
    if isinstance(chain, Finding):
        yield chain
        return
    yield from _leaf(material, chain[0])
    yield from _validity(material, "tls.certificate", tls.certificate or "", chain)
    for lower, upper in pairwise(chain):
        if not is_issuer(lower, upper):
            yield material.finding(
                "tls.certificate",
                f"{tls.certificate}: `{lower.subject}` is not signed by `{upper.subject}`, which comes next",
                "put the leaf first, then each certificate's issuer",
            )
    yield from _signed_by(material, chain)
    yield from _key(material, chain[0])


def _leaf(material: Material, leaf: Certificate) -> Iterator[Finding]:
    missing = [name for name in public_names(material.config) if not leaf.covers(name)]
    if missing:
        named = ", ".join(leaf.names[:6]) or "no name at all"
        yield material.finding(
            "tls.certificate",
            f"{material.config.tls.certificate} is for {named}, not for {', '.join(missing)}",
            f"get one for {', '.join(public_names(material.config))}, or for *.{material.config.domain}",
        )


def _validity(material: Material, key: str, name: str, chain: list[Certificate]) -> Iterator[Finding]:
    for certificate in chain:
        until = f"{certificate.end:%Y-%m-%d}"
        if certificate.end <= material.now:
            yield material.finding(key, f"{name}: `{certificate.subject}` has expired on {until}", "renew it")
        elif certificate.start > material.now:
            begin = f"{certificate.start:%Y-%m-%d}"
            yield material.finding(
                key, f"{name}: `{certificate.subject}` is valid only from {begin}", "look at this machine's clock"
            )
        elif certificate.end - material.now < WARN_BELOW:
            yield material.finding(
                key, f"{name}: `{certificate.subject}` ends on {until}", "renew it now", warning=True
            )


def _signed_by(material: Material, chain: list[Certificate]) -> Iterator[Finding]:
    name = material.config.tls.ca
    if name is None:
        return
    roots = _read(material, "tls.ca", name)
    if isinstance(roots, Finding):
        return  # said by _authorities
    top = chain[-1]
    if not any(is_issuer(top, root) or top.der == root.der for root in roots):
        yield material.finding(
            "tls.ca",
            f"{name} has not signed `{top.subject}`, the last certificate of {material.config.tls.certificate}",
            "give the CA that signed it, or complete the chain",
        )


def _key(material: Material, leaf: Certificate) -> Iterator[Finding]:
    name = material.config.tls.key or ""
    content = read_bytes(material.directory, name)
    if isinstance(content, Finding):
        yield material.finding("tls.key", f"{name}: {content.message}", f"put the vault-encrypted key at {name}")
        return
    text = content.decode("ascii", errors="replace")
    if not vault.is_vault(text):
        if "PRIVATE KEY-----" not in text:  # one in clear is found for every file in tls/
            yield material.finding("tls.key", f"{name} is no ansible-vault file", f"run `ansible-vault encrypt {name}`")
        return
    if material.password is None:
        return
    try:
        matches = public_key(vault.decrypt(text, material.password)) == leaf.public_key
    except vault.WrongPasswordError:
        message, mend = f"the vault password does not fit {name}", f"run `ansible-vault rekey {name}`"
    except ValueError as error:
        message, mend = f"{name} holds no usable private key ({error})", "encrypt the key as PEM without a passphrase"
    else:
        message, mend = f"{name} is not the key of {material.config.tls.certificate}", "give the key that belongs to it"
        if matches:
            return
    yield material.finding("tls.key", message, mend)


def _authorities(material: Material) -> Iterator[Finding]:
    """The CAs that the site names: of the public certificate, the directory, the registry, the mirror."""
    config = material.config
    named = {
        "tls.ca": config.tls.ca,
        "sso.directory.ca": config.sso.directory.ca if config.sso.directory else None,
        "registry.ca": config.registry.ca if config.registry else None,
        "artifacts.ca": config.artifacts.ca if config.artifacts else None,
    }
    for key, name in named.items():
        if name is None:
            continue
        found = _read(material, key, name)
        if isinstance(found, Finding):
            yield found
            continue
        for certificate in found:
            if not certificate.is_ca:
                yield material.finding(
                    key, f"{name}: `{certificate.subject}` is no CA", "give the CA's own certificate"
                )
        yield from _validity(material, key, name, found)


def _internal(material: Material) -> Iterator[Finding]:
    """The internal CA's certificate belongs to its key."""
    name = authority.FILE
    content = read_bytes(material.directory, name)
    if isinstance(content, Finding):
        yield Finding(name, None, "", content.message, "run `collab-stack secrets add-missing`, or restore it")
        return
    try:
        certificate = certificates(content)[0]
        key = (material.secrets or {}).get(CA_KEY)
        fits = key is None or public_key(key.encode()) == certificate.public_key
    except ValueError as error:
        yield Finding(name, 1, "", f"the internal CA cannot be read ({error})", "restore it from version control")
        return
    if not fits:
        yield Finding(
            name, 1, "", f"this certificate does not belong to the secret `{CA_KEY}`", "restore both from one commit"
        )
    if certificate.end <= material.now:
        mend = f"remove {name} and the secret `{CA_KEY}`, run `collab-stack secrets add-missing`, and deploy"
        yield Finding(name, 1, "", f"the internal CA has expired on {certificate.end:%Y-%m-%d}", mend)
