"""Variables of the role ``web``: nginx in front of Nextcloud's PHP, on the same host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_stack.plan.addresses import LOOPBACK
from collab_stack.plan.definitions import SERVICES

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

SERVICE = "web"


def variables(context: Context, host: str) -> dict[str, object]:
    """Return the role's variables for a host of the group ``nextcloud``."""
    nextcloud = SERVICES["nextcloud"]
    return {
        "web_edge_addresses": edge_sources(context, host),
        "web_data_dir": context.config.storage.data_dir,
        "web_listen_address": context.publish_address(SERVICE, host),
        "web_port": SERVICES[SERVICE].port,
        "web_fastcgi": f"{context.publish_address('nextcloud', host)}:{nextcloud.port}",
        "web_body_limit_mb": context.config.services.nextcloud.upload_limit_mb,
    }


def edge_sources(context: Context, host: str) -> list[str]:
    """Return the addresses that the edge's connections to nginx on ``host`` come from."""
    external = context.external("edge")
    if external is not None:
        return [external.address]
    if context.publish_address(SERVICE, host) == LOOPBACK:
        return [LOOPBACK]
    return [context.address(edge) for edge in context.hosts("edge")]
