"""Variables of the role ``docker``: networks and images of the services that run in containers on a host."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import SERVICES, is_container

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

DEFAULT_BRIDGE_PREFIX: Final = 24
"""Docker's own bridge gets the first /24 of ``networks.containers``; no ``network_index`` is 0."""


def variables(context: Context, host: str) -> dict[str, object]:
    """Return the role's variables for a host that runs containers."""
    config = context.config
    services = [service for service in context.host_services(host) if is_container(service)]
    networks = [context.network(service) for service in services]
    pool = IPv4Network(config.networks.containers)
    values: dict[str, object] = {
        "docker_resolvers": [str(resolver) for resolver in config.dns.resolvers],
        "docker_bridge": f"{pool[1]}/{DEFAULT_BRIDGE_PREFIX}",
        "docker_networks": [
            {
                "name": network.name,
                "interface": network.interface,
                "subnet": network.subnet,
                "gateway": network.gateway,
            }
            for network in networks
        ],
        "docker_images": [context.image(SERVICES[service].component) for service in services],
    }
    if config.registry is not None:
        values["docker_registry"] = config.registry.address
        if config.registry.ca is not None:
            values["docker_registry_ca"] = context.site_file(config.registry.ca)
    return values
