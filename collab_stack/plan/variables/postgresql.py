"""Variables of the role ``postgresql``: a database per service that talks to it, open to that service's hosts only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

SERVICE: Final = "postgresql"

CONNECTIONS: Final = {"keycloak": 110, "nextcloud": 170}
"""Connections that a role may hold: Keycloak's pool (100 by default, db-pool-max-size) or one per PHP process, cron
and occ, each with room for a second program such as a backup."""

DEFAULT_CONNECTIONS: Final = 50

RESERVE: Final = 20
"""For administration, Ansible and autovacuum beside the roles' own limits."""


def variables(context: Context, host: str) -> dict[str, object]:
    """Return the role's variables for a host of the group ``database``."""
    flows = [flow for flow in context.flows if flow.destination == SERVICE and not flow.same_host]
    services = list(dict.fromkeys(flow.source for flow in flows))
    settings = context.config.services.postgresql
    values: dict[str, object] = {
        "postgresql_data_dir": context.config.storage.data_dir,
        "postgresql_databases": [
            {
                "name": service,
                "owner": service,
                "password": context.secret(f"postgresql_{service}_password"),
                "connection_limit": CONNECTIONS.get(service, DEFAULT_CONNECTIONS),
            }
            for service in services
        ],
        "postgresql_access": [
            {
                "database": flow.source,
                "role": flow.source,
                "address": address,
                "reason": f"{flow.source}: {flow.reason}",
            }
            for flow in flows
            for address in context.client_networks(flow, host)
        ],
        "postgresql_max_connections": RESERVE
        + sum(CONNECTIONS.get(service, DEFAULT_CONNECTIONS) for service in services),
        "postgresql_settings": dict(settings.extra.settings),
    }
    if settings.memory_mb is not None:
        values["postgresql_memory_mb"] = settings.memory_mb
    return values
