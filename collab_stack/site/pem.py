"""Certificates and keys in PEM, reduced to what the checks ask. `cryptography` is imported when first needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate.

    :param names: its DNS names (subjectAltName; the common name counts for nothing, RFC 9525 §6.3).
    :param public_key: as DER SubjectPublicKeyInfo.
    """

    subject: str
    names: tuple[str, ...]
    start: datetime
    end: datetime
    is_ca: bool
    public_key: bytes
    der: bytes

    def covers(self, name: str) -> bool:
        """Say whether it is valid for a DNS name; a wildcard stands for exactly one label."""
        wanted = name.lower()
        wildcard = f"*.{wanted.split('.', 1)[-1]}"
        return any(given.lower() in (wanted, wildcard) for given in self.names)


@lru_cache(maxsize=64)
def certificates(content: bytes) -> list[Certificate]:
    """Return the certificates of a PEM file, in its order; at least one.

    :raises ValueError: when there is none, or a damaged one.
    """
    from cryptography import x509  # noqa: PLC0415 - 0.05 s to import

    return [_certificate(found) for found in x509.load_pem_x509_certificates(content)]


def _certificate(found: x509.Certificate) -> Certificate:
    from cryptography import x509  # noqa: PLC0415 - 0.05 s to import
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - the same

    try:
        names = tuple(
            found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
                x509.DNSName
            )
        )
    except x509.ExtensionNotFound:
        names = ()
    try:
        is_ca = found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    return Certificate(
        subject=found.subject.rfc4514_string(),
        names=names,
        start=found.not_valid_before_utc,
        end=found.not_valid_after_utc,
        is_ca=is_ca,
        public_key=_spki(found.public_key()),
        der=found.public_bytes(serialization.Encoding.DER),
    )


@lru_cache(maxsize=64)
def is_issuer(lower: Certificate, upper: Certificate) -> bool:
    """Say whether ``upper`` has signed ``lower``."""
    from cryptography import x509  # noqa: PLC0415 - 0.05 s to import
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - the same

    issuer = x509.load_der_x509_certificate(upper.der)
    try:
        x509.load_der_x509_certificate(lower.der).verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


@lru_cache(maxsize=16)
def public_key(private: bytes) -> bytes:
    """Return the public key (DER SubjectPublicKeyInfo) of a private key in PEM.

    :raises ValueError: when it is no private key, or needs a passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - 0.05 s to import
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - the same

    try:
        return _spki(serialization.load_pem_private_key(private, None).public_key())
    except TypeError:
        raise ValueError("it needs a passphrase") from None
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None


def _spki(key: PublicKeyTypes) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - 0.05 s to import

    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
