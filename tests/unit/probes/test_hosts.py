"""Probes that judge what hosts report, the program that reports it, and waivers."""

from __future__ import annotations

import copy
import json
import socket
import ssl
from dataclasses import replace
from datetime import date
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from collab_stack.plan.health import HOST_UNITS
from collab_stack.probes import host, keycloak, nextcloud, postgresql, run, valkey
from collab_stack.probes.registry import IDS, PROBES
from collab_stack.probes.target import HostExpectation, HostReport
from collab_stack.probes.waivers import apply
from collab_stack.runner.programs import host_health
from collab_stack.site import waivers
from collab_stack.site.findings import SiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from collab_stack.probes.model import Probe, Result
    from tests.unit.probes.authority import Authority
    from tests.unit.probes.world import World

ACTIVE = {"active": "active", "sub": "running", "restarts": 0}

HEALTH: dict[str, Any] = {
    "units": {"haproxy.service": ACTIVE, "collab-keycloak.service": ACTIVE, "chrony.service": ACTIVE},
    "containers": {"collab-keycloak": {"running": True, "status": "running", "memory_bytes": 1536 * 1024**2}},
    "disks": {"/srv/collab": {"free": 50 * 1024**3, "total": 100 * 1024**3}},
    "clock": {"source": "198.18.0.53", "stratum": 3, "offset": 0.0004, "leap": "Normal"},
    "tls": {
        kind: {
            "address": "10.0.0.1",
            "port": 1,
            "name": f"{kind}.collab.internal",
            "version": "TLSv1.3",
            "answer": "PONG",
        }
        for kind in ("postgresql", "valkey")
    },
    "database": {"connections": 20, "most": 300, "clear": []},
    "cron": {"last": 1000, "now": 1100},
    "https": {
        "keycloak": {
            "address": "127.0.0.1",
            "port": 9443,
            "path": "/health/ready",
            "status": 200,
            "body": "UP",
            "milliseconds": 3,
        }
    },
    "denied": {"/metrics": 403, "/admin/master/console/": 403},
}

UNITS = {"haproxy.service": "edge", "collab-keycloak.service": "keycloak", "chrony.service": "hosts"}

KINDS = tuple(kind for kind in PROBES if kind.lane == "hosts" or kind.id == "edge.admin")


def look(
    world: World, health: dict[str, Any] | None, error: str = "", kinds: tuple[type[Probe], ...] = KINDS
) -> list[Result]:
    world.hosts = {"host1": HostExpectation(("edge", "keycloak"), UNITS, {"collab-keycloak": "keycloak"})}
    world.reports = {"host1": HostReport(health or {}, error)}
    world.management = ("127.0.0.0/8",)
    return run.run(world.target(), probes=kinds)


def changed(path: str, value: object) -> dict[str, Any]:
    health = copy.deepcopy(HEALTH)
    *way, last = path.split("/")
    place = health
    for key in way:
        place = place[key.replace("|", "/")]
    place[last.replace("|", "/")] = value
    return health


def test_a_well_host_passes(world: World) -> None:
    results = [result for result in look(world, HEALTH) if result.state != "skip"]
    assert {result.state for result in results} == {"pass"}
    assert {result.id for result in results} == {kind.id for kind in KINDS}
    assert {result.host for result in results} == {"host1"}


CASES: list[tuple[str, object, type[Probe], str, str]] = [
    ("units/haproxy.service", {"active": "failed", "sub": "failed"}, host.Units, "edge", "haproxy.service is failed"),
    ("units/chrony.service", {"active": "not there", "sub": ""}, host.Units, "hosts", "chrony.service is not there"),
    ("containers/collab-keycloak", {"error": "not there"}, host.Containers, "keycloak", "not there"),
    (
        "containers/collab-keycloak",
        {"running": False, "status": "exited", "memory_bytes": 1},
        host.Containers,
        "keycloak",
        "not running (exited)",
    ),
    (
        "containers/collab-keycloak",
        {"running": True, "status": "running", "memory_bytes": 0},
        host.Containers,
        "keycloak",
        "without a limit of memory",
    ),
    ("disks/|srv|collab", {"free": 1024**3, "total": 4 * 1024**3}, host.Disks, "hosts", "at least 10% and 2 GiB"),
    ("disks/|srv|collab", {"free": 5 * 1024**3, "total": 90 * 1024**3}, host.Disks, "hosts", "(6%)"),
    ("clock/leap", "Not synchronised", host.Clock, "hosts", "0.4 ms off"),
    ("clock/offset", -4.2, host.Clock, "hosts", "-4200.0 ms off"),
    ("clock", {"error": "chronyc: 506 Cannot talk to daemon"}, host.Clock, "hosts", "Cannot talk to daemon"),
    (
        "tls/postgresql/error",
        "the certificate does not verify: certificate has expired",
        postgresql.Transport,
        "postgresql",
        "has expired",
    ),
    ("tls/valkey/error", "Connection refused", valkey.Transport, "valkey", "Connection refused"),
    ("database/clear", ["nextcloud"], postgresql.Queries, "postgresql", "without TLS by nextcloud"),
    ("database/connections", 290, postgresql.Queries, "postgresql", "290 of 300"),
    ("database", {"error": "psql: no such file"}, postgresql.Queries, "postgresql", "no such file"),
    ("cron/now", 2000, nextcloud.Cron, "nextcloud", "1000 s ago"),
    ("cron/last", 0, nextcloud.Cron, "nextcloud", "never"),
    ("cron", {"error": "occ: No such container"}, nextcloud.Cron, "nextcloud", "No such container"),
    ("https/keycloak/status", 503, keycloak.Health, "keycloak", "503"),
    ("https/keycloak/error", "no answer in time", keycloak.Health, "keycloak", "no answer in time"),
    ("denied/|metrics", 200, KINDS[[kind.id for kind in KINDS].index("edge.admin")], "keycloak", "/metrics: 200"),
]


@pytest.mark.parametrize(("path", "value", "kind", "service", "saw"), CASES)
def test_each_ill_is_told_by_its_probe_alone(
    world: World, path: str, value: object, kind: type[Probe], service: str, saw: str
) -> None:
    failed = [result for result in look(world, changed(path, value)) if result.state == "fail"]
    assert [(result.id, result.service, result.host) for result in failed] == [(kind.id, service, "host1")]
    assert saw in failed[0].saw
    assert failed[0].mend


def test_a_host_that_does_not_answer_is_one_failure(world: World) -> None:
    failed = [result for result in look(world, None, "it does not answer") if result.state == "fail"]
    assert [(result.id, result.saw) for result in failed] == [("host.reachable", "it does not answer")]


def test_only_reports_a_service_with_its_units(world: World) -> None:
    look(world, changed("units/collab-keycloak.service", {"active": "failed", "sub": "failed"}))
    results = run.run(world.target(), only=("keycloak",), probes=KINDS)
    assert {result.service for result in results} == {"keycloak"}
    assert [result.id for result in results if result.state == "fail"] == ["host.units"]


def test_ids_are_unique_and_each_probe_is_whole() -> None:
    assert len(set(IDS)) == len(IDS)
    for kind in PROBES:
        assert kind.did
        assert kind.mend
        assert kind.severity in ("critical", "major", "minor")


def test_a_probe_that_stumbles_is_a_failure_not_a_crash(world: World) -> None:
    (failed,) = [result for result in look(world, changed("cron", {"nonsense": 1})) if result.state == "fail"]
    assert failed.id == "nextcloud.cron"
    assert "makes no sense" in failed.saw


# The program on the host


class Serve(Protocol):
    """Starts a server."""

    def __call__(self, name: str, talk: Callable[[ssl.SSLSocket], None], before: bytes = b"") -> int:
        """Return the port of a server with a certificate for ``name``."""


@pytest.fixture
def serve(authority: Authority, tmp_path: Path) -> Iterator[Serve]:
    """Yield a function that starts a TLS server on loopback; ``before`` is its answer in clear to the wish for TLS."""
    listeners: list[socket.socket] = []

    def start(name: str, talk: Callable[[ssl.SSLSocket], None], before: bytes = b"") -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.leaf(tmp_path / f"{len(listeners)}.pem", (name,)))
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def work() -> None:
            with listener.accept()[0] as raw:
                raw.settimeout(5)
                if before:
                    raw.recv(8)
                    raw.sendall(before)
                try:
                    with context.wrap_socket(raw, server_side=True) as connection:
                        talk(connection)
                except OSError:
                    return

        Thread(target=work, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


def report(capsys: pytest.CaptureFixture[str], **wanted: object) -> dict[str, Any]:
    host_health.main(json.dumps({"seconds": 3, **wanted}))
    found: dict[str, Any] = json.loads(capsys.readouterr().out)["health"]
    return found


@pytest.fixture
def ca(authority: Authority, tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    file.write_text(authority.pem)
    return str(file)


def test_postgresql_is_asked_for_tls_in_its_protocol(serve: Serve, ca: str, capsys: pytest.CaptureFixture[str]) -> None:
    def asks(connection: ssl.SSLSocket) -> None:
        connection.recv(1000)
        connection.sendall(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0")

    def refuses(connection: ssl.SSLSocket) -> None:
        connection.recv(1000)
        connection.sendall(b"E\0\0\0\x30SFATAL\0C57P03\0Mthe database system is starting up\0\0")

    name = "postgresql.collab.internal"
    end = {"kind": "postgresql", "address": "127.0.0.1", "name": name, "ca": ca}
    seen = report(capsys, tls={"postgresql": end | {"port": serve(name, asks, b"S")}})["tls"]["postgresql"]
    assert (seen["version"], seen["answer"]) == ("TLSv1.3", "it asks for a password")
    seen = report(capsys, tls={"postgresql": end | {"port": serve(name, refuses, b"S")}})["tls"]["postgresql"]
    assert seen["error"] == "the server refuses: the database system is starting up"
    seen = report(capsys, tls={"postgresql": end | {"port": serve(name, asks, b"N")}})["tls"]["postgresql"]
    assert seen["error"] == "the server offers no TLS"
    seen = report(capsys, tls={"postgresql": end | {"port": serve("other.internal", asks, b"S")}})["tls"]["postgresql"]
    assert "not valid for 'postgresql.collab.internal'" in seen["error"]


def test_valkey_is_logged_in_to(serve: Serve, ca: str, capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[bytes] = []

    def talk(*answers: bytes) -> Callable[[ssl.SSLSocket], None]:
        def speak(connection: ssl.SSLSocket) -> None:
            for answer in answers:
                heard.append(connection.recv(1000))
                connection.sendall(answer)

        return speak

    name = "valkey.collab.internal"
    end = {"kind": "valkey", "address": "127.0.0.1", "name": name, "ca": ca, "user": "nextcloud", "password": "geheim"}

    def see(*answers: bytes) -> dict[str, Any]:
        seen: dict[str, Any] = report(capsys, tls={"valkey": end | {"port": serve(name, talk(*answers))}})["tls"][
            "valkey"
        ]
        return seen

    assert see(b"+OK\r\n", b"+PONG\r\n")["answer"] == "PONG for nextcloud"
    assert heard[0] == b"*3\r\n$4\r\nAUTH\r\n$9\r\nnextcloud\r\n$6\r\ngeheim\r\n"
    refused = see(b"-WRONGPASS invalid username-password pair\r\n")
    assert refused["error"] == "login of nextcloud refused: WRONGPASS invalid username-password pair"
    assert "geheim" not in json.dumps(refused)
    assert "LOADING" in see(b"+OK\r\n", b"-LOADING dataset\r\n")["error"]


def test_the_program_reports_what_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    end = {"address": "127.0.0.1", "port": 1, "name": "x"}
    found = report(
        capsys,
        units=list(HOST_UNITS),
        containers=["collab-nothing"],
        disks=[str(tmp_path), "/nowhere"],
        cron="collab-nothing",
        https={"keycloak": end | {"path": "/health/ready"}},
        denied=end | {"paths": ["/metrics"]},
    )
    assert set(found["units"]) == set(HOST_UNITS)
    assert found["containers"]["collab-nothing"]["error"]
    assert list(found["disks"]) == [str(tmp_path)]
    assert found["cron"]["error"].startswith("occ: ")
    assert found["https"]["keycloak"]["error"] == "Connection refused"
    assert found["denied"] == {"/metrics": "Connection refused"}


# Waivers

TODAY = date(2026, 11, 25)


def write(directory: Path, text: str) -> tuple[tuple[waivers.Waiver, int], ...]:
    (directory / waivers.FILE).write_text(text)
    return waivers.read(directory, IDS)


def test_a_waiver_covers_its_failure_until_its_day(world: World, tmp_path: Path) -> None:
    results = look(world, changed("cron/last", 0), kinds=(nextcloud.Cron, host.Clock))
    text = (
        "waivers:\n  - id: nextcloud.cron\n    host: host1\n    reason: timer is being moved\n    expires: 2026-11-25\n"
    )
    accepted = write(tmp_path, text)
    states = {result.id: result.state for result in apply(results, accepted, TODAY)}
    assert states == {"nextcloud.cron": "waived", "host.clock": "pass"}
    later = apply(results, accepted, date(2026, 11, 26))
    assert {result.id: result.state for result in later} == {
        "nextcloud.cron": "fail",
        "host.clock": "pass",
        "waiver.expired": "fail",
    }
    assert later[-1].did == "read waivers.yml:2"
    elsewhere = [replace(result, host="host2") for result in results]
    assert "waived" not in {result.state for result in apply(elsewhere, accepted, TODAY)}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "waivers:\n  - id: nextcloud.corn\n    reason: timer is moved\n    expires: 2026-12-01\n",
            2,
            "nextcloud.cron",
        ),
        ("waivers:\n  - id: nextcloud.cron\n    reason: short\n    expires: 2026-12-01\n", 3, ""),
        ("waivers:\n  - id: nextcloud.cron\n    reason: timer is moved\n    expires: never\n", 4, ""),
        ("waivers:\n  - id: nextcloud.cron\n    reason: timer is moved\n", 2, ""),
    ],
)
def test_a_wrong_waiver_is_refused_at_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(SiteError) as refused:
        write(tmp_path, text)
    assert f"waivers.yml:{line}" in refused.value.message
    assert words in refused.value.mend


def test_no_file_waives_nothing(tmp_path: Path) -> None:
    assert waivers.read(tmp_path, IDS) == ()
