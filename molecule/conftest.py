"""What the tests of a scenario share: its hosts, its recorded runs, and a deploy of the scenario's role."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import testinfra
import yaml

from collab_stack.runner.events import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from testinfra.host import Host

TARGET = "host2"
CONTAINER = f"collab-lab-molecule-{TARGET}"
PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """One run of Ansible.

    :param output: what it printed; empty for a run that Molecule started.
    """

    playbook: str
    check: bool
    summary: Summary
    output: str = ""

    @property
    def objects(self) -> dict[str, str]:
        """What it changed or, in check mode, would change: object -> action."""
        return {change.object: change.action for change in self.summary.changes}

    def succeeded(self) -> Run:
        """Return the run, after asserting that every host came to its end."""
        assert self.summary.finished, self.output[-2000:]
        assert not self.summary.failures, self.summary.failures
        return self


def runs(events: Iterable[dict[str, Any]], output: str = "") -> list[Run]:
    """Split a record into its runs."""
    found: list[Run] = []
    for event in events:
        if event["event"] == "run":
            found.append(Run(event["playbook"], event["check"], Summary(), output))
        else:
            found[-1].summary.add(event)
    return found


@dataclass(frozen=True)
class Scenario:
    """The scenario that Molecule is running."""

    name: str
    folder: Path
    directory: Path

    @property
    def record(self) -> list[dict[str, Any]]:
        """All events so far."""
        return [json.loads(line) for line in (self.folder / "record.jsonl").read_text().splitlines()]

    @property
    def recorded(self) -> list[Run]:
        """The runs of the deploy's playbook by Molecule itself and by the tests so far, in their order."""
        return [run for run in runs(self.record) if run.playbook == "converge.yml"]

    @property
    def variables(self) -> dict[str, Any]:
        """What the inventory says about the host, and common variables such as secrets."""
        data = yaml.safe_load((self.folder / "inventory" / "plan.yml").read_text())["all"]
        return {**data["vars"], **data["hosts"][TARGET]}

    @property
    def settings(self) -> dict[str, Any]:
        """What the scenario's molecule.yml says for its tests."""
        path = self.folder / "inventory" / "group_vars" / "all"
        return dict(yaml.safe_load(path.read_text()))

    def command(self, *options: str, inventory: Path | None = None) -> list[str]:
        """Return the command line of the scenario's deploy."""
        own = self.directory / "converge.yml"
        playbook = own if own.exists() else PROJECT / "molecule" / "shared" / "converge.yml"
        return ["ansible-playbook", *options, "--inventory", str(inventory or self.folder / "inventory"), str(playbook)]

    @property
    def container(self) -> str:
        """Name of the host's container."""
        return CONTAINER

    @property
    def address(self) -> str:
        """IPv4 address of the host."""
        return str(self.variables["ansible_host"])


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    """Return the scenario that Molecule is running."""
    given = os.environ
    return Scenario(
        given["MOLECULE_SCENARIO_NAME"],
        Path(given["MOLECULE_EPHEMERAL_DIRECTORY"]),
        Path(given["MOLECULE_SCENARIO_DIRECTORY"]),
    )


@pytest.fixture(scope="session")
def host() -> Host:
    """Return the host that the role was deployed to, with root's rights."""
    return testinfra.get_host(f"docker://{CONTAINER}")


@pytest.fixture(scope="session")
def deploy(scenario: Scenario) -> Callable[..., Run]:
    """Return a function that runs the scenario's deploy once more, in check mode where asked for."""

    def run(*, check: bool = False, inventory: Path | None = None) -> Run:
        before = len(scenario.record)
        done = subprocess.run(
            scenario.command("--diff", *(["--check"] if check else []), inventory=inventory),
            capture_output=True,
            text=True,
            check=False,
        )
        (made,) = runs(scenario.record[before:], done.stdout + done.stderr)
        return made

    return run
