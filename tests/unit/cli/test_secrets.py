"""`secrets`: list, show, set, add-missing and edit."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from collab_stack.operations import secrets_edit
from collab_stack.runner.lock import site_lock
from collab_stack.site import SiteError, authority, password, secrets, vault
from tests.unit.site.sites import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Result
    from tests.unit.site.sites import SiteDir


def values(site: SiteDir) -> dict[str, str]:
    """Return the site's secrets."""
    return secrets.load(site.path, PASSWORD)


def drop(site: SiteDir, name: str) -> None:
    """Remove one secret."""
    rest = values(site)
    del rest[name]
    secrets.write(site.path, rest, PASSWORD, password.site_label(site.path))


def give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Put bytes on the program's standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_list(cli: Callable[..., Result], site: SiteDir) -> None:
    secrets.write(site.path, values(site) | {"forgotten": "of no use"}, PASSWORD, None)
    drop(site, "nextcloud_admin_password")
    entries = cli("secrets", "list", "--json").json["secrets"]
    found = {each["name"]: (each["state"], each["supplied"]) for each in entries}
    assert found["forgotten"] == ("unused", False)
    assert found["nextcloud_admin_password"] == ("missing", False)
    assert found["directory_bind_password"] == ("present", True)
    text = cli("secrets", "list").out
    assert len(text.splitlines()) == len(found)
    assert not any(value in text for value in values(site).values())


def test_show(cli: Callable[..., Result], site: SiteDir) -> None:
    expected = values(site)["probe_user_password"]
    assert cli("secrets", "show", "probe_user_password").out == f"{expected}\n"
    assert cli("secrets", "show", "probe_user_password", "--json").json["value"] == expected


def test_show_unknown(cli: Callable[..., Result], site: SiteDir) -> None:
    result = cli("secrets", "show", "probe_user_pasword", "--json")
    assert (result.code, result.json["error"]["code"]) == (2, "secret-unknown")
    assert "Did you mean `probe_user_password`?" in result.json["error"]["message"]


def test_set(cli: Callable[..., Result], site: SiteDir, monkeypatch: pytest.MonkeyPatch) -> None:
    label = password.site_label(site.path)
    give(monkeypatch, 'lösen #1: "x"\'\n'.encode())
    assert cli("secrets", "set", "directory_bind_password", "--json").json["changed"] is True
    assert values(site)["directory_bind_password"] == 'lösen #1: "x"\''
    assert password.site_label(site.path) == label
    give(monkeypatch, 'lösen #1: "x"\'\n'.encode())
    assert cli("secrets", "set", "directory_bind_password", "--json").json["changed"] is False


@pytest.mark.parametrize("data", [b"", b"a\nb", b"a\x07", b"{{ x }}", b"\xff"])
def test_set_unfit(cli: Callable[..., Result], site: SiteDir, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    before = site.text("secrets.yml")
    give(monkeypatch, data)
    result = cli("secrets", "set", "directory_bind_password", "--json")
    assert (result.code, result.json["error"]["code"]) == (2, "secret-unfit")
    assert site.text("secrets.yml") == before


def test_set_unknown(cli: Callable[..., Result], site: SiteDir, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, b"x")
    result = cli("secrets", "set", "directory_bind_pasword", "--json")
    assert result.code == 2
    assert "Did you mean `directory_bind_password`?" in result.json["error"]["message"]


def test_add_missing(cli: Callable[..., Result], site: SiteDir) -> None:
    before = values(site)
    drop(site, "nextcloud_admin_password")
    drop(site, "directory_bind_password")
    result = cli("secrets", "add-missing", "--json")
    assert result.code == 3
    assert result.json["added"] == ["nextcloud_admin_password"]
    assert result.json["wanted"] == ["directory_bind_password"]
    assert result.json["error"]["mend"] == "run `collab-stack secrets set directory_bind_password`"
    after = values(site)
    assert after["nextcloud_admin_password"] != before["nextcloud_admin_password"]
    assert {name: after[name] for name in after if name != "nextcloud_admin_password"} == {
        name: before[name] for name in before if name not in ("nextcloud_admin_password", "directory_bind_password")
    }


def test_add_missing_changes_nothing_when_all_is_there(cli: Callable[..., Result], site: SiteDir) -> None:
    before = site.text("secrets.yml")
    assert cli("secrets", "add-missing", "--json").json == {"ok": True, "added": [], "wanted": []}
    assert site.text("secrets.yml") == before


def test_lost_certificate_is_made_again_from_its_key(cli: Callable[..., Result], site: SiteDir) -> None:
    key = values(site)["internal_ca_key"]
    (site.path / authority.FILE).unlink()
    assert cli("secrets", "add-missing").code == 0
    assert values(site)["internal_ca_key"] == key
    assert site.check().ok


def test_lost_key_of_the_internal_ca_is_not_replaced(cli: Callable[..., Result], site: SiteDir) -> None:
    drop(site, "internal_ca_key")
    result = cli("secrets", "add-missing", "--json")
    assert result.code == 3
    assert "a new one would not fit what it has signed" in result.json["error"]["message"]
    (site.path / authority.FILE).unlink()
    assert cli("secrets", "add-missing").code == 0
    assert site.check().ok


def test_lost_secrets_are_made_anew(cli: Callable[..., Result], site: SiteDir) -> None:
    (site.path / "secrets.yml").unlink()
    (site.path / authority.FILE).unlink()
    result = cli("secrets", "add-missing", "--json")
    assert result.json["wanted"] == ["directory_bind_password", "operator_become_password"]
    assert "nextcloud_admin_password" in values(site)


@pytest.mark.parametrize("words", [("add-missing",), ("set", "directory_bind_password")])
def test_locked(
    cli: Callable[..., Result], site: SiteDir, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    give(monkeypatch, b"x")
    with site_lock(site.path, "deploy"):
        result = cli("secrets", *words, "--json")
    assert (result.code, result.json["error"]["code"]) == (8, "locked")
    assert "deploy" in result.json["error"]["message"]


def editor(tmp_path: Path, text: str) -> str:
    """Return an editor that is a shell script; $1 is the file."""
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def leftovers() -> list[Path]:
    """Return what edits have left in memory."""
    return list(Path(password.memory_folder() or "/tmp").glob("collab-stack-edit-*"))


def refuse(_error: SiteError) -> bool:
    """Give up after an invalid edit."""
    return False


def test_edit(site: SiteDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    steps = f'stat -c \'%a %A\' "$1" "$(dirname "$1")" > {seen}; echo \'# kept\' >> "$1"; touch "$1~"'
    monkeypatch.setenv("EDITOR", editor(tmp_path, steps))
    before = values(site)
    assert secrets_edit.edit(site.path, site.password_file, refuse) is True
    assert values(site) == before
    assert vault.decrypt(site.text("secrets.yml"), PASSWORD).endswith(b"# kept\n")
    assert seen.read_text() == "600 -rw-------\n700 drwx------\n"
    assert leftovers() == []


def test_edit_without_change_writes_nothing(site: SiteDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "true")
    before = site.text("secrets.yml")
    assert secrets_edit.edit(site.path, site.password_file, refuse) is False
    assert site.text("secrets.yml") == before


def test_invalid_edit_can_be_mended_or_given_up(site: SiteDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = (
        f'if [ -e {tmp_path}/once ]; then sed -i /broken/d "$1"; else touch {tmp_path}/once; echo broken: x >> "$1"; fi'
    )
    monkeypatch.setenv("EDITOR", editor(tmp_path, once))
    before = site.text("secrets.yml")
    with pytest.raises(SiteError):
        secrets_edit.edit(site.path, site.password_file, refuse)
    assert site.text("secrets.yml") == before
    (tmp_path / "once").unlink()
    asked: list[SiteError] = []

    def again(error: SiteError) -> bool:
        asked.append(error)
        return True

    secrets_edit.edit(site.path, site.password_file, again)
    assert len(asked) == 1
    assert "nothing but `collab_secrets` belongs at the top" in asked[0].message
    assert leftovers() == []


def test_editor_that_fails(site: SiteDir, monkeypatch: pytest.MonkeyPatch) -> None:
    before = site.text("secrets.yml")
    for command, part in (("false", "ended with 1"), ("/nowhere/vi", "cannot be started")):
        monkeypatch.setenv("EDITOR", command)
        with pytest.raises(Exception, match=part):
            secrets_edit.edit(site.path, site.password_file, refuse)
    assert site.text("secrets.yml") == before
    assert leftovers() == []


def test_edit_needs_a_terminal(cli: Callable[..., Result], site: SiteDir) -> None:
    result = cli("secrets", "edit", "--json")
    assert (result.code, result.json["error"]["code"]) == (2, "no-terminal")
    assert "secrets set" in result.json["error"]["mend"]


def start_edit(site: SiteDir, command: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start `secrets edit` on a terminal of its own."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "collab_stack", "secrets", "edit"]
    environment = os.environ | {"EDITOR": command, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=site.path, start_new_session=True
    )
    os.close(theirs)
    return process, ours


def wait_for(found: Callable[[], object], what: str) -> None:
    """Wait for a condition, at most 20 s."""
    for _ in range(400):
        if found():
            return
        time.sleep(0.05)
    raise AssertionError(what)


def test_edit_on_a_terminal(site: SiteDir, tmp_path: Path) -> None:
    process, terminal = start_edit(site, editor(tmp_path, 'echo "# by hand" >> "$1"'))
    assert process.wait(20) == 0
    assert b"The secrets are written." in os.read(terminal, 4096)
    os.close(terminal)
    assert vault.decrypt(site.text("secrets.yml"), PASSWORD).endswith(b"# by hand\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_ended_edit_leaves_no_plaintext(site: SiteDir, tmp_path: Path, number: signal.Signals) -> None:
    before = site.text("secrets.yml")
    process, terminal = start_edit(site, editor(tmp_path, f"touch {tmp_path}/open; exec sleep 30"))
    wait_for((tmp_path / "open").exists, "the editor did not start")
    assert leftovers()
    process.send_signal(number)
    assert process.wait(20) == 130
    os.close(terminal)
    assert leftovers() == []
    assert site.text("secrets.yml") == before


def test_killed_edit_is_cleaned_up_by_the_next(site: SiteDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, terminal = start_edit(site, editor(tmp_path, f"touch {tmp_path}/open; exec sleep 2"))
    wait_for((tmp_path / "open").exists, "the editor did not start")
    process.kill()
    process.wait(20)
    os.close(terminal)
    assert leftovers()
    monkeypatch.setenv("EDITOR", "true")
    secrets_edit.edit(site.path, site.password_file, refuse)
    assert leftovers() == []
