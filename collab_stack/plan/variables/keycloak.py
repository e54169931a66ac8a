"""Variables of the role ``keycloak``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.catalogue.contract.keycloak import is_build_option
from collab_stack.plan import addresses
from collab_stack.plan.definitions import SERVICES

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

SERVICE: Final = "keycloak"

MANAGEMENT_PORT: Final = 9443
"""Health and metrics; published on loopback only (the flow table has it as a flow within the host)."""


def variables(context: Context, host: str) -> dict[str, object]:
    """Return the role's variables for a host of the group ``sso``."""
    config, settings = context.config, context.config.services.keycloak
    external = context.external("postgresql")
    extra = dict(settings.extra.environment)
    return {
        "keycloak_image": context.image(SERVICE),
        "keycloak_network": context.network(SERVICE).name,
        "keycloak_memory_mb": settings.memory_mb,
        "keycloak_data_dir": config.storage.data_dir,
        "keycloak_listen_address": context.publish_address(SERVICE, host),
        "keycloak_port": SERVICES[SERVICE].port,
        "keycloak_management_port": MANAGEMENT_PORT,
        "keycloak_internal_name": context.internal_name(SERVICE),
        "keycloak_public_url": context.url(SERVICE),
        "keycloak_realm": config.sso.realm,
        "keycloak_hosts": [
            {"address": address, "name": name}
            for address, name in addresses.container_entries(context.flows, context.placement, SERVICE, host)
        ],
        "keycloak_database": {
            "host": context.internal_name("postgresql"),
            "port": external.port if external else SERVICES["postgresql"].port,
            "name": SERVICE,
            "user": SERVICE,
            "password": context.secret("postgresql_keycloak_password"),
        },
        "keycloak_trusted_proxies": trusted_proxies(context, host),
        "keycloak_vault": _vault(context),
        "keycloak_time_zone": config.time.zone,
        "keycloak_extra_build_options": {key: value for key, value in extra.items() if is_build_option(key)},
        "keycloak_extra_environment": {key: value for key, value in extra.items() if not is_build_option(key)},
    }


def trusted_proxies(context: Context, host: str) -> list[str]:
    """Return the addresses from which Keycloak takes a client's address for true: those of the edge.

    What comes from the container's own host is seen with the host's address or, through loopback, that of the bridge.
    """
    external = context.external("edge")
    if external is not None:
        return [external.address]
    edges = context.hosts("edge")
    own = [context.network(SERVICE).gateway] if host in edges else []
    return [*(context.address(edge) for edge in edges), *own]


def _vault(context: Context) -> dict[str, str]:
    """Return the secrets that the realm refers to by name, so that its database does not hold them."""
    secrets = {}
    if context.config.sso.directory is not None:
        secrets["directory"] = context.secret("directory_bind_password")
    if context.config.mail.user:
        secrets["mail"] = context.secret("mail_password")
    return secrets
