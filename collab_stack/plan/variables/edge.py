"""Variables of the role ``edge``: which applications are behind it, and who may do what at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import SERVICES

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

SERVICE: Final = "edge"

KEYCLOAK_BODY_LIMIT_MB: Final = 2
"""Login forms and tokens take kilobytes; 2 MB also lets an operator import a realm on the administration pages."""

SERVERS: Final = {"keycloak": "keycloak", "nextcloud": "web"}
"""Application -> the service that its requests are handed to, in the order of the edge's configuration."""


def variables(context: Context, host: str) -> dict[str, object]:
    """Return the role's variables for a host of the group ``edge``.

    An application that the agency runs itself (``external``) is under its own name elsewhere and not behind this edge.
    """
    config = context.config
    settings = config.services.edge
    return {
        "edge_applications": [
            _application(context, name, server)
            for name, server in SERVERS.items()
            if context.hosts(name) and context.hosts(server)
        ],
        "edge_bind_addresses": ["0.0.0.0", "::"] if settings.ipv6 else ["0.0.0.0"],  # noqa: S104 - the one public door
        "edge_management_networks": [str(network) for network in config.networks.management],
        "edge_stack_addresses": sorted(
            {
                network
                for flow in context.flows
                if flow.destination == SERVICE and flow.source_hosts
                for network in context.client_networks(flow, host)
            }
        ),
        "edge_max_connections": settings.max_connections,
        "edge_logins_per_minute": settings.logins_per_minute,
        "edge_language": config.organisation.language,
        "edge_organisation": config.organisation.name,
        "edge_contact": config.organisation.contact,
        "edge_configuration": settings.extra.configuration,
    }


def _application(context: Context, name: str, server: str) -> dict[str, object]:
    entry: dict[str, object] = {
        "name": name,
        "host": context.public_name(name),
        "internal_name": context.internal_name(server),
        "servers": [_server(context, server, host) for host in context.hosts(server)],
        "body_limit_mb": KEYCLOAK_BODY_LIMIT_MB,
    }
    if name == "keycloak":
        entry["realm"] = context.config.sso.realm
    if name == "nextcloud":
        entry["body_limit_mb"] = context.config.services.nextcloud.upload_limit_mb
    return entry


def _server(context: Context, service: str, host: str) -> dict[str, object]:
    return {"name": host, "address": context.publish_address(service, host), "port": SERVICES[service].port}
