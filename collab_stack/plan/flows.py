"""From the declared table to the flows of one site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collab_stack.plan.definitions import HOSTS, OUTSIDE, SERVICES, is_container
from collab_stack.plan.model import Flow
from collab_stack.plan.outside import endpoints, in_house
from collab_stack.plan.table import TABLE, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collab_stack.plan.model import Transport
    from collab_stack.plan.placement import Placement
    from collab_stack.site import SiteConfig

LEAVES = "GDPR art. 44: outside the networks and the domain that the site declares as in-house"


@dataclass(frozen=True, slots=True)
class FlowInput:
    """What the flows are computed from, besides the table.

    :param images: references of the images that the site's hosts run.
    :param ssh_ports: host -> port of its sshd.
    """

    config: SiteConfig
    placement: Placement
    images: tuple[str, ...]
    ssh_ports: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a row within a site: hosts of the stack, or somebody else's addresses; never both."""

    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    port: int | None = None
    transport: Transport | None = None


def flows(given: FlowInput) -> tuple[Flow, ...]:
    """Return the flow table of a site, in the order of the declared table."""
    return tuple(flow for row in TABLE for flow in _expand(given, row))


def _expand(given: FlowInput, row: Row) -> Iterator[Flow]:
    if not _counts(given.placement, row):
        return
    for source in _ends(given, row.source, row):
        for destination in _ends(given, row.destination, row):
            if row.same_host:
                shared = tuple(host for host in source.hosts if host in destination.hosts)
                if shared:
                    yield _flow(given, row, _End(shared), _End(shared, port=destination.port))
            elif row.source in OUTSIDE or source.hosts or destination.hosts:
                # Between two services of the agency's own nothing of ours takes part.
                yield _flow(given, row, source, destination)


def _counts(placement: Placement, row: Row) -> bool:
    if row.with_service is not None and not placement.hosts(row.with_service):
        return False
    if row.to is not None and (row.to == "external") != (placement.external(row.destination) is not None):
        return False
    return not (row.private and placement.external(row.source) is not None)


def _ends(given: FlowInput, party: str, row: Row) -> Iterator[_End]:
    """Yield the ends of a party: several where it answers at several ports, none where the site has no such party."""
    placement = given.placement
    if party == HOSTS:
        yield from _host_ends(given, row)
    elif party in OUTSIDE:
        for endpoint in endpoints(given.config, given.images, party):
            yield _End(addresses=endpoint.addresses, port=endpoint.port, transport=endpoint.transport)
    elif (external := placement.external(party)) is not None:
        yield _End(addresses=(external.address,), port=external.port)
    elif placement.hosts(party):
        yield _End(placement.hosts(party), port=SERVICES[party].port)


def _host_ends(given: FlowInput, row: Row) -> Iterator[_End]:
    hosts = tuple(given.placement.addresses)
    if row.destination == HOSTS:
        for port in sorted({given.ssh_ports[host] for host in hosts}):
            yield _End(tuple(host for host in hosts if given.ssh_ports[host] == port), port=port)
        return
    if row.destination == "registry":
        hosts = tuple(host for host in hosts if any(map(is_container, given.placement.host_services(host))))
    if hosts:
        yield _End(hosts)


def _flow(given: FlowInput, row: Row, source: _End, destination: _End) -> Flow:
    port = row.port or destination.port
    transport = row.transport or destination.transport
    if port is None or transport is None:
        raise ValueError(f"the row {row.source} -> {row.destination} of the flow table names no port or transport")
    leaves = not all(in_house(given.config, address) for address in destination.addresses)
    return Flow(
        source=row.source,
        destination=row.destination,
        port=port,
        protocol=row.protocol,
        transport=transport,
        reason=row.reason,
        legal=f"{row.legal}; {LEAVES}" if leaves else row.legal,
        source_hosts=source.hosts,
        destination_hosts=destination.hosts,
        source_addresses=source.addresses,
        destination_addresses=destination.addresses,
        same_host=row.same_host,
    )
