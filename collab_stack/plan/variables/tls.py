"""Variables of the role ``tls``: a leaf for every service on a host that answers over TLS, and the trusted CAs."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import SERVICES

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

INTERNAL_CA: Final = "tls/internal-ca.pem"
"""Where ``init`` writes the certificate of the internal CA, relative to the site."""

LEAVES: Final[dict[str, dict[str, str]]] = {
    # The numeric user of a container: the folder above is root's alone, as that number may be a login of the host.
    "keycloak": {"owner": "1000", "group": "1000", "key_mode": "0400"},
    # libpq's server refuses a key that others than its user or root may read.
    "postgresql": {"owner": "postgres", "group": "postgres", "directory_group": "postgres", "directory_mode": "0750"},
    "valkey": {"group": "valkey", "key_mode": "0640", "directory_group": "valkey", "directory_mode": "0750"},
    "web": {},
}
"""Service -> who may read its key, where that is not root alone."""

PUBLIC: Final = "public"


def variables(context: Context, host: str) -> dict[str, object]:
    """Return the role's variables for a host."""
    config = context.config
    leaves: list[dict[str, object]] = [
        {"name": service, "dns": [context.internal_name(service)], **LEAVES[service]}
        for service in context.host_services(host)
        if service in LEAVES
    ]
    values: dict[str, object] = {
        "tls_internal_ca_certificate": context.site_file(INTERNAL_CA),
        "tls_internal_ca_key": context.secret("internal_ca_key"),
        "tls_trusted": _trusted(context),
    }
    if "edge" in context.host_services(host):
        if config.tls.mode == "internal":
            leaves.append({"name": PUBLIC, "dns": _public_names(context), "certificate": "chain.pem", "combined": True})
        elif config.tls.certificate and config.tls.key:
            values["tls_public_chain"] = context.site_file(config.tls.certificate)
            values["tls_public_key"] = context.site_file(config.tls.key)
    values["tls_leaves"] = leaves
    return values


def _public_names(context: Context) -> list[str]:
    """Return the names that lead to the edge; an external service has a certificate of its own elsewhere."""
    return [
        context.public_name(service)
        for service, definition in SERVICES.items()
        if definition.public_label is not None and context.hosts(service)
    ]


def _trusted(context: Context) -> dict[str, str]:
    config = context.config
    directory = config.sso.directory
    files = (config.tls.ca, directory.ca if directory else None, config.registry.ca if config.registry else None)
    return {PurePosixPath(name).stem: context.site_file(name) for name in files if name is not None}
