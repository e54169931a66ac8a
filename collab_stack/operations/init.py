"""`init`: make a new site directory from an example, with its own secrets and its own internal CA."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from collab_stack import paths
from collab_stack.errors import CollabError, ExitCode
from collab_stack.operations import secrets as secrets_operation
from collab_stack.site import Finding, Site, SiteError, authority, password, secrets
from collab_stack.site.findings import nearest
from collab_stack.site.loader import examine
from collab_stack.site.model.base import DomainName
from collab_stack.site.source import read_bytes

if TYPE_CHECKING:
    from collab_stack.site.password import VaultPassword

_FILES: Final = ("site.yml", "hosts.yml", "images.lock", "waivers.yml", "known_hosts", "README.md")
_NAMING: Final = ("site.yml", "hosts.yml")
"""The files that name the domain."""


@dataclass(frozen=True, slots=True)
class Made:
    """What ``init`` made.

    :param vault_password: where the vault password is.
    :param created_password: whether it was made now, and not given.
    :param wanted: secrets that a person has to supply.
    """

    directory: Path
    vault_password: Path
    created_password: bool
    wanted: tuple[str, ...]


def init(target: Path, domain: str, source: str = "single", vault_password_file: Path | None = None) -> Made:
    """Make a site directory; it is there whole or not at all.

    :param target: a directory that does not exist yet, or is empty.
    :param domain: takes the place of the example's own, in site.yml and hosts.yml.
    :param source: the name of a shipped example, or a directory that is one.
    :param vault_password_file: a file or executable with the vault password; without it one is made, outside the site.
    :raises CollabError: with what is in the way; then nothing was made.
    """
    _valid_domain(domain)
    example = _example(source)
    directory = target.expanduser().absolute()
    _free(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    given = password.find(directory, vault_password_file) if vault_password_file is not None else None
    label = password.new_label(domain)
    work = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        site = _copy(example, work, domain)
        vault = given or password.create(label)
        try:
            wanted = _secrets(site, vault, label)
            work.chmod(0o755)
            work.replace(directory.resolve())
        except BaseException:
            if given is None and vault.path is not None:
                vault.path.unlink(missing_ok=True)
            raise
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return Made(directory, vault.path or Path(), given is None, wanted)


def _valid_domain(domain: str) -> None:
    try:
        TypeAdapter(DomainName).validate_python(domain, strict=True)
    except ValidationError as error:
        detail = error.errors()[0]
        text = str(detail.get("ctx", {}).get("error") or "give a name such as agency.example")
        raise _refused(f"`{domain}` is no domain: {text}.", "give --domain agency.example", "domain-invalid") from None


def _example(source: str) -> Path:
    shipped = {path.name: path for path in sorted(paths.inventories().iterdir()) if (path / "site.yml").is_file()}
    if source in shipped:
        return shipped[source]
    given = Path(source).expanduser()
    if (given / "site.yml").is_file():
        return given.absolute()
    near = nearest(source, shipped)
    hint = f" Did you mean `{near}`?" if near else ""
    mend = f"give --from one of {', '.join(shipped)}, or a directory with a site.yml"
    raise _refused(f"There is no example `{source}`.{hint}", mend, "example-unknown")


def _free(directory: Path) -> None:
    try:
        taken = any(directory.iterdir())
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise _refused(f"{directory} is a file.", "give another DIR", "directory-taken") from None
    if taken:
        raise _refused(f"{directory} is not empty; nothing in it was touched.", "give another DIR", "directory-taken")


def _copy(example: Path, work: Path, domain: str) -> Site:
    """Copy the example, with the domain filled in.

    :raises SiteError: when the example itself is invalid.
    """
    old = _typed(example).config.domain
    shutil.copyfile(paths.templates() / "site" / "gitignore", work / ".gitignore")
    (work / "tls").mkdir()
    names = [name for name in _FILES if (example / name).is_file()]
    names += [f"tls/{path.name}" for path in sorted((example / "tls").glob("*")) if path.is_file()]
    for name in names:
        content = read_bytes(example, name)
        if isinstance(content, Finding):
            raise SiteError([content])
        if name in _NAMING:
            content = _renamed(content.decode("utf-8"), old, domain).encode("utf-8")
        if name != authority.FILE:  # each site has a CA of its own
            (work / name).write_bytes(content)
    return _typed(work)


def _typed(directory: Path) -> Site:
    """Return a site that may still lack its secrets and certificates: those come with `init`, or from the operator."""
    examination = examine(directory)
    if examination.site is None:
        raise SiteError(examination.findings)
    return examination.site


def _renamed(text: str, old: str, new: str) -> str:
    """Replace a domain, as a name and as the components of a DN, but not where it is part of a longer one."""
    for before, after in ((old, new), (_dn(old), _dn(new))):
        text = re.sub(rf"(?<![A-Za-z0-9-]){re.escape(before)}(?!\.?[A-Za-z0-9-])", after, text)
    return text


def _dn(domain: str) -> str:
    return ",".join(f"dc={label}" for label in domain.split("."))


def _secrets(site: Site, vault: VaultPassword, label: str) -> tuple[str, ...]:
    """Write all secrets that can be generated; return those that cannot."""
    wanted = secrets_operation.needed(site)
    values, certificate = secrets_operation.fill(site, wanted, {})
    secrets.write(site.directory, values, vault.secret, label)
    if certificate is not None:
        (site.directory / authority.FILE).write_text(certificate, encoding="utf-8")
    return tuple(sorted(wanted - set(values)))


def _refused(message: str, mend: str, code: str) -> CollabError:
    return CollabError(message, mend=mend, code=code, exit_code=ExitCode.USAGE)
