"""The data-flow graph of a plan: parties as nodes, one arrow per pair of them that names every port between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import HOSTS, OUTSIDE, SERVICES
from collab_stack.plan.flows import LEAVES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collab_stack.plan.model import Flow, Plan, Transport

SOURCES: Final = ("clients", "management")
"""Outside parties that only ever begin a flow."""

_TITLES: Final = {
    "clients": "Clients",
    "management": "Management",
    "directory": "Directory",
    "mail": "Mail relay",
    "objectstore": "Object store",
    "time": "Time servers",
    "dns": "DNS resolvers",
    "packages": "Debian packages",
    "registry": "Image registry",
    HOSTS: "Operating systems",
}

TRANSPORTS: Final[dict[Transport, str]] = {
    "tls": "TLS",
    "ssh": "SSH",
    "clear": "clear",
    "dns": "DNS",
    "ntp": "NTP",
    "signed": "signed",
}
"""What a reader sees for each kind of protection."""

_SHOWN: Final = 2
"""How many hosts or addresses a node names before it only counts them."""


@dataclass(frozen=True, slots=True)
class Node:
    """A party.

    :param name: as the flow table has it.
    :param kind: ``ours`` is carried by hosts of the stack, ``external`` is the agency's own instance of a service,
        ``outside`` is any other party.
    :param place: the hosts or addresses it is at, short enough for a line.
    """

    name: str
    title: str
    kind: str
    place: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """All flows from one party to another.

    :param label: every port with its protection, such as ``80 clear, 443 TLS``.
    :param leaves: some of it ends outside the house.
    :param clear: some of it goes over a wire without protection.
    :param local: all of it stays on one host's loopback.
    :param reasons: one line per flow.
    """

    source: str
    destination: str
    label: str
    leaves: bool
    clear: bool
    local: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole picture, in the order in which people read it: who comes in, the stack, what it asks."""

    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def graph(plan: Plan) -> Graph:
    """Return the graph of a plan."""
    pairs: dict[tuple[str, str], list[Flow]] = {}
    for flow in plan.flows:
        pairs.setdefault((flow.source, flow.destination), []).append(flow)
    talking = {name for pair in pairs for name in pair}
    order = (*SOURCES, *SERVICES, HOSTS, *(party for party in OUTSIDE if party not in SOURCES))
    return Graph(
        nodes=tuple(_node(plan, name) for name in order if name in talking),
        # A party's flows to itself (one host to another's SSH) would be a loop that says nothing.
        arrows=tuple(_arrow(pair, flows) for pair, flows in pairs.items() if pair[0] != pair[1]),
    )


def _node(plan: Plan, name: str) -> Node:
    title = _TITLES.get(name, name)
    if name in OUTSIDE:
        return Node(name, title, "outside", _place(_addresses(plan, name)) if name != "clients" else "anywhere")
    if name == HOSTS:
        return Node(name, title, "ours", _place(list(plan.host_variables)))
    service = next(service for service in plan.services if service.name == name)
    if service.external is not None:
        return Node(name, title, "external", f"{service.external.address}:{service.external.port}")
    return Node(name, title, "ours", _place(service.hosts))


def _addresses(plan: Plan, party: str) -> list[str]:
    found = [flow.source_addresses for flow in plan.flows if flow.source == party]
    found += [flow.destination_addresses for flow in plan.flows if flow.destination == party]
    return list(dict.fromkeys(address for addresses in found for address in addresses))


def _place(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} +{len(names) - _SHOWN}" if len(names) > _SHOWN else shown


def _arrow(pair: tuple[str, str], flows: Sequence[Flow]) -> Arrow:
    ports: dict[tuple[int, Transport], list[str]] = {}
    for flow in flows:
        known = ports.setdefault((flow.port, flow.transport), [])
        if flow.protocol not in known:
            known.append(flow.protocol)
    return Arrow(
        source=pair[0],
        destination=pair[1],
        label=", ".join(
            f"{port} {TRANSPORTS[transport]}" + (f" ({'+'.join(protocols)})" if protocols != ["tcp"] else "")
            for (port, transport), protocols in sorted(ports.items())
        ),
        leaves=any(LEAVES in flow.legal for flow in flows),
        clear=any(flow.transport == "clear" and not flow.same_host for flow in flows),
        local=all(flow.same_host for flow in flows),
        reasons=tuple(f"{flow.port}/{flow.protocol} {TRANSPORTS[flow.transport]}: {flow.reason}" for flow in flows),
    )
