"""`plan` as people and as programs see it."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Result
    from tests.unit.site.sites import SiteDir


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be sent and no program be started."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("something would have been sent")

    for name in ("connect", "connect_ex", "sendto", "sendmsg"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)


def test_without_hosts_nothing_is_sent(cli: Callable[..., Result], site: SiteDir, no_network: None) -> None:
    result = cli("plan", "--no-hosts", "--json")
    assert result.code == 0
    said = result.json
    assert said["ok"] is True
    assert said["changes"] is None
    assert {"name": "keycloak", "hosts": ["host1"], "url": "https://id.agency.example"}.items() <= said["services"][
        2
    ].items()
    for flow in said["flows"]:
        assert set(flow) == {"from", "to", "port", "protocol", "reason", "legal"}
    assert ("nextcloud", "valkey", 6380, "tcp") in {
        (f["from"], f["to"], f["port"], f["protocol"]) for f in said["flows"]
    }
    assert said["unlocked"] == ["keycloak", "nextcloud"]
    assert {"service": "nextcloud", "key": "services.nextcloud.extra.settings.loglevel", "value": 2} in said[
        "overrides"
    ]


def test_it_needs_no_vault_password(
    cli: Callable[..., Result], site: SiteDir, no_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLLAB_VAULT_PASSWORD_FILE")
    result = cli("plan", "--no-hosts")
    assert result.code == 0
    assert "https://files.agency.example" in result.out
    assert "Metadata of files and shares is kept in the database" in result.out
    assert "services.nextcloud.extra.settings.loglevel" in result.out
    assert "Not locked yet: keycloak, nextcloud" in result.err
    assert "GDPR" not in result.out
    assert "GDPR art. 25(2)" in cli("plan", "--no-hosts", "-v").out


def test_dns_prints_the_records_alone(cli: Callable[..., Result], site: SiteDir, no_network: None) -> None:
    result = cli("plan", "--dns")
    assert result.code == 0
    assert result.out == "id.agency.example. IN A 10.20.1.11\nfiles.agency.example. IN A 10.20.1.11\n"
    assert cli("plan", "--dns", "--json").json["dns"] == [
        {"name": "id.agency.example", "type": "A", "value": "10.20.1.11"},
        {"name": "files.agency.example", "type": "A", "value": "10.20.1.11"},
    ]


def test_diagram_is_written(cli: Callable[..., Result], site: SiteDir, no_network: None) -> None:
    assert cli("plan", "--diagram", "flows.svg").out == ""
    root = ET.parse("flows.svg").getroot()
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "Data flows of Example Agency (agency.example)"
    cli("plan", "--diagram", "flows.mmd")
    with open("flows.mmd", encoding="utf-8") as stream:  # noqa: PTH123 - relative to the test's own folder
        assert stream.read().startswith("flowchart LR\n")


@pytest.mark.parametrize(
    ("file", "code", "words"), [("flows.png", 2, ".svg or .mmd"), ("missing/flows.svg", 2, "cannot be written")]
)
def test_a_diagram_that_cannot_be_written_is_refused(
    cli: Callable[..., Result], site: SiteDir, file: str, code: int, words: str
) -> None:
    result = cli("plan", "--diagram", file, "--json")
    assert result.code == code
    assert words in result.json["error"]["message"]


def test_an_invalid_site_is_refused(cli: Callable[..., Result], site: SiteDir) -> None:
    site.replace("hosts.yml", "    sso:\n      hosts:\n        host1:\n", "")
    for words in (("--no-hosts",), ("--dns",), ()):
        result = cli("plan", "--json", *words)
        assert result.code == 3
        assert "no host carries keycloak" in result.json["error"]["message"]


def test_a_host_that_is_not_reached_is_told_within_five_seconds(cli: Callable[..., Result], site: SiteDir) -> None:
    # Loopback, where nothing listens on port 1: refused at once.
    text = site.text("hosts.yml").replace("10.20.1.12\n      ansible_port: 2222", "127.0.0.2\n      ansible_port: 1")
    text = text.replace("      ansible_ssh_common_args: -J operator@jump.agency.example\n", "")
    text = text.replace("10.20.1.11", "127.0.0.1\n      ansible_port: 1")
    (site.path / "hosts.yml").write_text(text)
    began = time.monotonic()
    result = cli("plan", "--json")
    assert time.monotonic() - began < 10  # five for the hosts, the rest for a busy machine
    assert result.code == 4
    said = result.json
    assert said["ok"] is False
    assert said["changes"] is None
    assert said["hosts"]["host1"] == {"changes": None, "reason": said["reason"]}
    assert "nothing listens on its SSH port" in said["error"]["message"]
    assert said["services"]
    assert said["flows"]
    people = cli("plan")
    assert people.code == 4
    assert "https://id.agency.example" in people.out
    assert "Not asked: host2 (127.0.0.2 port 1) is not reached" in people.err
