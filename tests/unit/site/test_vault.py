"""The vault format: ours and Ansible's read each other, and nothing else passes."""

from __future__ import annotations

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from hypothesis import given, settings
from hypothesis import strategies as st

from collab_stack.site import vault

PASSWORD = b"correct horse"


def ansible(password: bytes = PASSWORD) -> VaultLib:
    """Return Ansible's own library with a password."""
    return VaultLib([("default", VaultSecret(password))])


@pytest.mark.parametrize("name", [None, "agency.example-1a2b3c4d"])
@pytest.mark.parametrize("plain", [b"", b"x" * 15, b"x" * 16, b"x" * 17, "collab_secrets: {a: 'ö'}\n".encode()])
def test_ansible_reads_ours(plain: bytes, name: str | None) -> None:
    text = vault.encrypt(plain, PASSWORD, name)
    assert ansible().decrypt(text) == plain
    assert vault.label(text) == name
    assert max(len(line) for line in text.splitlines()) == 80


@pytest.mark.parametrize("name", [None, "agency.example-1a2b3c4d"])
def test_we_read_ansibles(name: str | None) -> None:
    text = ansible().encrypt(b"collab_secrets: {}\n", secret=VaultSecret(PASSWORD), vault_id=name).decode()
    assert vault.decrypt(text, PASSWORD) == b"collab_secrets: {}\n"
    assert vault.label(text) == name


@settings(max_examples=30, deadline=None)
@given(plain=st.binary(max_size=200), password=st.binary(min_size=1, max_size=40))
def test_round_trip(plain: bytes, password: bytes) -> None:
    assert vault.decrypt(vault.encrypt(plain, password), password) == plain


def test_wrong_password() -> None:
    with pytest.raises(vault.WrongPasswordError):
        vault.decrypt(vault.encrypt(b"x", PASSWORD), b"other")


def test_altered_text_is_refused() -> None:
    text = vault.encrypt(b"x" * 40, PASSWORD)
    digit = text[-3]
    with pytest.raises((vault.WrongPasswordError, vault.NotVaultError)):
        vault.decrypt(text[:-3] + ("1" if digit != "1" else "2") + text[-2:], PASSWORD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "collab_secrets: {}\n",
        "$ANSIBLE_VAULT;1.0;AES\n00\n",
        "$ANSIBLE_VAULT;1.1;AES256\n",
        "$ANSIBLE_VAULT;1.1;AES256\nxyz\n",
        "$ANSIBLE_VAULT;1.1;AES256\n3030\n",
        "$ANSIBLE_VAULT;1.1\n3030\n",
    ],
)
def test_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(vault.NotVaultError):
        vault.decrypt(text, PASSWORD)
