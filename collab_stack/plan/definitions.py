"""The services that collab-stack knows: one entry each, from which placement, names, roles and networks follow.

To add a service: an entry here, its rows in :mod:`collab_stack.plan.table`, its packages in
:mod:`collab_stack.plan.packages`, and a ``variables/<role>.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Definition:
    """What is fixed about a service, whatever the site.

    :param group: the group of hosts.yml whose hosts carry it.
    :param port: its port on the host, the one that clients use.
    :param settings: its key below ``services`` in site.yml; one that has none of its own follows another's.
    :param roles: the Ansible roles that make it so.
    :param component: its name in the catalogue and in images.lock.
    :param public_label: the first label of its public name; None when people do not open it.
    :param network_index: for a container, the number of its /24 within ``networks.containers``. Fixed for ever:
        a changed number would renumber a running network.
    :param secrets: names in secrets.yml that it needs whatever else is set.
    """

    group: str
    port: int
    settings: str
    roles: tuple[str, ...]
    component: str
    public_label: str | None = None
    network_index: int | None = None
    secrets: tuple[str, ...] = ()


SERVICES: Final[dict[str, Definition]] = {
    "edge": Definition(group="edge", port=443, settings="edge", roles=("edge",), component="haproxy"),
    "web": Definition(group="nextcloud", port=8444, settings="nextcloud", roles=("web",), component="nginx"),
    "keycloak": Definition(
        group="sso",
        port=8443,
        settings="keycloak",
        roles=("keycloak", "sso"),
        component="keycloak",
        public_label="id",
        network_index=1,
        secrets=(
            "postgresql_keycloak_password",
            "keycloak_bootstrap_secret",
            "keycloak_reconciler_secret",
            "probe_user_password",
        ),
    ),
    "postgresql": Definition(
        group="database", port=5432, settings="postgresql", roles=("postgresql",), component="postgresql"
    ),
    "valkey": Definition(group="cache", port=6380, settings="valkey", roles=("valkey",), component="valkey"),
    "nextcloud": Definition(
        group="nextcloud",
        port=9001,
        settings="nextcloud",
        roles=("nextcloud",),
        component="nextcloud",
        public_label="files",
        network_index=2,
        secrets=(
            "postgresql_nextcloud_password",
            "valkey_nextcloud_password",
            "keycloak_nextcloud_client_secret",
            "nextcloud_admin_password",
        ),
    ),
}
"""In the order in which people read them: what faces the user first."""

HOSTS: Final = "hosts"
"""In the flow table: the operating systems of all hosts."""

OUTSIDE: Final[dict[str, str]] = {
    "clients": "Browsers and apps of the people who use the stack",
    "management": "Networks that operators work from",
    "directory": "Directory of people and groups",
    "mail": "Mail relay",
    "objectstore": "Object store for files (S3)",
    "time": "Time servers",
    "dns": "Resolvers",
    "packages": "Debian package mirror",
    "registry": "Image registry",
}
"""Parties of the flow table that the stack neither carries nor is."""


def is_container(service: str) -> bool:
    """Say whether a service runs in a container of its own network."""
    return service in SERVICES and SERVICES[service].network_index is not None
