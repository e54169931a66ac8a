"""The file format of ansible-vault, read and written without importing Ansible.

Importing Ansible's own takes 0.2 s, which `check` has no time for. The format (docs.ansible.com, "Ansible Vault payload
format 1.1 - 1.2"): a header line; then hex of three lines of hex: salt, HMAC-SHA256, ciphertext. PBKDF2-HMAC-SHA256
with 10000 rounds gives 32 bytes of AES-256-CTR key, 32 of HMAC key, 16 of counter; the padding is PKCS#7. Tests hold
it to Ansible's library in both directions.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from binascii import Error as HexError
from binascii import hexlify, unhexlify
from functools import lru_cache
from typing import Final

_MARK: Final = "$ANSIBLE_VAULT"
_ROUNDS: Final = 10000
_BLOCK: Final = 16
_WIDTH: Final = 80


class NotVaultError(ValueError):
    """The text is no vault file, or a damaged one."""


class WrongPasswordError(ValueError):
    """The password does not fit, or the text was altered."""


def is_vault(text: str) -> bool:
    """Say whether a text is meant to be a vault file."""
    return text.startswith(_MARK)


def label(text: str) -> str | None:
    """Return the label in the header of a vault file (format 1.2), or None."""
    fields = text.split("\n", 1)[0].strip().split(";")
    return fields[3] if len(fields) == 4 and fields[0] == _MARK and fields[1] == "1.2" else None


def decrypt(text: str, password: bytes) -> bytes:
    """Return the plaintext.

    :raises NotVaultError: when the text is not in the format.
    :raises WrongPasswordError: when the password does not fit.
    """
    salt, mac, ciphertext = _fields(text)
    cipher_key, mac_key, counter = _keys(password, salt)
    if not hmac.compare_digest(hmac.digest(mac_key, ciphertext, "sha256"), mac):
        raise WrongPasswordError("the vault password does not fit")
    padded = _aes(cipher_key, counter, ciphertext)
    padding = padded[-1] if padded else 0
    if not 1 <= padding <= _BLOCK or padded[-padding:] != bytes([padding]) * padding:
        raise NotVaultError("the padding is damaged")
    return padded[:-padding]


def encrypt(plaintext: bytes, password: bytes, name: str | None = None) -> str:
    """Return a vault file.

    :param name: goes into the header, readable by everybody; `ansible-vault edit` keeps it.
    """
    salt = os.urandom(32)
    cipher_key, mac_key, counter = _keys(password, salt)
    padding = _BLOCK - len(plaintext) % _BLOCK
    ciphertext = _aes(cipher_key, counter, plaintext + bytes([padding]) * padding)
    mac = hmac.digest(mac_key, ciphertext, "sha256")
    body = hexlify(b"\n".join((hexlify(salt), hexlify(mac), hexlify(ciphertext)))).decode("ascii")
    header = f"{_MARK};1.2;AES256;{name}" if name else f"{_MARK};1.1;AES256"
    lines = [body[start : start + _WIDTH] for start in range(0, len(body), _WIDTH)]
    return "\n".join([header, *lines, ""])


def _fields(text: str) -> tuple[bytes, bytes, bytes]:
    header, _, body = text.partition("\n")
    marks = header.strip().split(";")
    if marks[0] != _MARK or len(marks) not in (3, 4) or marks[1] not in ("1.1", "1.2") or marks[2] != "AES256":
        raise NotVaultError("the first line is not that of a vault file with AES256")
    try:
        salt, mac, ciphertext = (unhexlify(part) for part in unhexlify("".join(body.split())).split(b"\n", 2))
    except (HexError, ValueError):
        raise NotVaultError("the text below the first line is damaged") from None
    return salt, mac, ciphertext


@lru_cache(maxsize=16)
def _keys(password: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    derived = hashlib.pbkdf2_hmac("sha256", password, salt, _ROUNDS, 80)
    return derived[:32], derived[32:64], derived[64:]


def _aes(key: bytes, counter: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - 0.05 s to import

    encryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()  # CTR: both directions are the same
    return encryptor.update(data) + encryptor.finalize()
