"""What the nextcloud_instance module decides, and how it unpacks apps, with real archives on the disk."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.collab.nextcloud import apps, differences


def test_system_settings_that_are_equal_change_nothing() -> None:
    found = differences.settings({"loglevel": 2, "a": []}, [], {"system": {"loglevel": 2, "a": [], "other": 1}})
    assert found.changes == []
    assert found.document() == ""


def test_system_settings_that_differ_are_named_with_both_values() -> None:
    found = differences.settings({"loglevel": 2, "new": False}, [], {"system": {"loglevel": 0}})
    assert [(change.target, change.before, change.after, change.action) for change in found.changes] == [
        ("system setting loglevel", "0", "2", "change"),
        ("system setting new", "", "false", "create"),
    ]
    assert json.loads(found.document()) == {"system": {"loglevel": 2, "new": False}}


def test_a_number_is_not_its_text() -> None:
    # config.php keeps types, and Nextcloud compares some settings strictly.
    assert differences.settings({"x": False}, [], {"system": {"x": "false"}}).system == {"x": False}


def _setting(value: str, kind: str = "string") -> dict[str, str]:
    return {"app": "core", "key": "k", "value": value, "type": kind}


@pytest.mark.parametrize(("stored", "wanted"), [("no", "no"), (True, "1"), (False, "0"), (5, "5")])
def test_app_settings_compare_by_value_whatever_their_type(stored: object, wanted: str) -> None:
    found = differences.settings({}, [_setting(wanted)], {"apps": {"core": {"k": stored}}})
    assert found.changes == []


def test_an_app_setting_that_nextcloud_has_typed_is_set_with_its_type() -> None:
    found = differences.settings({}, [_setting("0")], {"apps": {"core": {"k": True}}})
    assert found.strings == {}
    assert found.typed == [("core", "k", "0", "boolean")]


def test_a_string_setting_goes_through_config_import() -> None:
    found = differences.settings({}, [_setting("no")], {"apps": {"core": {"k": "yes"}}})
    assert json.loads(found.document()) == {"apps": {"core": {"k": "no"}}}


def test_apps_are_switched_only_when_they_differ() -> None:
    actual = {"apps": {"on": {"enabled": "yes"}, "off": {"enabled": "no"}, "group": {"enabled": '["staff"]'}}}
    on, off, changes = differences.app_states(["on", "off", "new"], ["group", "off", "unknown"], actual)
    assert (on, off) == (["off", "new"], ["group"])
    assert [change.target for change in changes] == ["app off", "app new", "app group"]


WANTED: dict[str, Any] = {
    "identifier": "keycloak",
    "client_id": "nextcloud",
    "client_secret": "hidden-value",
    "discovery_uri": "https://id.agency.example/realms/agency/.well-known/openid-configuration",
    "scope": "openid profile email",
    "options": {"unique-uid": "0", "check-bearer": "1", "mapping-uid": "collab_identity"},
}
STORED: dict[str, Any] = {
    "id": 1,
    "identifier": "keycloak",
    "clientId": "nextcloud",
    "discoveryEndpoint": WANTED["discovery_uri"],
    "scope": "openid profile email",
    "settings": {"uniqueUid": False, "checkBearer": True, "mappingUid": "collab_identity"},
}
RECORDED = differences.digest("hidden-value")


def test_a_provider_that_is_right_changes_nothing() -> None:
    assert differences.provider(WANTED, STORED, RECORDED) == []


@pytest.mark.parametrize(
    ("stored", "recorded", "target"),
    [
        (None, RECORDED, "login provider keycloak"),
        ({**STORED, "clientId": "x"}, RECORDED, "login provider keycloak: clientId"),
        ({**STORED, "scope": "openid"}, RECORDED, "login provider keycloak: scope"),
        (
            {**STORED, "settings": {**STORED["settings"], "checkBearer": False}},
            RECORDED,
            "login provider keycloak: check-bearer",
        ),
        (STORED, "", "login provider keycloak: client secret"),
    ],
)
def test_what_differs_at_a_provider_is_named_and_no_secret_is(
    stored: dict[str, Any] | None, recorded: str, target: str
) -> None:
    found = differences.provider(WANTED, stored, recorded)
    assert [change.target for change in found] == [target]
    assert "hidden-value" not in repr(found)


def test_the_secret_is_not_on_the_command_line() -> None:
    arguments = differences.provider_arguments(WANTED, "VARIABLE")
    assert "hidden-value" not in " ".join(arguments)
    assert "--clientid=nextcloud" in arguments


def _archive(path: Path, files: dict[str, bytes]) -> apps.App:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return apps.App("user_oidc", hashlib.sha512(path.read_bytes()).hexdigest(), str(path))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Giving files to uid 33 needs root; everything else here is real.
    monkeypatch.setattr("os.chown", lambda *_: None)
    custom = tmp_path / "custom_apps"
    custom.mkdir()
    return custom


def test_unpacking_replaces_the_old_files_and_is_then_current(folder: Path, tmp_path: Path) -> None:
    (folder / "user_oidc").mkdir()
    (folder / "user_oidc" / "old.php").write_text("old")
    app = _archive(tmp_path / "a.tar.gz", {"user_oidc/appinfo/info.xml": b"<info/>"})
    tree = apps.unpack(app, folder)
    assert [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()] == ["user_oidc/appinfo/info.xml"]
    assert apps.is_current(app, folder, {"sha512": app.sha512, "tree": tree})


def test_a_file_altered_by_hand_makes_the_app_outdated(folder: Path, tmp_path: Path) -> None:
    app = _archive(tmp_path / "a.tar.gz", {"user_oidc/a.php": b"1"})
    tree = apps.unpack(app, folder)
    (folder / "user_oidc" / "a.php").write_text("2")
    assert not apps.is_current(app, folder, {"sha512": app.sha512, "tree": tree})


def test_what_a_killed_run_left_is_in_nobodys_way(folder: Path, tmp_path: Path) -> None:
    (folder / ".collab-new-user_oidc" / "user_oidc").mkdir(parents=True)
    (folder / ".collab-old-user_oidc").mkdir()
    apps.unpack(_archive(tmp_path / "a.tar.gz", {"user_oidc/a.php": b"1"}), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["user_oidc"]


def test_another_archive_than_the_locked_one_is_refused(folder: Path, tmp_path: Path) -> None:
    app = _archive(tmp_path / "a.tar.gz", {"user_oidc/a.php": b"1"})
    with pytest.raises(apps.ArchiveError, match=r"images\.lock says 000000"):
        apps.unpack(apps.App(app.id, "0" * 128, app.archive), folder)
    assert list(folder.iterdir()) == []


def test_an_archive_of_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(apps.ArchiveError, match="should hold the one folder user_oidc"):
        apps.unpack(_archive(tmp_path / "a.tar.gz", {"evil/a.php": b"1"}), folder)


def test_an_archive_cannot_write_outside_its_folder(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(tarfile.OutsideDestinationError):
        apps.unpack(_archive(tmp_path / "a.tar.gz", {"../../outside": b"1"}), folder)
    assert not (tmp_path / "outside").exists()
