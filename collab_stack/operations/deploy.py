"""Make the hosts what the site says: lock, look, converge, probe; and record how it went."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from collab_stack.errors import CollabError, ExitCode
from collab_stack.operations import artifacts, images, preflight, record
from collab_stack.operations.converge import Extent, chosen_hosts, chosen_roles, converge
from collab_stack.operations.reach import reach
from collab_stack.operations.result import PreflightError, Result
from collab_stack.runner.lock import host_locks, site_lock
from collab_stack.site import fixed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collab_stack.operations.opened import Opened
    from collab_stack.operations.reach import Reach


@dataclass(frozen=True)
class Options:
    """What the command line asked for.

    :param limit: hosts or groups of hosts.yml; empty is all.
    :param only: services; empty is all.
    :param check: change nothing, only say what would change.
    :param accept_no_backup: services whose data may be migrated without a backup.
    :param extra: Ansible's own flags.
    :param roles: only these roles, besides those of ``only``.
    :param probe: probe at the end.
    :param verb: as locks and record name it.
    """

    limit: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    check: bool = False
    accept_no_backup: tuple[str, ...] = ()
    verbosity: int = 0
    extra: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    probe: bool = True
    verb: str = "deploy"


class Watcher(Protocol):
    """Somebody who is told how a deploy goes on."""

    def phase(self, name: str) -> None:
        """Hear that a phase begins: ``preflight``, ``converge`` or ``probe``."""

    def roles(self, roles: Mapping[str, Sequence[str]]) -> None:
        """Hear which roles will run on each host."""

    def event(self, event: Mapping[str, Any]) -> None:
        """Hear what Ansible tells, or that some time has passed (``{"event": "tick"}``)."""


def deploy(site: Opened, options: Options, watcher: Watcher, began: float) -> Result:
    """Deploy a site.

    :param began: ``time.monotonic()`` when the verb began, for its wall time.
    :raises CollabError: when it ended before Ansible was started: invalid site, locked, preflight failed.
    :raises KeyboardInterrupt: when it was interrupted; Ansible has been stopped, and it is safe to run again.
    """
    hosts = chosen_hosts(site, options.limit)
    roles = (*chosen_roles(site, options.only), *options.roles)
    extent = Extent(hosts, roles, options.check, options.verbosity, options.extra)
    with site_lock(site.site.directory, options.verb) as lock:
        run = record.begin(site.site.directory, options.verb, _said(options), site.secrets.values())
        result = Result(run, hosts)
        ending: dict[str, Any] = {"ok": False, "exit": int(ExitCode.DEFECT)}
        try:
            _deploy(site, options, extent, watcher, result, lock)
            ending = {"ok": result.exit_code == ExitCode.OK, "exit": int(result.exit_code)}
        except KeyboardInterrupt:
            ending["exit"] = int(ExitCode.INTERRUPTED)
            raise
        except CollabError as error:
            ending |= {"exit": int(error.exit_code), "error": error.code, "message": error.message}
            raise
        finally:
            result.seconds = round(time.monotonic() - began, 1)
            run.finish({**_entry(site, result), **ending})
    return result


def _deploy(site: Opened, options: Options, extent: Extent, watcher: Watcher, result: Result, lock: int) -> None:
    watcher.phase("preflight")
    result.versions = _locked_versions(site)
    with ExitStack() as stack:
        ways = stack.enter_context(reach(site.site, site.secrets))
        locks = stack.enter_context(host_locks({host: ways.first(host) for host in result.hosts}, options.verb))
        report = preflight.run(
            preflight.Wanted(site.site, site.plan, result.hosts, locks.lost, result.run.id, options.accept_no_backup),
            ways,
        )
        result.looked = len(report.answers)
        if report.problems:
            raise PreflightError(report.problems)
        if not options.check:
            fixed.record(site.site.directory, site.site.config)  # before the first thing that depends on it
        watcher.phase("converge")
        watcher.roles({host: _roles(site, extent, host) for host in result.hosts})
        result.outcome = converge(
            site,
            ways,
            extent,
            result.run.id,
            result.run.files,
            keep_open=(lock, *locks.handles),
            on_event=watcher.event,
            summary=result.summary,
        )
        if result.outcome.ok and options.probe and not options.check:
            watcher.phase("probe")
            result.probe = _probe(site, ways)


def _roles(site: Opened, extent: Extent, host: str) -> tuple[str, ...]:
    return tuple(role for role in site.plan.roles[host] if not extent.roles or role in extent.roles)


def _probe(site: Opened, ways: Reach) -> Mapping[str, Any]:
    from collab_stack.operations import probe  # noqa: PLC0415 - a run that fails before needs none of it

    return probe.settled(site, ways).as_json()


def _locked_versions(site: Opened) -> dict[str, str]:
    """Return the versions of the images.

    :raises CollabError: PREFLIGHT_FAILED when an image or an archive is not locked.
    """
    wanted = images.needed(site.site, site.catalogue, site.plan)
    archives = artifacts.needed(site.site, site.catalogue, site.plan)
    for unlocked in (images.unlocked(wanted), artifacts.unlocked(archives)):
        if unlocked is not None:
            raise unlocked
    return {image.component: image.version for image in wanted} | {
        archive.component: archive.version for archive in archives
    }


def _said(options: Options) -> dict[str, Any]:
    """Return the options for the record."""
    said = asdict(options)
    return {name: said[name] for name in ("limit", "only", "check", "accept_no_backup", "extra")}


def _entry(site: Opened, result: Result) -> dict[str, Any]:
    """Return what the record says of a deploy besides its options and its ending."""
    told = result.as_json()
    names = ("seconds", "hosts", "remote_tasks", "remote_tasks_by_role", "changes", "failed_task")
    return {name: told[name] for name in names} | {
        "new_secrets": site.new_secrets,
        "versions": dict(result.versions or {}),
        "deprecations": result.outcome.deprecations if result.outcome else (),
        "probe": None if result.probe is None else {"ok": result.probe["ok"]},
    }
