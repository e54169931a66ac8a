"""The records that the agency creates in its own DNS. Internal names are never among them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from collab_stack.plan.definitions import SERVICES
from collab_stack.plan.model import DnsRecord
from collab_stack.plan.names import public_name

if TYPE_CHECKING:
    from collab_stack.plan.placement import Placement
    from collab_stack.site import SiteConfig


def records(config: SiteConfig, placement: Placement) -> tuple[DnsRecord, ...]:
    """Return the records for every public name; all of them lead to the edge.

    An external service needs none: its name exists already.
    """
    external = placement.external("edge")
    targets = (external.address,) if external else tuple(placement.address(host) for host in placement.hosts("edge"))
    return tuple(
        _record(public_name(config, placement, service), target)
        for service in placement.services()
        if SERVICES[service].public_label is not None and placement.external(service) is None
        for target in targets
    )


def _record(name: str, target: str) -> DnsRecord:
    try:
        address = ip_address(target)
    except ValueError:
        return DnsRecord(name, "CNAME", target)
    return DnsRecord(name, "A" if address.version == 4 else "AAAA", target)
