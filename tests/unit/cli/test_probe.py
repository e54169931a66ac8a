"""`probe` as people and as programs see it. What probes see in a stack that works is tested in tests/unit/probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from collab_stack.cli.probe import line
from collab_stack.probes.model import Result as ProbeResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Result
    from tests.unit.site.sites import SiteDir

KEYS = {"id", "service", "host", "state", "severity", "did", "saw", "mend", "seconds"}


@pytest.fixture
def nowhere(site: SiteDir) -> SiteDir:
    """Return a site whose hosts and resolver are on loopback, where nobody answers."""
    text = site.text("hosts.yml").replace("10.20.1.12\n      ansible_port: 2222", "127.0.0.2\n      ansible_port: 1")
    text = text.replace("      ansible_ssh_common_args: -J operator@jump.agency.example\n", "")
    text = text.replace("10.20.1.11", "127.0.0.1\n      ansible_port: 1")
    (site.path / "hosts.yml").write_text(text)
    site.replace("site.yml", "resolvers: [10.20.0.53]", "resolvers: [127.0.0.9]")
    return site


def test_nothing_there_fails_with_six(cli: Callable[..., Result], nowhere: SiteDir) -> None:
    result = cli("probe", "--json")
    assert result.code == 6
    said = result.json
    assert said["ok"] is False
    assert said["error"]["code"] == "probe-failed"
    assert said["error"]["mend"]
    assert 0 < said["seconds"] < 60
    assert all(set(each) == KEYS for each in said["results"])
    states = {(each["id"], each["host"]): each["state"] for each in said["results"]}
    assert states["host.reachable", "host1"] == states["host.reachable", "host2"] == "fail"
    assert states["edge.dns", "id.agency.example"] == "fail"
    assert states["nextcloud.webdav", "files.agency.example"] == "skip"
    assert "pass" not in states.values()
    assert nowhere.text("secrets.yml").startswith("$ANSIBLE_VAULT")


def test_only_and_waivers(cli: Callable[..., Result], nowhere: SiteDir) -> None:
    waived = "waivers:\n" + "".join(
        f"  - {{id: {name}, reason: not installed yet, expires: 2999-01-01}}\n"
        for name in ("nextcloud.status", "nextcloud.login-page")
    )
    (nowhere.path / "waivers.yml").write_text(waived)
    result = cli("probe", "--only", "nextcloud", "--json")
    assert result.code == 0
    assert {each["service"] for each in result.json["results"]} == {"nextcloud"}
    assert {each["state"] for each in result.json["results"]} == {"waived", "skip"}
    people = cli("probe", "--only", "nextcloud")
    assert people.code == 0
    assert "waived nextcloud.status" in people.out
    assert "waived until 2999-01-01: not installed yet" in people.out
    assert people.err.startswith("2 skip, 2 waived in ")


def test_an_unknown_service_is_wrong_use(cli: Callable[..., Result], site: SiteDir) -> None:
    result = cli("probe", "--only", "nextclud", "--json")
    assert result.code == 2
    assert "nextcloud" in result.json["error"]["mend"]


def test_a_wrong_waiver_is_an_invalid_site(cli: Callable[..., Result], nowhere: SiteDir) -> None:
    (nowhere.path / "waivers.yml").write_text("waivers:\n  - id: x\n")
    result = cli("probe", "--json")
    assert result.code == 3
    assert "waivers.yml:2" in result.json["error"]["message"]


def test_a_line_says_what_to_do_where_something_is_to_do() -> None:
    failed = ProbeResult("host.disk", "hosts", "host1", "fail", "major", "asked", "full", "make room", 0.5)
    assert line(failed) == "fail   host.disk host1 (hosts, 0.50 s): full. Mend: make room"
    passed = ProbeResult("edge.hsts", "edge", None, "pass", "major", "asked", "there", "", 0.5)
    assert line(passed) == "pass   edge.hsts (edge, 0.50 s): there"
