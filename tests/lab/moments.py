"""Moments of a first deploy at which it is killed: how each is recognised on the host while it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.lab.machine import Machine, View

DPKG_LOG = "/var/log/dpkg.log"
NEXTCLOUD = "/srv/collab/containers/nextcloud/html"
REALM = "runuser -u postgres -- psql -Atqc \"select 1 from realm where name = 'agency'\" keycloak 2>/dev/null"

How = Literal["controller", "host", "power", "interrupt"]
"""What ends: the program and Ansible; the run's processes on the host too; the host at once; Ctrl-C."""


@dataclass
class Look:
    """What a moment is recognised by.

    :param kept: what a sign wants to know again at its next look.
    """

    machine: Machine
    view: View
    kept: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """A moment inside of one task.

    :param sign: says whether it is there; asked only while the task is at work.
    :param pause: seconds between two looks.
    """

    name: str
    role: str
    task: str
    how: How
    sign: Callable[[Look], bool]
    pause: float = 0.1


AT_IT = {"install": (" install ", "half-installed", "unpacked"), "configure": (" configure ", "half-configured")}
"""Action in dpkg's log -> what its last line holds meanwhile."""


def dpkg(action: str, count: int) -> Callable[[Look], bool]:
    """Return a sign: dpkg did ``action`` with so many packages and is at it now."""

    def sign(look: Look) -> bool:
        path = look.view.file(DPKG_LOG)
        if not path.exists():
            return False
        start = look.kept.setdefault("start", path.stat().st_size)
        with path.open("rb") as stream:
            stream.seek(start)
            lines = stream.read().decode().splitlines()
        done = sum(f" {action} " in line for line in lines)
        return done >= count and any(mark in lines[-1] for mark in AT_IT[action])

    return sign


def runs(*texts: str) -> Callable[[Look], bool]:
    """Return a sign: a process of the host has one of the texts in its command line."""
    return lambda look: any(text in command for command in look.view.commands() for text in texts)


def there(pattern: str) -> Callable[[Look], bool]:
    """Return a sign: a file of that pattern is on the host."""
    return lambda look: any(look.view.root.glob(pattern.lstrip("/")))


def code_is_copied(look: Look) -> bool:
    """Say whether the container copies Nextcloud's code: version.php comes last."""
    html = look.view.file(NEXTCLOUD)
    return any(html.glob("*")) and not (html / "version.php").exists()


def realm_is_there(look: Look) -> bool:
    """Say whether the realm has been made; all that is in it comes afterwards."""
    return look.machine.run(REALM) == (0, "1\n")


PACKAGES = ("base", "Install packages")
CERTIFICATES = ("tls", "Converge certificates")
IMAGES = ("docker", "Converge networks and images")
CLUSTER = ("postgresql", "Converge the cluster")
KEYCLOAK = ("keycloak", "Converge the container")
REALMS = ("sso", "Reconcile the realm")
NEXTCLOUDS = ("nextcloud", "Converge the container")
INSTANCE = ("nextcloud", "Converge the instance")

MOMENTS = (
    Moment("packages are unpacked", *PACKAGES, "host", dpkg("install", 25), 0.02),
    Moment("packages are configured", *PACKAGES, "host", dpkg("configure", 12), 0.02),
    Moment("an image is loaded", *IMAGES, "host", there("/var/lib/docker/tmp/GetImageBlob*"), 0.02),
    Moment("keys are written", *CERTIFICATES, "host", there("/var/lib/collab/tls-pending/*.pem"), 0.02),
    Moment("the database cluster is made", *CLUSTER, "power", there("/srv/collab/postgresql/17/main.new"), 0.02),
    Moment("Keycloak is built", *KEYCLOAK, "host", runs("run --rm --name collab-keycloak-build")),
    Moment("Keycloak starts for the first time", *KEYCLOAK, "controller", runs("container-ready --seconds 900")),
    Moment("the first administrator is made", *REALMS, "host", runs("kc.sh bootstrap-admin")),
    Moment("the realm is filled", *REALMS, "host", realm_is_there),
    Moment("Nextcloud's code is copied", *NEXTCLOUDS, "power", code_is_copied, 0.02),
    Moment("occ installs", *INSTANCE, "host", runs("occ maintenance:install")),
    Moment("Nextcloud is configured", *INSTANCE, "interrupt", runs("security:certificates:import", "config:import")),
)
"""In the order of a deploy, so that one chain of killed deploys comes through all of them."""


class Events:
    """A run's events, read while they are written.

    :param path: the run's events file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path.name.removesuffix(".events.jsonl")

    def read(self) -> list[Mapping[str, Any]]:
        """Return the events so far; a line that is being written does not count yet."""
        lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def inside(self, moment: Moment) -> bool:
        """Say whether the moment's task has started a module on the host and not told its result."""
        at_it = False
        for event in self.read():
            if (event.get("role"), event.get("task")) == (moment.role, moment.task):
                at_it = event["event"] == "module" or (at_it and event["event"] != "result")
        return at_it


def wait_for(moment: Moment, look: Look, events: Events, alive: Callable[[], bool], seconds: float) -> None:
    """Wait until a run is at a moment.

    :param alive: says whether the run goes on.
    """
    end = time.monotonic() + seconds
    while not events.inside(moment):
        assert alive(), f"the run ended before: {moment.name}"
        assert time.monotonic() < end, f"never began within {seconds:.0f} s: {moment.task}"
        time.sleep(0.05)
    while not moment.sign(look):
        assert events.inside(moment), f"its task ended without being seen: {moment.name}"
        assert time.monotonic() < end, f"not seen within {seconds:.0f} s: {moment.name}"
        time.sleep(moment.pause)
