"""On which address a service listens, and at which address each client finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import SERVICES, is_container
from collab_stack.plan.names import internal_name

if TYPE_CHECKING:
    from collab_stack.plan.model import Flow
    from collab_stack.plan.placement import Placement

LOOPBACK: Final = "127.0.0.1"


def publish_address(flows: tuple[Flow, ...], placement: Placement, service: str, host: str) -> str:
    """Return the address on which ``host`` offers the port of a service.

    ``127.0.0.1`` when all its clients are processes of the same host, else the host's own address. Containers count
    as elsewhere: the host's loopback is not theirs, and a bridge address is not there yet when the host boots.
    """
    port = SERVICES[service].port
    clients = [flow for flow in flows if flow.destination == service and flow.port == port]
    return LOOPBACK if all(_stays_on(flow, host) for flow in clients) else placement.address(host)


def _stays_on(flow: Flow, host: str) -> bool:
    if flow.same_host:
        return True
    return not flow.source_addresses and not is_container(flow.source) and set(flow.source_hosts) <= {host}


def hosts_entries(flows: tuple[Flow, ...], placement: Placement, host: str) -> tuple[tuple[str, str], ...]:
    """Return (address, internal name) pairs for /etc/hosts of a host, in a stable order.

    A service on the host itself is found where it is published there; any other at the addresses of its hosts.
    An external service keeps its own name, which the agency's DNS knows.
    """
    pairs = []
    for service in _internal(placement):
        carriers = placement.hosts(service)
        found = [publish_address(flows, placement, service, host)] if host in carriers else _remote(placement, carriers)
        pairs += [(address, internal_name(placement, service)) for address in found]
    return tuple(pairs)


def container_entries(
    flows: tuple[Flow, ...], placement: Placement, service: str, host: str
) -> tuple[tuple[str, str], ...]:
    """Return (address, internal name) pairs for ``--add-host`` of a service's container: what it talks to, no more."""
    wanted = {flow.destination for flow in flows if flow.source == service}
    pairs = []
    for name in _internal(placement):
        if name in wanted:
            carriers = placement.hosts(name)
            nearest = (host,) if host in carriers else carriers
            pairs += [(address, internal_name(placement, name)) for address in _remote(placement, nearest)]
    return tuple(pairs)


def _internal(placement: Placement) -> list[str]:
    # The edge has no internal name: everybody, containers too, reaches it under the public names.
    return [name for name in placement.services() if name != "edge" and placement.hosts(name)]


def _remote(placement: Placement, hosts: tuple[str, ...]) -> list[str]:
    return [placement.address(host) for host in hosts]
