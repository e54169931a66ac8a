"""The hosts themselves: reachable, their units and containers up, room on the disks, the right time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.probes.model import Probe, Seen
from collab_stack.probes.target import LEAST_FREE_BYTES, LEAST_FREE_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.probes.target import Target

HOSTS: Final = "hosts"

MOST_OFFSET_SECONDS: Final = 1.0
"""Keycloak forgives 10 s (26.6); a clock that is a second off is on its way there."""

_GIBIBYTE: Final = 1024**3


class _HostProbe(Probe):
    service = HOSTS
    lane = "hosts"

    def applies(self, target: Target) -> bool:
        """A site whose services are all somebody else's has no hosts."""
        return bool(target.hosts)


class Reachable(_HostProbe):
    """Every host answered over SSH, with root rights."""

    id = "host.reachable"
    severity = "critical"
    did = "read the host's state over SSH"
    mend = "run `ssh HOST` and `sudo -v` by hand; `collab-stack hosts trust` when its key is new"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per host."""
        reports = target.reports()
        for host in target.hosts:
            report = reports.get(host)
            if report is None or report.error:
                saw = report.error if report else "no answer"
                yield Seen("fail", self.did, saw, self.mend.replace("HOST", host), host=host)
            else:
                yield Seen("pass", self.did, "it answered", host=host)


class Units(_HostProbe):
    """Every unit of the stack is active."""

    id = "host.units"
    severity = "critical"
    did = "asked systemd for the stack's units"
    mend = "look at `systemctl --failed` on the host"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per host and service."""
        for host, found in target.health("units"):
            expected = target.hosts[host]
            for service in dict.fromkeys(expected.units.values()):
                units = [unit for unit, owner in expected.units.items() if owner == service]
                states = {unit: found.get(unit, {"active": "not there", "sub": ""}) for unit in units}
                bad = [unit for unit, state in states.items() if state["active"] != "active"]
                did = f"systemctl show {' '.join(units)} on {host}"
                saw = ", ".join(f"{unit} is {_state(states[unit])}" for unit in bad or units)
                mend = "; ".join(f"look at `journalctl -u {unit}`, then `systemctl start {unit}`" for unit in bad)
                yield Seen("fail" if bad else "pass", did, saw, mend, host=host, service=service)


class Containers(_HostProbe):
    """Every container runs, within a limit of memory."""

    id = "host.containers"
    severity = "critical"
    did = "asked Docker for the stack's containers"
    mend = "look at `docker ps -a` on the host"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per host and container."""
        for host, found in target.health("containers"):
            expected = target.hosts[host]
            for name, service in expected.containers.items():
                did, state = f"docker inspect {name} on {host}", found.get(name, {"error": "not there"})
                unit = f"{name}.service"
                if state.get("error") or not state["running"]:
                    saw = state.get("error") or f"not running ({state['status']})"
                    mend = f"look at `journalctl -u {unit}`, then `systemctl start {unit}`"
                    yield Seen("fail", did, saw, mend, host=host, service=service)
                elif not state["memory_bytes"]:
                    mend = f"run `collab-stack deploy --only {service}`: somebody started it by hand"
                    yield Seen("fail", did, "runs without a limit of memory", mend, host=host, service=service)
                else:
                    saw = f"running, at most {state['memory_bytes'] // 1024**2} MiB"
                    yield Seen("pass", did, saw, host=host, service=service)


class Disks(_HostProbe):
    """There is room where data grows."""

    id = "host.disk"
    severity = "major"
    did = "asked how much is free"
    mend = "make room: `du -xh --max-depth=2 PATH | sort -h | tail`, or enlarge the volume"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per host, about its fullest place."""
        for host, disks in target.health("disks"):
            if not disks:
                continue
            path, disk = min(disks.items(), key=lambda item: item[1]["free"] / max(item[1]["total"], 1))
            share = disk["free"] / max(disk["total"], 1)
            saw = f"{path}: {disk['free'] / _GIBIBYTE:.1f} GiB free of {disk['total'] / _GIBIBYTE:.1f} ({share:.0%})"
            full = [
                path
                for path, at in disks.items()
                if at["free"] < LEAST_FREE_BYTES or at["free"] / max(at["total"], 1) < LEAST_FREE_SHARE
            ]
            did = f"statvfs of {', '.join(disks)} on {host}"
            if full:
                wanted = f"; at least {LEAST_FREE_SHARE:.0%} and {LEAST_FREE_BYTES // _GIBIBYTE} GiB are wanted"
                yield Seen("fail", did, saw + wanted, self.mend.replace("PATH", full[0]), host=host)
            else:
                yield Seen("pass", did, saw, host=host)


class Clock(_HostProbe):
    """The clock is set by the site's time servers: tokens and certificates are judged by it."""

    id = "host.clock"
    severity = "major"
    did = "asked chrony how far off the clock is"
    mend = "look at `chronyc sources` on the host, and at time.servers in site.yml"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per host."""
        for host, found in target.health("clock"):
            did = f"chronyc tracking on {host}"
            if found.get("error"):
                yield Seen("fail", did, found["error"], "look at `systemctl status chrony` on the host", host=host)
                continue
            saw = f"{found['offset'] * 1000:.1f} ms off, by {found['source'] or 'nobody'} (stratum {found['stratum']})"
            good = found["leap"] != "Not synchronised" and abs(found["offset"]) <= MOST_OFFSET_SECONDS
            yield Seen("pass" if good else "fail", did, saw, "" if good else self.mend, host=host)


def _state(unit: dict[str, str]) -> str:
    return f"{unit['active']} ({unit['sub']})" if unit["sub"] else unit["active"]
