"""Where the vault password comes from: the first source that is there, and no other."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from collab_stack.errors import CollabError
from collab_stack.site import password, vault


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose home is the test's own."""
    return {"HOME": str(tmp_path / "home")}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a site with nothing but a labelled vault."""
    path = tmp_path / "site"
    path.mkdir()
    (path / "secrets.yml").write_text(vault.encrypt(b"collab_secrets: {}\n", b"x", "agency.example-00112233"))
    return path


def test_given_file_wins_over_all(directory: Path, tmp_path: Path, home: dict[str, str]) -> None:
    password.create("agency.example-00112233", home)
    for name in ("given", "environment"):
        (tmp_path / name).write_text(f" {name}\n")
    environment = home | {password.VARIABLE: str(tmp_path / "environment")}
    assert password.find(directory, tmp_path / "given", environment).secret == b"given"
    assert password.find(directory, None, environment).secret == b"environment"


def test_file_that_init_wrote_is_found_by_the_label(directory: Path, tmp_path: Path, home: dict[str, str]) -> None:
    created = password.create("agency.example-00112233", home)
    moved = directory.rename(tmp_path / "moved")
    found = password.find(moved, None, home)
    assert found.path == created.path == tmp_path / "home/.config/collab-stack/vault/agency.example-00112233"
    assert found.secret == created.secret


def test_created_file_is_private_and_never_overwritten(home: dict[str, str]) -> None:
    created = password.create("a-1", home)
    assert created.path is not None
    assert stat.S_IMODE(created.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(created.path.parent.stat().st_mode) == 0o700
    assert len(created.secret) >= 40
    with pytest.raises(CollabError, match="cannot be written"):
        password.create("a-1", home)


def test_xdg_config_home(directory: Path, tmp_path: Path) -> None:
    path = password.create("agency.example-00112233", {"XDG_CONFIG_HOME": str(tmp_path / "cfg")}).path
    assert path == tmp_path / "cfg/collab-stack/vault/agency.example-00112233"


@pytest.mark.parametrize("label", ["../../etc/passwd", ".hidden", "a/b", ""])
def test_label_that_would_lead_elsewhere_is_not_followed(directory: Path, label: str, home: dict[str, str]) -> None:
    (directory / "secrets.yml").write_text(f"$ANSIBLE_VAULT;1.2;AES256;{label}\n00\n")
    assert password.site_label(directory) is None
    with pytest.raises(CollabError) as raised:
        password.find(directory, None, home)
    assert raised.value.code == "vault-password-missing"


def test_none(directory: Path, home: dict[str, str]) -> None:
    with pytest.raises(CollabError) as raised:
        password.find(directory, None, home)
    assert (raised.value.code, raised.value.exit_code) == ("vault-password-missing", 3)
    assert "--vault-password-file" in raised.value.mend


def test_given_file_that_is_not_there(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(CollabError, match="is not there"):
        password.find(directory, tmp_path / "nowhere", {})


def test_file_within_the_site_is_refused(directory: Path) -> None:
    (directory / "password").write_text("x")
    with pytest.raises(CollabError, match="lies in the site"):
        password.find(directory, directory / "password", {})


def test_empty_file_is_refused(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(CollabError, match="is empty"):
        _ = password.find(directory, tmp_path / "empty", {}).secret


def script(path: Path, text: str) -> Path:
    """Write an executable."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_executable_is_run(directory: Path, tmp_path: Path) -> None:
    found = password.find(directory, script(tmp_path / "give", "echo 'from a program '"), {})
    assert found.secret == b"from a program "


def test_executable_that_fails(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(CollabError, match="ended with 3"):
        _ = password.find(directory, script(tmp_path / "give", "exit 3"), {}).secret


@pytest.mark.parametrize("kind", ["file", "program"])
def test_ansible_reads_the_same_password(directory: Path, tmp_path: Path, kind: str) -> None:
    """`ansible-vault view` with the same option opens what we wrote, whatever the source."""
    given = tmp_path / "given"
    if kind == "file":
        given.write_text("  secret with blanks \n")
    else:
        script(given, "echo ' secret with blanks '")
    found = password.find(directory, given, {})
    (directory / "secrets.yml").write_text(vault.encrypt(b"collab_secrets: {}\n", found.secret, "label"))
    with found.ansible_file() as path:
        argv = [str(Path(sys.executable).parent / "ansible-vault"), "view", "--vault-password-file", str(path)]
        result = subprocess.run([*argv, "secrets.yml"], cwd=directory, capture_output=True, text=True, check=False)
    assert result.stdout == "collab_secrets: {}\n", result.stderr


def test_ansible_vault_edit_keeps_the_label(directory: Path, tmp_path: Path) -> None:
    """So the site still finds its password after somebody used Ansible's own editor verb."""
    given = tmp_path / "given"
    given.write_text("x\n")
    argv = [str(Path(sys.executable).parent / "ansible-vault"), "edit", "--vault-password-file", str(given)]
    environment = os.environ | {"EDITOR": str(script(tmp_path / "editor", 'echo "# edited" >> "$1"'))}
    subprocess.run([*argv, "secrets.yml"], cwd=directory, env=environment, capture_output=True, check=True)
    text = (directory / "secrets.yml").read_text()
    assert vault.decrypt(text, b"x") == b"collab_secrets: {}\n# edited\n"
    assert password.site_label(directory) == "agency.example-00112233"


def test_keyring(directory: Path, home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring's own interface, in memory: a test machine has no unlocked one."""
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")

    class Memory(backend.KeyringBackend):  # type: ignore[misc, name-defined]
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            known = {("collab-stack", "agency.example-00112233"): "from the keyring"}
            return known.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

    monkeypatch.setattr(keyring.core, "_keyring_backend", Memory())
    found = password.find(directory, None, home)
    assert (found.origin, found.path, found.secret) == ("the keyring", None, b"from the keyring")
    with found.ansible_file() as path:
        assert path.read_bytes() == b"from the keyring\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_machine_without_keyring(directory: Path, home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", ModuleType("keyring"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(CollabError, match="none is kept for this site"):
        password.find(directory, None, home)
