"""What a lab remembers, and who may read it."""

from __future__ import annotations

import multiprocessing
import ssl
import stat
import subprocess
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from cryptography import x509

from collab_stack.lab import LabError, state
from collab_stack.lab.layout import MOST_LABS


def test_a_lab_is_remembered_as_it_was_made() -> None:
    made = state.create("one", 2, ())
    assert state.load("one") == made
    assert state.names() == ("one",)
    state.forget("one")
    assert state.load("one") is None


def test_numbers_are_never_shared() -> None:
    assert state.create("one", 1, {0, 2}).index == 1
    assert state.create("two", 1, {0, 2}).index == 3
    with pytest.raises(LabError, match=f"all {MOST_LABS} labs"):
        state.create("three", 1, set(range(MOST_LABS)))


def test_only_the_owner_reads_it() -> None:
    folder = state.create("one", 1, ()).folder
    state.load("one").host_key("host1")  # type: ignore[union-attr]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_passwords_differ_between_people_and_labs() -> None:
    one, two = state.create("one", 1, ()), state.create("two", 1, ())
    passwords = [*one.people.values(), *two.people.values(), one.sudo_password, two.sudo_password]
    assert len(set(passwords)) == len(passwords)
    assert all(password.isalnum() and len(password) == 16 for password in passwords)


def test_a_broken_memory_names_the_file_and_the_mend() -> None:
    made = state.create("one", 1, ())
    (made.folder / "lab.json").write_text("{")
    with pytest.raises(LabError, match=r"lab\.json") as caught:
        state.load("one")
    assert caught.value.mend == "collab-stack lab down --name one"


def _hold(name: str, ready: Event) -> None:
    with state.locked(name):
        ready.set()
        multiprocessing.Event().wait(60)


def test_a_lock_names_its_holder_and_dies_with_it() -> None:
    ready = multiprocessing.Event()
    holder = multiprocessing.Process(target=_hold, args=("one", ready))
    holder.start()
    try:
        assert ready.wait(10)
        with pytest.raises(LabError, match=f"process {holder.pid} "), state.locked("one"):
            pass
    finally:
        holder.kill()
        holder.join(10)
    with state.locked("one"):
        pass


def test_leaves_are_signed_by_the_labs_authority_and_kept(tmp_path: Path) -> None:
    made = state.create("one", 1, ())
    certificate, key = made.kept_leaf("infra", "ldap.agency.example", "198.18.0.20")
    assert made.kept_leaf("infra", "ldap.agency.example") == (certificate, key)
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(certificate)
    verified = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", str(made.ca_file), "-verify_ip", "198.18.0.20", str(leaf)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    private = tmp_path / "leaf.key"
    private.write_text(key)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(leaf, private)


def test_an_expired_leaf_can_be_made() -> None:
    made = state.create("one", 1, ())
    certificate = x509.load_pem_x509_certificate(made.leaf("x.agency.example", days=-1)[0].encode())
    assert certificate.not_valid_before_utc < certificate.not_valid_after_utc
    assert certificate.not_valid_after_utc < datetime.now(UTC)


def test_ssh_reads_the_keys() -> None:
    made = state.create("one", 1, ())
    made.host_key("host1")
    for key in (made.operator_key, made.folder / "ssh_host_host1"):
        derived = subprocess.run(
            ["ssh-keygen", "-y", "-f", str(key)], capture_output=True, text=True, check=True
        ).stdout
        assert key.with_suffix(".pub").read_text().split()[:2] == derived.split()[:2]
