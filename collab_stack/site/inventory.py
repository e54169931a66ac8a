"""From hosts.yml to :class:`Hosts`: what is wrong between its parts, and the machines with their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_stack.catalogue.layout import GROUPS
from collab_stack.site.findings import Finding, suggestion
from collab_stack.site.model import Host, Hosts
from collab_stack.site.model.inventory import HostsFile
from collab_stack.site.validate import validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.site.document import Node

FILE = "hosts.yml"

_RESERVED = ("all", "ungrouped", "localhost")


def read(tree: Node) -> tuple[Hosts | None, list[Finding]]:
    """Return the machines, or None and the findings that stand against them (warnings come with machines)."""
    parsed, findings = validate(HostsFile, tree, FILE)
    if parsed is None:
        return None, findings
    findings = [*_names(parsed, tree), *_addresses(parsed, tree), *_groups(parsed, tree), *_idle(parsed, tree)]
    if any(finding.severity == "error" for finding in findings):
        return None, findings
    return _hosts(parsed), findings


def _hosts(parsed: HostsFile) -> Hosts:
    shared = parsed.all.vars.model_dump(exclude_none=True)
    hosts = {
        name: Host(name, machine.ansible_host, shared | machine.model_dump(exclude_none=True))
        for name, machine in parsed.all.hosts.items()
    }
    groups = {name: tuple(group.hosts) if group else () for name, group in parsed.all.children.items()}
    return Hosts(hosts, groups)


def _line(tree: Node, *path: str) -> int:
    return tree.at(path)[0].line


def _names(parsed: HostsFile, tree: Node) -> Iterator[Finding]:
    for name in parsed.all.hosts:
        if name in GROUPS or name in parsed.all.children or name in _RESERVED:
            yield Finding(
                FILE,
                _line(tree, "all", "hosts", name),
                f"all.hosts.{name}",
                f"a host cannot be named like the group `{name}`"
                if name != "localhost"
                else "the name `localhost` means the operator's own machine",
                "give the host another name",
            )


def _addresses(parsed: HostsFile, tree: Node) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name, machine in parsed.all.hosts.items():
        first = seen.setdefault(machine.ansible_host, name)
        if first != name:
            yield Finding(
                FILE,
                _line(tree, "all", "hosts", name, "ansible_host"),
                f"all.hosts.{name}.ansible_host",
                f"{machine.ansible_host} is already the address of {first} "
                f"(line {_line(tree, 'all', 'hosts', first, 'ansible_host')}): one machine, named twice",
                f"give {name} its own address, or use the name {first} in the groups",
            )


def _groups(parsed: HostsFile, tree: Node) -> Iterator[Finding]:
    for group, content in parsed.all.children.items():
        line = _line(tree, "all", "children", group)
        if group not in GROUPS:
            yield Finding(FILE, line, f"all.children.{group}", f"unknown group `{group}`", suggestion(group, GROUPS))
            continue
        for name in content.hosts if content else ():
            if name not in parsed.all.hosts:
                yield Finding(
                    FILE,
                    _line(tree, "all", "children", group, "hosts", name),
                    f"all.children.{group}.hosts.{name}",
                    f"`{name}` is not among all.hosts",
                    suggestion(name, parsed.all.hosts),
                )


def _idle(parsed: HostsFile, tree: Node) -> Iterator[Finding]:
    used = {name for group in parsed.all.children.values() if group for name in group.hosts}
    for name in parsed.all.hosts:
        if name not in used:
            yield Finding(
                FILE,
                _line(tree, "all", "hosts", name),
                f"all.hosts.{name}",
                f"`{name}` is in no group, so it carries no service",
                "put it into a group below all.children, or remove it",
                "warning",
            )
