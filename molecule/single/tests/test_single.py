"""The whole stack on one host: what was planned, what a user gets, and what comes back after somebody's hands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml
from testinfra.host import Host

from collab_stack.runner.events import Summary

CONTAINER = "collab-lab-single-host1"
SCENARIOS = Path(__file__).resolve().parents[2]
ALTERED = ("base", "postgresql", "valkey", "keycloak", "nextcloud", "web", "edge")
"""Scenarios whose alterations by hand are made all at once. Those of tls and docker concern every other role, too."""

UNITS = (
    "chrony",
    "collab-firewall",
    "docker",
    "postgresql@17-collab",
    "valkey-server@collab",
    "collab-keycloak",
    "collab-nextcloud",
    "collab-web",
    "haproxy",
)


@pytest.fixture(scope="module")
def folder() -> Path:
    """Return Molecule's folder."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


@pytest.fixture(scope="module")
def host() -> Host:
    """Return the host, with root's rights."""
    return testinfra.get_host(f"docker://{CONTAINER}")


def collab(*words: str) -> dict[str, Any]:
    """Run a verb with success and return its object; the site and the vault password are in the environment."""
    program = Path(sys.executable).with_name("collab-stack")
    done = subprocess.run([str(program), *words, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}: {done.stdout} {done.stderr}"
    return dict(json.loads(done.stdout))


def named(changes: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return the (role, object) of changes."""
    return {(change["role"], change["object"]) for change in changes}


def made(events: Path) -> set[tuple[str, str]]:
    """Return the (role, object) that a deploy changed, from its record."""
    summary = Summary()
    for line in events.read_text().splitlines():
        summary.add(json.loads(line))
    return {(change.role, change.object) for change in summary.changes}


def test_the_plan_of_a_bare_host_says_what_the_first_deploy_changed(folder: Path) -> None:
    planned = named(json.loads((folder / "plan.json").read_text())["changes"])
    deployed = made(min((folder / "site" / "runs").glob("*.events.jsonl")))
    assert planned
    assert deployed - planned == set()
    assert planned - deployed == set()


def test_every_probe_passes() -> None:
    result = collab("probe")
    assert result["ok"]
    assert {entry["state"] for entry in result["results"]} <= {"pass", "skip"}


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_runs_and_comes_back_at_boot(host: Host, unit: str) -> None:
    assert host.service(unit).is_running
    assert host.service(unit).is_enabled


def test_only_the_plans_ports_are_open_to_the_network(host: Host) -> None:
    lines = host.run_expect([0], "ss -Hltn").stdout.splitlines()
    outward = {line.split()[3].rsplit(":", 1)[1] for line in lines if not line.split()[3].startswith(("127.", "[::1]"))}
    # 5432 and 6380 are for containers, whose network is not the host's loopback; the packet filter keeps others out.
    assert outward == {"22", "80", "443", "5432", "6380"}


def test_no_container_is_more_than_it_has_to_be(host: Host) -> None:
    names = host.run_expect([0], "docker ps --format '{{.Names}}'").stdout.split()
    assert set(names) == {"collab-keycloak", "collab-nextcloud"}
    for name in names:
        settings = json.loads(host.run_expect([0], f"docker inspect {name}").stdout)[0]["HostConfig"]
        assert settings["ReadonlyRootfs"]
        assert settings["CapDrop"] == ["ALL"]
        assert not settings["CapAdd"]
        assert "no-new-privileges" in settings["SecurityOpt"]
        assert settings["Memory"] > 0
        assert settings["PidsLimit"] > 0


def test_all_that_was_altered_by_hand_is_named_and_mended(host: Host) -> None:
    drift = [entry for name in ALTERED for entry in yaml.safe_load((SCENARIOS / name / "drift.yml").read_text())]
    for entry in drift:
        host.run_expect([0], entry["do"])
    planned = {name for _, name in named(collab("plan")["changes"])}
    assert planned == {name for entry in drift for name in entry["objects"]}
    assert collab("deploy")["ok"]
    for entry in drift:
        host.run_expect([0], entry.get("mended", "true"))
    assert collab("plan")["changes"] == []
