"""Variables of the role ``valkey``: a user for each service that talks to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

SERVICE: Final = "valkey"


def variables(context: Context, host: str) -> dict[str, object]:  # noqa: ARG001 - all roles alike
    """Return the role's variables for a host of the group ``cache``."""
    settings = context.config.services.valkey
    services = dict.fromkeys(
        flow.source for flow in context.flows if flow.destination == SERVICE and not flow.same_host
    )
    return {
        "valkey_data_dir": context.config.storage.data_dir,
        "valkey_users": [
            {"name": service, "password": context.secret(f"valkey_{service}_password")} for service in services
        ],
        "valkey_memory_mb": settings.memory_mb,
        "valkey_settings": dict(settings.extra.settings),
    }
