"""What each host lets in, from the flow table. Role ``base`` turns it into nftables rules.

Traffic that a host sends to itself, its own containers included, arrives on loopback or a bridge and is no business of
these permissions. A container's traffic to another host carries the address of the host that it runs on.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TYPE_CHECKING

from collab_stack.plan.model import Permission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collab_stack.plan.model import Flow, Protocol
    from collab_stack.plan.placement import Placement


def inbound(flows: Iterable[Flow], placement: Placement, host: str) -> tuple[Permission, ...]:
    """Return the inbound permissions of a host, one per protocol and port, sorted by them.

    Several flows to one port are one permission with the union of their sources. A port whose every client is on the
    host itself gets none. A source that is given by name gets none either: a firewall cannot match names, and
    :mod:`collab_stack.plan.rules` has refused such a site before.
    """
    arriving: dict[tuple[Protocol, int], list[Flow]] = {}
    for flow in flows:
        if host in flow.destination_hosts and not flow.same_host and _sources(flow, placement, host):
            arriving.setdefault((flow.protocol, flow.port), []).append(flow)
    return tuple(
        _permission(protocol, port, found, placement, host)
        for (protocol, port), found in sorted(arriving.items(), key=lambda item: item[0])
    )


def _permission(protocol: Protocol, port: int, found: list[Flow], placement: Placement, host: str) -> Permission:
    networks = [network for flow in found for network in _sources(flow, placement, host)]
    four = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    return Permission(
        protocol=protocol,
        port=port,
        sources4=tuple(str(network) for network in four),
        sources6=tuple(str(network) for network in six),
        reason="; ".join(dict.fromkeys(flow.reason for flow in found)),
    )


def _sources(flow: Flow, placement: Placement, host: str) -> list[IPv4Network | IPv6Network]:
    texts = [placement.address(source) for source in flow.source_hosts if source != host]
    networks = []
    for text in (*texts, *flow.source_addresses):
        try:
            networks.append(ip_network(text))
        except ValueError:
            continue
    return networks
