"""Every probe there is, in the order in which they run within their lane and are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.probes import edge, host, keycloak, nextcloud, postgresql, tls, valkey

if TYPE_CHECKING:
    from collab_stack.probes.model import Probe

PROBES: Final[tuple[type[Probe], ...]] = (
    host.Reachable,
    host.Units,
    host.Containers,
    host.Disks,
    host.Clock,
    tls.Certificates,
    tls.Days,
    tls.Protocols,
    edge.Names,
    edge.Redirect,
    edge.StrictTransport,
    edge.UnknownHost,
    edge.Administration,
    postgresql.Transport,
    postgresql.Queries,
    valkey.Transport,
    keycloak.Health,
    keycloak.Discovery,
    keycloak.Keys,
    keycloak.WrongRedirect,
    keycloak.LoginForm,
    nextcloud.Status,
    nextcloud.LoginPage,
    nextcloud.Files,
    nextcloud.ForeignTokens,
    keycloak.Logout,
    nextcloud.Cron,
)

IDS: Final = tuple(probe.id for probe in PROBES)
