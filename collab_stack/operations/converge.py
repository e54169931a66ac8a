"""Run the site's playbook on its hosts, for a deploy or (in check mode) for a plan."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from collab_stack.errors import CollabError, ExitCode
from collab_stack.operations import artifacts
from collab_stack.plan.definitions import SERVICES
from collab_stack.runner import inventory
from collab_stack.runner.command import Playbook
from collab_stack.runner.executor import Files, Outcome, execute

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from collab_stack.operations.opened import Opened
    from collab_stack.operations.reach import Reach
    from collab_stack.runner.events import Summary

PLAYBOOK: Final = "site.yml"


@dataclass(frozen=True)
class Extent:
    """How much of the site is run.

    :param hosts: the hosts.
    :param roles: only these roles; empty runs all.
    :param check: change nothing, only say what would change.
    :param verbosity: of Ansible, whose words go to the run's log.
    :param extra: Ansible's own flags.
    """

    hosts: tuple[str, ...]
    roles: tuple[str, ...] = ()
    check: bool = False
    verbosity: int = 0
    extra: tuple[str, ...] = ()


def converge(
    opened: Opened,
    ways: Reach,
    extent: Extent,
    run_id: str,
    files: Files,
    *,
    keep_open: Sequence[int] = (),
    on_event: Callable[[dict[str, Any]], None] = lambda _event: None,
    summary: Summary | None = None,
) -> Outcome:
    """Run the playbook.

    :param keep_open: descriptors behind which locks are; they last until Ansible is gone too.
    :param summary: filled as it goes, so that an interrupted run too knows what it did.
    :raises KeyboardInterrupt: after Ansible was stopped.
    """
    with opened.vault.ansible_file() as password:
        run = playbook(opened, ways, extent, run_id, password)
        return execute(run, files, (ways.work.handle, *keep_open), on_event, summary)


def playbook(opened: Opened, ways: Reach, extent: Extent, run_id: str, password: Path) -> Playbook:
    """Write the inventory into the run's private folder, and return what to run."""
    common = {
        "nextcloud_archives_dir": str(artifacts.cache()),
        "collab_site_dir": str(opened.site.directory),  # roles read the certificates in tls/ from here
    }
    path = ways.work.path / "inventory.yml"
    content = inventory.build(opened.plan, ways.variables, common)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000), encoding="utf-8")
    everywhere = set(extent.hosts) == set(ways.variables)
    return Playbook(
        playbook=PLAYBOOK,
        inventory=path,
        secrets=opened.site.directory / "secrets.yml",
        vault_password=password,
        ssh_config=ways.ssh_config,
        work=ways.work.path,
        events_fd=-1,
        run_id=run_id,
        check=extent.check,
        limit=None if everywhere else ",".join(extent.hosts),
        tags=extent.roles,
        verbosity=extent.verbosity,
        extra=extent.extra,
    )


def chosen_hosts(opened: Opened, limit: Collection[str]) -> tuple[str, ...]:
    """Return the hosts that ``--limit`` names, in the order of hosts.yml; all when it names none.

    :raises CollabError: USAGE for a name that is neither a host nor a group.
    """
    hosts = opened.site.hosts
    known = {**{name: (name,) for name in hosts.hosts}, **hosts.groups}
    wanted = {host for name in limit for host in _known(name, known, "--limit", "host or group")}
    return tuple(name for name in hosts.hosts if not limit or name in wanted)


def chosen_roles(opened: Opened, only: Collection[str]) -> tuple[str, ...]:
    """Return the roles of the services that ``--only`` names; empty when it names none, which is all.

    A service that follows another's settings (web follows Nextcloud) is part of it.

    :raises CollabError: USAGE for a name that is no service of the site.
    """
    names = [service.name for service in opened.plan.services]
    known = {
        name: tuple(
            role for other in names if name in (other, SERVICES[other].settings) for role in SERVICES[other].roles
        )
        for name in names
    }
    return tuple(dict.fromkeys(role for name in only for role in _known(name, known, "--only", "service")))


def _known(name: str, known: dict[str, tuple[str, ...]], option: str, kind: str) -> Iterable[str]:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    raise CollabError(
        f"{option} {name}: the site has no such {kind}.",
        mend=f"{option} {near[0]}" if near else f"{option} takes one of: {', '.join(known)}",
        code="usage",
        exit_code=ExitCode.USAGE,
    )
