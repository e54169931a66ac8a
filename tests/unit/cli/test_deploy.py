"""`deploy` before it touches anything: every way in which it ends early, as people and as programs see it."""

from __future__ import annotations

import hashlib
import socket
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from collab_stack.operations import artifacts, journal
from collab_stack.runner.lock import site_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Result
    from tests.unit.site.sites import SiteDir

KEYS = {"ok", "seconds", "hosts", "remote_tasks", "failed_task", "probe", "error"}
ARCHIVE = b"archive"


@pytest.fixture
def locked(site: SiteDir) -> SiteDir:
    """A site on the loopback, where nothing answers, whose images and archives are locked."""
    site.replace("site.yml", "resolvers: [10.20.0.53]", "resolvers: [127.0.0.1]")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    site.replace(
        "hosts.yml", "      ansible_host: 10.20.1.11\n", f"      ansible_host: 127.0.0.1\n      ansible_port: {port}\n"
    )
    site.replace(
        "hosts.yml",
        "ansible_host: 10.20.1.12\n      ansible_port: 2222\n",
        f"ansible_host: 127.0.0.2\n      ansible_port: {port}\n",
    )
    site.replace("hosts.yml", "      ansible_ssh_common_args: -J operator@jump.agency.example\n", "")
    sha512 = hashlib.sha512(ARCHIVE).hexdigest()
    artifacts.cache().mkdir(parents=True)
    (artifacts.cache() / sha512).write_bytes(ARCHIVE)
    moment = "2026-11-01T12:00:00Z"
    digest = "sha256:" + "a" * 64
    url = "https://github.com/nextcloud-releases/user_oidc/releases/download/v8.10.1/user_oidc-v8.10.1.tar.gz"
    content = {
        "artifacts": {"user_oidc": {"url": url, "sha512": sha512, "version": "8.10.1", "locked": moment}},
        "images": {
            name: {"reference": reference, "digest": digest, "version": version, "locked": moment}
            for name, reference, version in (
                ("keycloak", "quay.io/keycloak/keycloak:26.7.4", "26.7.4"),
                ("nextcloud", "docker.io/library/nextcloud:34.0.2-fpm", "34.0.2"),
            )
        },
    }
    (site.path / "images.lock").write_text(yaml.safe_dump(content))
    return site


def test_an_invalid_site_ends_with_3(cli: Callable[..., Result], site: SiteDir) -> None:
    site.replace("site.yml", "language: sv", "language: xx")
    result = cli("deploy", "--json")
    assert result.code == 3
    assert set(result.json) == KEYS
    assert "site.yml:" in result.json["error"]["message"]
    assert not (site.path / journal.FILE).exists()


def test_unlocked_images_end_with_4_and_name_the_verb(cli: Callable[..., Result], site: SiteDir) -> None:
    result = cli("deploy", "--json")
    assert result.code == 4
    assert result.json["error"]["code"] == "images-unlocked"
    assert result.json["error"]["mend"] == "collab-stack images lock"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["nextcloud"], "--only nextcloud"),
        (["--only", "nextcluod"], "--only nextcloud"),
        (["--limit", "hots1"], "--limit host1"),
        (["--no-such-flag"], "No such option"),
    ],
)
def test_a_wrong_word_ends_with_2_and_a_hint(
    cli: Callable[..., Result], locked: SiteDir, words: list[str], hint: str
) -> None:
    result = cli("deploy", *words)
    assert result.code == 2
    assert hint in result.err


def test_unreachable_hosts_end_with_4_within_five_seconds(cli: Callable[..., Result], locked: SiteDir) -> None:
    began = time.monotonic()
    result = cli("deploy", "--json")
    assert time.monotonic() - began < 8  # DNS, whose resolver is silent, is asked beside; reading the site is in it
    assert result.code == 4
    said = result.json
    assert set(said) == KEYS | {"preflight"}
    found = {(problem["host"], problem["check"]): problem for problem in said["preflight"]}
    assert set(found) == {("host1", "ssh"), ("host2", "ssh"), ("", "dns")}
    assert "nothing listens on its SSH port" in found["host1", "ssh"]["message"]
    assert "hosts.yml" in found["host1", "ssh"]["mend"]
    assert not (locked.path / "deployed.yml").exists()
    (entry,) = journal.entries(locked.path)
    assert (entry["ok"], entry["exit"], entry["error"]) == (False, 4, "preflight")
    assert entry["changes"] == []


def test_limit_looks_at_no_other_host(cli: Callable[..., Result], locked: SiteDir) -> None:
    result = cli("deploy", "--json", "--limit", "database")
    assert {problem["host"] for problem in result.json["preflight"]} == {"host2", ""}


def test_a_locked_site_ends_with_8_and_names_the_holder(cli: Callable[..., Result], locked: SiteDir) -> None:
    with site_lock(locked.path, "images pull"):
        result = cli("deploy")
    assert result.code == 8
    assert "images pull, since" in result.err


def test_people_are_told_what_to_do(cli: Callable[..., Result], locked: SiteDir) -> None:
    result = cli("deploy")
    assert result.code == 4
    assert result.out == ""
    assert "Error: " in result.err
    assert "Mend: " in result.err
    assert "Traceback" not in result.err


def test_hosts_trust_tells_which_hosts_it_did_not_reach(cli: Callable[..., Result], locked: SiteDir) -> None:
    result = cli("hosts", "trust", "--json")
    assert result.code == 4
    assert [entry["state"] for entry in result.json["hosts"]] == ["unreachable", "unreachable"]


def test_images_and_artifacts_are_listed(cli: Callable[..., Result], locked: SiteDir) -> None:
    images = cli("images", "list", "--json").json["images"]
    assert [(image["component"], image["digest"] is not None) for image in images] == [
        ("keycloak", True),
        ("nextcloud", True),
    ]
    (archive,) = cli("artifacts", "list", "--json").json["artifacts"]
    assert (archive["component"], archive["cached"]) == ("user_oidc", True)
    assert cli("artifacts", "pull", "--json").json["fetched"] == []
