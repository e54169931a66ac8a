"""A first deploy, killed at one moment after another, each time run again; then it converges."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.machine import wait
from tests.lab.moments import MOMENTS, Events, Look, Moment, wait_for
from tests.lab.program import kill_tree
from tests.lab.sampler import Sampler
from tests.lab.stack import Stack

SECONDS = 900
"""The longest way from a deploy's begin to a moment, on a busy machine."""

PLACES = ("tmp", "var/tmp", "dev/shm", "home/operator", "root")
"""Where temporary files could be on a host."""


@pytest.fixture(scope="module")
def fresh(site: Stack, sampler: Sampler) -> Stack:
    """A prepared site that was never deployed to the end."""
    if any(entry["ok"] for entry in site.journal()) or (
        not site.journal() and site.host.run("test -e /etc/collab")[0] == 0
    ):
        assert "COLLAB_LAB" in os.environ, "the session's own lab is not fresh"
        pytest.skip("the host carries a stack already: collab-stack lab down, and up again")
    return site


FOLDERS = "find / -xdev -path /proc -prune -o -type d -print | sort"


def test_a_plan_says_what_a_bare_host_would_get_and_makes_nothing(fresh: Stack) -> None:
    before = set(fresh.host.sh(FOLDERS).splitlines())
    found = fresh.changes()
    assert {role for role, _ in found} >= {"base", "docker", "tls", "postgresql", "valkey", "keycloak", "sso"}
    assert {("base", "package postgresql-17"), ("nextcloud", "Nextcloud"), ("sso", "realm agency")} <= found
    new = set(fresh.host.sh(FOLDERS).splitlines()) - before
    assert [path for path in new if not path.startswith(("/tmp/", "/run/", "/home/operator/.collab-stack"))] == []


@pytest.mark.parametrize("moment", MOMENTS, ids=[moment.name for moment in MOMENTS])
def test_a_deploy_is_killed_when(fresh: Stack, moment: Moment) -> None:
    known = fresh.known_events()
    look = Look(fresh.host, fresh.host.view())
    with fresh.started("deploy", "--json") as process:
        wait(lambda: fresh.newest_events(known) or process.poll() is not None, 400, "the run's events", 0.1)
        path = fresh.newest_events(known)
        assert path is not None, said(process)
        events = Events(path)
        wait_for(moment, look, events, lambda: process.poll() is None, SECONDS)
        end(fresh, moment, process, look, events)
    assert events.inside(moment), "the task had ended when it was killed"
    assert not any(entry["run"] == events.run and entry["ok"] for entry in fresh.journal())


def end(stack: Stack, moment: Moment, process: subprocess.Popen[str], look: Look, events: Events) -> None:
    """End a run, and what else ends with it."""
    if moment.how == "interrupt":
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 130
        assert '"interrupted"' in out
        assert [entry["exit"] for entry in stack.journal() if entry["run"] == events.run] == [130]
        return
    assert kill_tree(process.pid) > 3, "Ansible was to be killed too"
    if moment.how == "power":
        stack.host.cut_power()
    elif moment.how == "host":
        look.view.kill(look.view.of_run(events.run))
    if moment.role == "base":
        assert stack.host.sh("dpkg --audit").strip(), "dpkg had nothing half done"
    assert process.wait(10) == -signal.SIGKILL


def said(process: subprocess.Popen[str]) -> str:
    """Return what a run that ended said."""
    out, err = process.communicate(timeout=10)
    return f"ended with {process.returncode}\n{out}\n{err}"


def test_then_a_plain_deploy_converges(fresh: Stack) -> None:
    begin = time.monotonic()
    done = fresh.deploy()
    assert done["probe"]["ok"]
    assert done["failed_task"] is None
    assert {result["state"] for result in done["probe"]["results"]} <= {"pass", "skip"}
    print(f"after {len(MOMENTS)} kills: {time.monotonic() - begin:.0f} s, {len(done['changes'])} changes")  # noqa: T201


def test_no_secret_is_left_in_a_temporary_folder(fresh: Stack) -> None:
    root = fresh.host.root
    assert {str(path): names for path, names in leaks(fresh, *(root / place for place in PLACES))} == {}
    assert fresh.host.sh("ls -A /home/operator/.collab-stack/tmp") == ""
    program = fresh.program
    assert list(program.runtime.glob("*")) == [], "a work folder of a killed run is left"
    # The vault password that `init` keeps is none of the secrets in it.
    assert {str(path): names for path, names in leaks(fresh, program.temporary, program.home)} == {}


def leaks(stack: Stack, *folders: Path) -> Iterator[tuple[Path, set[str]]]:
    """Yield files that hold secrets, and the secrets' names."""
    for folder in folders:
        assert folder.is_dir(), folder
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                found = stack.find_needles(path.read_text(errors="replace"))
                if found:
                    yield path, found
