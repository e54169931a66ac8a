"""Variables of the role ``base``: packages, clock, names and what the packet filter lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_stack.plan.addresses import hosts_entries
from collab_stack.plan.definitions import is_container
from collab_stack.plan.firewall import inbound
from collab_stack.plan.packages import packages

if TYPE_CHECKING:
    from collab_stack.plan.context import Context


def variables(context: Context, host: str) -> dict[str, object]:
    """Return the role's variables for a host."""
    config = context.config
    values: dict[str, object] = {
        "base_packages": list(packages(context.placement, host)),
        "base_time_servers": [str(server) for server in config.time.servers],
        "base_time_zone": config.time.zone,
        "base_hosts": [
            {"address": address, "name": name}
            for address, name in hosts_entries(context.flows, context.placement, host)
        ],
        "base_inbound": [permission.as_variable() for permission in inbound(context.flows, context.placement, host)],
        "base_container_interfaces": [
            context.network(service).interface for service in context.host_services(host) if is_container(service)
        ],
        "base_maintenance_days": list(config.maintenance.days),
        "base_maintenance_start": config.maintenance.start,
        "base_maintenance_hours": config.maintenance.hours,
    }
    if config.packages is not None:
        values["base_mirror"] = config.packages.mirror
        values["base_security_mirror"] = config.packages.security_mirror
    return values
