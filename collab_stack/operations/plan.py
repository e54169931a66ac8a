"""What a deploy would change on the hosts: asked of the hosts themselves, which nothing is done to."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from collab_stack.operations import record
from collab_stack.operations.converge import Extent, converge
from collab_stack.operations.fitness import Problem
from collab_stack.operations.preflight import unreachable
from collab_stack.operations.reach import reach

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from collab_stack.operations.opened import Opened
    from collab_stack.operations.reach import Reach
    from collab_stack.runner.changes import Change
    from collab_stack.runner.executor import Outcome

REACH_SECONDS: Final = 5
"""Until a host that does not answer is given up; ssh's own limit is a second shorter."""


@dataclass(frozen=True)
class HostChanges:
    """What would change on one host.

    :param changes: None when it could not be found out.
    :param reason: why not, and what mends it; None when it could.
    """

    host: str
    changes: tuple[Change, ...] | None
    reason: Problem | None = None


def host_changes(
    opened: Opened,
    hosts: Collection[str] = (),
    roles: Collection[str] = (),
    *,
    verbosity: int = 0,
    on_event: Callable[[dict[str, Any]], None] = lambda _event: None,
) -> tuple[HostChanges, ...]:
    """Ask the hosts what a deploy would change (Ansible's check mode with diffs); nothing is changed.

    A host that cannot be reached is told within five seconds, and the others are asked all the same.

    :param opened: from :func:`collab_stack.operations.opened.open_site`.
    :param hosts: only these, by name; empty is all.
    :param roles: only these; empty is all.
    :param on_event: gets Ansible's events and ticks, as a :class:`collab_stack.cli.progress.Watch` takes them.
    :return: one entry per host, in the order of hosts.yml; in each the changes are in the order of the run.
    """
    wanted = [host for host in opened.site.hosts.hosts if not hosts or host in hosts]
    with reach(opened.site, opened.secrets) as ways:
        lost = _unreachable(wanted, ways)
        asked = tuple(host for host in wanted if host not in lost)
        found: dict[str, HostChanges] = {}
        if asked:
            run = record.begin(opened.site.directory, "plan", {}, opened.secrets.values(), changes=False)
            extent = Extent(asked, tuple(roles), check=True, verbosity=verbosity)
            outcome = converge(opened, ways, extent, run.id, run.files, on_event=on_event)
            found = {host: _result(host, outcome, run.files.log) for host in asked}
    return tuple(found.get(host) or HostChanges(host, None, lost[host]) for host in wanted)


def _result(host: str, outcome: Outcome, log: Path) -> HostChanges:
    if outcome.ok:
        return HostChanges(host, tuple(change for change in outcome.summary.changes if change.host == host))
    first = outcome.summary.failed_task
    own = next((failure for failure in outcome.summary.failures if failure.host == host), None)
    if own is not None:
        message = f"{host}: role {own.role}: {own.task}: {own.message}"
        return HostChanges(
            host, None, Problem(host, "check-mode", message, own.mend or f"mend the cause on {host}: collab-stack plan")
        )
    message = f"it failed on {first.host}" if first else outcome.complaint
    return HostChanges(
        host, None, Problem(host, "check-mode", f"{host} was not asked to the end: {message}", f"see {log}")
    )


def _unreachable(hosts: Sequence[str], ways: Reach) -> dict[str, Problem]:
    """Open the connection to every host; return why, for those where that fails."""

    def attempt(host: str) -> tuple[str, str | None]:
        path = ways.work.path / f"ssh-{host}"
        try:
            with path.open("wb") as errors:
                done = subprocess.run(
                    [*ways.next(host), "true"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    timeout=REACH_SECONDS,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            return host, "timed out"
        said = path.read_text(encoding="utf-8", errors="replace")
        return host, said if done.returncode else None

    with ThreadPoolExecutor(max_workers=max(len(hosts), 1)) as pool:
        tried = list(pool.map(attempt, hosts))
    return {host: unreachable(host, said, ways) for host, said in tried if said is not None}
