"""The internal CA: it signs what the services show each other. Its key is a secret, its certificate is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

FILE: Final = "tls/internal-ca.pem"
"""Below the site: the certificate in PEM, in clear, because everybody who has to trust it needs it."""

YEARS: Final = 10
_DAY: Final = timedelta(days=1)


def create(
    organisation: str, domain: str, *, key_pem: str | None = None, now: datetime | None = None
) -> tuple[str, str]:
    """Return key and self-signed certificate of a CA, both in PEM.

    :param key_pem: an existing key, whose certificate was lost; what it has signed stays valid.
    :raises ValueError: when that is no key in PEM.
    :raises TypeError: when it is one of another kind, or needs a passphrase.

    EC P-384 with SHA-384, ten years, may sign leaves only. Its subject names the domain, so that somebody who finds it
    in a trust store knows whose it is.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - 0.05 s that other verbs need not pay
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - the same

    start = (now or datetime.now(UTC)) - _DAY  # a host whose clock is slow must not refuse it
    key = (
        serialization.load_pem_private_key(key_pem.encode(), None)
        if key_pem
        else ec.generate_private_key(ec.SECP384R1())
    )
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("it is no EC key")
    certificate = _certificate(key, organisation, domain, start)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def _certificate(key: ec.EllipticCurvePrivateKey, organisation: str, domain: str, start: datetime) -> x509.Certificate:
    """Return the CA's certificate, signed by itself."""
    from cryptography import x509  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - the same

    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation[:64]),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, f"collab-stack CA of {domain}"[:64]),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA384())
    )


def _usage() -> x509.KeyUsage:
    """Return that the key signs certificates and revocation lists, and nothing else."""
    from cryptography import x509  # noqa: PLC0415 - as above

    denied = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**dict.fromkeys(denied, False), key_cert_sign=True, crl_sign=True)
