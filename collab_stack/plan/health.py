"""What a host should show when it is well: units, containers, and whom it reaches. Probes ask for it.

Derived from the same placement and flows as everything else, so a probe asks for nothing that the plan does not want.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from collab_stack.plan.addresses import LOOPBACK
from collab_stack.plan.definitions import HOSTS, SERVICES, is_container

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

UNITS: Final[dict[str, tuple[str, ...]]] = {
    "edge": ("haproxy.service",),
    "web": ("collab-web.service",),
    "keycloak": ("collab-keycloak.service",),
    "postgresql": ("postgresql@17-collab.service",),
    "valkey": ("valkey-server@collab.service",),
    "nextcloud": ("collab-nextcloud.service", "collab-nextcloud-cron.timer"),
}
"""Service -> the units that are active while it is well."""

HOST_UNITS: Final = ("chrony.service", "collab-firewall.service")
"""Of every host."""

CONTAINER_UNITS: Final = ("docker.service",)
"""Of a host that runs containers."""

INTERNAL_CA: Final = "/etc/collab/tls/ca.pem"

KEYCLOAK_HEALTH_PORT: Final = 9443
KEYCLOAK_HEALTH_PATH: Final = "/health/ready"

PRIVATE_PATHS: Final = (
    "/metrics",
    "/health",
    "/realms/master/.well-known/openid-configuration",
    "/admin/master/console/",
)
"""Of Keycloak, at its public name: nothing that people need to log in. Management networks alone may open them."""

_SEEN_OVER_TLS: Final = ("postgresql", "valkey")


def units(context: Context, host: str) -> dict[str, str]:
    """Return unit -> the service it belongs to, ``hosts`` for those of the operating system."""
    services = context.host_services(host)
    own = HOST_UNITS + (CONTAINER_UNITS if any(map(is_container, services)) else ())
    return dict.fromkeys(own, HOSTS) | {unit: service for service in services for unit in UNITS[service]}


def containers(context: Context, host: str) -> dict[str, str]:
    """Return container -> its service."""
    return {f"collab-{service}": service for service in context.host_services(host) if is_container(service)}


def looks(context: Context, host: str) -> dict[str, Any]:
    """Return what the program ``host_health`` is asked about a host, as its parameters without the time limit.

    A password stands here by the name of its secret.
    """
    services = context.host_services(host)
    wanted: dict[str, Any] = {
        "units": list(units(context, host)),
        "containers": list(containers(context, host)),
        "disks": [context.config.storage.data_dir, "/", "/var/lib/docker"],
        "clock": True,
        "tls": {service: end for service in _SEEN_OVER_TLS if (end := _end(context, service, host))},
    }
    if "postgresql" in services:
        wanted["database"] = SERVICES["postgresql"].port
    if "nextcloud" in services:
        wanted["cron"] = "collab-nextcloud"
    if "keycloak" in services:
        wanted["https"] = {
            "keycloak": {
                "address": LOOPBACK,
                "port": KEYCLOAK_HEALTH_PORT,
                "name": context.internal_name("keycloak"),
                "ca": INTERNAL_CA,
                "path": KEYCLOAK_HEALTH_PATH,
            }
        }
    if denied := _denied(context, host):
        wanted["denied"] = denied
    return wanted


def _end(context: Context, service: str, host: str) -> dict[str, Any] | None:
    """Return where the services of a host find another one, None when none of them talks to it."""
    clients = [flow for flow in context.flows if flow.destination == service and host in flow.source_hosts]
    if not clients:
        return None
    flow = clients[0]
    end: dict[str, Any] = {"kind": service, "name": context.internal_name(service), "port": flow.port}
    if flow.destination_hosts:
        nearest = host if host in flow.destination_hosts else flow.destination_hosts[0]
        end |= {"address": context.address(nearest), "ca": INTERNAL_CA}
    else:
        end["address"] = flow.destination_addresses[0]
    if service == "valkey":
        end |= {"user": flow.source, "password": f"valkey_{flow.source}_password"}
    return end


def _denied(context: Context, host: str) -> dict[str, Any] | None:
    """Return what the edge has to refuse this host; None for a manager, and for one that may not talk to the edge."""
    flows = [flow for flow in context.flows if flow.destination == "edge" and host in flow.source_hosts]
    own = ip_address(context.address(host))
    manages = any(own in network for network in context.config.networks.management)
    edges = context.hosts("edge")
    if not flows or manages or not edges or not context.hosts("keycloak"):
        return None
    nearest = host if host in edges else edges[0]
    return {
        "address": context.address(nearest),
        "port": SERVICES["edge"].port,
        "name": context.public_name("keycloak"),
        "paths": list(PRIVATE_PATHS),
    }
