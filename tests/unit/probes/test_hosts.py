"""Probes that judge what hosts report."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from collab_stack.probes import host, keycloak, nextcloud, postgresql, run, valkey
from collab_stack.probes.registry import IDS, PROBES
from collab_stack.probes.target import HostExpectation, HostReport

if TYPE_CHECKING:
    from collab_stack.probes.model import Probe, Result
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
    "cron": {"last": 9000, "since": 5000, "now": 9100},
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
    ("cron/now", 10000, nextcloud.Cron, "nextcloud", "1000 s ago"),
    ("cron/last", 0, nextcloud.Cron, "nextcloud", "never; up for 4100 s"),
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


def test_the_first_run_of_background_jobs_may_wait_for_the_timer(world: World) -> None:
    for last in (0, 100):
        (cron,) = look(world, changed("cron", {"last": last, "since": 9000, "now": 9100}), kinds=(nextcloud.Cron,))
        assert cron.state == "pass"
        assert "up for 100 s" in cron.saw


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
