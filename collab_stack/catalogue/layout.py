"""What hosts.yml and certificates are checked against: the host groups and the public names of the services.

The plan derives everything else about a service (:mod:`collab_stack.plan.definitions`). These two are here because the
site is read before there is a plan; a test holds them to the plan's own definitions.
"""

from __future__ import annotations

from typing import Final

GROUPS: Final = ("edge", "sso", "database", "cache", "nextcloud")
"""Every group that hosts.yml may have, in the order in which the example sites list them."""

PUBLIC_LABELS: Final[dict[str, str]] = {"keycloak": "id", "nextcloud": "files"}
"""Service -> first label of the name below the site's domain that people open."""

COMPONENTS: Final[dict[str, str]] = {
    "edge": "haproxy",
    "keycloak": "keycloak",
    "postgresql": "postgresql",
    "valkey": "valkey",
    "nextcloud": "nextcloud",
}
"""Key below ``services`` in site.yml -> component of the catalogue whose version it chooses."""
