"""What holds for every role, whatever it makes."""

from __future__ import annotations

import base64
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

    from molecule.conftest import Run, Scenario

DRIFT = "drift.yml"
"""In a scenario's folder. Of each entry, ``do`` and ``mended`` are commands for root's shell on the host; ``objects``
are what a deploy has to name and mend, units that have to take it up included."""

SHIMS = "/usr/local/sbin"
"""Programs in it are found before the real ones, on root's own path and on sudo's."""

KILLER = """\
#!/bin/sh
rm {shim}.armed 2>/dev/null && kill -9 $PPID
exec {real} "$@"
"""


@pytest.fixture
def drift(scenario: Scenario) -> list[dict[str, Any]]:
    """Return the scenario's alterations by hand, after putting the programs that they use into root's home.

    ``{secret:NAME}`` in them stands for a secret of the site.
    """
    for program in sorted(scenario.directory.glob("files/*")):
        subprocess.run(["docker", "cp", str(program), f"{scenario.container}:/root/"], check=True)
    text = (scenario.directory / DRIFT).read_text()
    for name, value in scenario.variables["collab_secrets"].items():
        text = text.replace(f"{{secret:{name}}}", value)
    return list(yaml.safe_load(text))


@pytest.fixture
def killer(scenario: Scenario, host: Host) -> Iterator[str]:
    """Let a module be killed outright when it calls a program: systemctl, between its files and its units, or another.

    Returns the file whose presence arms it, once.
    """
    real = scenario.settings.get("scenario_killed_at", "/usr/bin/systemctl")
    if not real:
        pytest.skip("molecule.yml says why nothing can be killed here")
    shim = f"{SHIMS}/{real.rsplit('/', 1)[-1]}"
    encoded = base64.b64encode(KILLER.format(shim=shim, real=real).encode()).decode()
    host.run_expect([0], f"echo {encoded} | base64 -d > {shim}; chmod 755 {shim}")
    yield f"{shim}.armed"
    host.run_expect([0], f"rm -f {shim} {shim}.armed")


def alter(host: Host, drift: list[dict[str, Any]]) -> set[str]:
    """Make the alterations and return the objects that they are about."""
    for entry in drift:
        host.run_expect([0], entry["do"])
    return {name for entry in drift for name in entry["objects"]}


def paths(run: Run) -> set[str]:
    """Return the files and folders that a run changed."""
    return {name for name in run.objects if name.startswith("/")}


def test_the_plan_said_what_the_first_deploy_changed(scenario: Scenario) -> None:
    planned, made = scenario.recorded[:2]
    assert (planned.check, made.check) == (True, False)
    assert made.succeeded().objects
    assert planned.succeeded().objects == made.objects


def test_check_mode_on_a_host_without_packages_foresees_the_same_files(
    scenario: Scenario, host: Host, deploy: Callable[..., Run]
) -> None:
    planned = paths(deploy(check=True, inventory=scenario.folder / "bare.yml").succeeded())
    made = paths(scenario.recorded[1])
    assert made <= planned
    # A folder that a package brings has to be made only in the eyes of a host without the package.
    assert [path for path in planned - made if not host.file(path).is_directory] == []


def test_an_unchanged_deploy_changes_nothing_and_costs_few_remote_tasks(scenario: Scenario) -> None:
    again = scenario.recorded[2].succeeded()
    assert not again.check
    assert again.objects == {}
    # An application's role runs the container's role, too; what belongs to no role is the reading of facts.
    tasks = sum(count for role, count in again.summary.remote_by_role.items() if role)
    assert 1 <= tasks <= scenario.settings["scenario_remote_tasks"]


def test_nothing_that_the_role_uses_is_deprecated(scenario: Scenario) -> None:
    assert [run.summary.deprecations for run in scenario.recorded if run.summary.deprecations] == []


def test_what_was_altered_by_hand_is_named_and_mended(
    host: Host, drift: list[dict[str, Any]], deploy: Callable[..., Run]
) -> None:
    altered = alter(host, drift)
    planned = deploy(check=True).succeeded()
    assert set(planned.objects) == altered
    mended = deploy().succeeded()
    assert mended.objects == planned.objects
    for entry in drift:
        host.run_expect([0], entry.get("mended", "true"))
    assert deploy(check=True).succeeded().objects == {}


def test_a_killed_deploy_is_finished_by_the_next(
    host: Host, drift: list[dict[str, Any]], deploy: Callable[..., Run], killer: str
) -> None:
    altered = alter(host, drift)
    host.run_expect([0], f"touch {killer}")
    killed = deploy()
    assert killed.summary.failures, killed.output[-2000:]
    assert not host.file(killer).exists, "nothing was killed"
    finished = deploy().succeeded()
    assert set(finished.objects) <= altered
    assert deploy(check=True).succeeded().objects == {}


def test_no_file_of_a_killed_deploy_is_left(host: Host) -> None:
    assert host.run_expect([0], "find /etc /srv /usr/local /var/lib/collab -name '.collab-tmp.*'").stdout == ""
    assert host.run_expect([0], "find /root /home /tmp /var/tmp -path '*ansible-tmp*' -type f").stdout == ""


def test_all_comes_back_after_a_restart_of_the_host(scenario: Scenario, host: Host, deploy: Callable[..., Run]) -> None:
    subprocess.run(["docker", "restart", scenario.container], check=True, capture_output=True)
    until = time.monotonic() + 180
    while time.monotonic() < until:
        time.sleep(1)
        if host.run("systemctl is-system-running").stdout.strip() in ("running", "degraded"):
            break
    assert deploy(check=True).succeeded().objects == {}
