# Copyright: collab-stack contributors
# GNU General Public License v3.0 or later (see LICENSE)
"""The controller's side of certificates from the internal CA: judges what a host has, and signs what it asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SLOW_CLOCK = timedelta(hours=1)
"""How far a client's clock may be behind ours and still accept a new certificate."""

USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
"""An EC key of a TLS server signs, and does nothing else (RFC 8446 4.4.2.2)."""


class Authority:
    """The internal CA.

    :raises AnsibleActionFail: when key and certificate are not a pair.
    """

    def __init__(self, certificate: str, key: str) -> None:
        try:
            self.certificate = x509.load_pem_x509_certificate(certificate.encode())
            loaded = serialization.load_pem_private_key(key.encode(), None)
        except (ValueError, TypeError) as error:
            # What the error says about a key may hold a part of it.
            raise AnsibleActionFail(
                "the internal CA cannot be read: check tls/internal-ca.pem and internal_ca_key in secrets.yml"
            ) from error
        if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != self.certificate.public_key():
            raise AnsibleActionFail("internal_ca_key in secrets.yml is not the key of tls/internal-ca.pem")
        self._key = loaded

    def sign(self, request: str, names: list[str], days: int, now: datetime) -> str:
        """Return the certificate in PEM for the key of a request.

        :param names: DNS names; who asks has no say in them.
        """
        asked = x509.load_pem_x509_csr(request.encode())
        if not asked.is_signature_valid:
            raise AnsibleActionFail("a host sent a request whose signature is not of the key in it")
        key = asked.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise AnsibleActionFail("a host sent a request for a key that is no EC key")
        own = self.certificate.public_key()
        assert isinstance(own, ec.EllipticCurvePublicKey)  # noqa: S101 - seen in __init__; told to the type checker
        end = min(now + timedelta(days=days), self.certificate.not_valid_after_utc)
        signed = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])]))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - SLOW_CLOCK)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(USAGE, critical=True)
            .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
            .sign(self._key, hashes.SHA384())
        )
        return signed.public_bytes(serialization.Encoding.PEM).decode()


def unfit(leaf: dict[str, str], names: list[str], authority: x509.Certificate, end: datetime) -> str:
    """Return why a leaf has to be issued anew, or an empty text.

    :param leaf: ``certificate`` and ``public_key`` in PEM, as the host has them.
    :param end: until when the certificate has to be valid at least, unless the CA itself ends before.
    """
    if not leaf["certificate"] or not leaf["public_key"]:
        return "missing"
    try:
        certificate = x509.load_pem_x509_certificate(leaf["certificate"].encode())
        key = serialization.load_pem_public_key(leaf["public_key"].encode())
        certificate.verify_directly_issued_by(authority)
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except InvalidSignature:
        return "of another CA"
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return "altered, or of another CA"
    found = set(alternative.get_values_for_type(x509.DNSName))
    checks = {
        "not of its key": certificate.public_key() == key,
        "for other names": found == set(names),
        f"valid until {certificate.not_valid_after_utc:%Y-%m-%d} only": certificate.not_valid_after_utc
        >= min(end, authority.not_valid_after_utc),
    }
    return next((reason for reason, holds in checks.items() if not holds), "")


class ActionModule(ActionBase):
    """Calls the module: to look, and where something is to be done, to make keys and to install."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Converge a host's certificates."""
        super().run(tmp, task_vars)
        given = dict(self._task.args)
        authority = given.pop("authority")
        ca = Authority(str(authority["certificate"]), str(authority["key"]))
        now = datetime.now(UTC)
        seen = self._call({**given, "phase": "look"}, task_vars)
        if seen.get("failed"):
            return seen
        wanted = {leaf["name"]: [str(name) for name in leaf["dns"]] for leaf in given.get("leaves", [])}
        end = now + timedelta(days=int(given.get("renew_days", 30)))
        reasons = {
            name: reason
            for name, names in wanted.items()
            if (reason := unfit(seen["leaves"][name], names, ca.certificate, end))
        }
        if self._task.check_mode or not (reasons or seen["changed"]):
            return _report(seen, reasons, seen)
        certificates: dict[str, str] = {}
        if reasons:
            asked = self._call({**given, "phase": "request", "requests": list(reasons)}, task_vars)
            if asked.get("failed"):
                return asked
            days = int(given.get("valid_days", 180))
            certificates = {
                name: ca.sign(request, wanted[name], days, now) for name, request in asked["requests"].items()
            }
        done = self._call({**given, "phase": "install", "certificates": certificates}, task_vars)
        return done if done.get("failed") else _report(done, reasons, seen)

    def _call(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name="tls_leaves", module_args=arguments, task_vars=task_vars
        )
        return result


def _report(result: dict[str, Any], reasons: dict[str, str], seen: dict[str, Any]) -> dict[str, Any]:
    """Return what the task tells: which certificates were issued and why, and the files besides theirs.

    Check mode cannot tell the files of a certificate that is still to be issued, so a deploy does not either.
    """
    issued = [{"object": f"certificate {name}", "action": "issue", "differs": [why]} for name, why in reasons.items()]
    diffs = [
        {
            "before_header": f"certificate {name}",
            "after_header": f"certificate {name}",
            "before": f"{why}\n",
            "after": "issued\n",
        }
        for name, why in reasons.items()
    ]
    paths = [path for name in reasons for path in seen["files"][name]]
    told = {key: value for key, value in result.items() if key not in ("leaves", "files", "invocation")}
    return told | {
        "changed": bool(result["changed"] or reasons),
        "objects": issued + [entry for entry in result["objects"] if entry["object"] not in paths],
        "diff": diffs + [entry for entry in result["diff"] if entry["after_header"] not in paths],
        "changed_paths": list(dict.fromkeys([*result["changed_paths"], *paths])),
    }
