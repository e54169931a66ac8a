"""What is probed, as plain values: probes know no site file, no plan and no vault."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from ipaddress import IPv4Network, IPv6Network

    from collab_stack.probes.oidc import Session
    from collab_stack.probes.web import Web

LEAST_FREE_BYTES: Final = 2 * 1024**3
"""Below this a database or an upload fails soon, however small the disk is."""

LEAST_FREE_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Login:
    """The login, as its clients see it.

    :param issuer: ``https://id.<domain>/realms/<realm>``.
    :param client: public client of the probe, with PKCE.
    :param audience: client id that an access token has to carry for WebDAV.
    :param identity_claim: claim of the access token that is the user id in Nextcloud.
    """

    issuer: str
    client: str
    redirect: str
    scopes: str
    user: str
    password: str = field(repr=False)
    audience: str
    identity_claim: str


@dataclass(frozen=True, slots=True)
class HostReport:
    """What the module ``host_health`` said of a host, or why it could not be asked.

    :param health: the module's ``health``; empty when there is an error.
    """

    health: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class HostExpectation:
    """What a host should show.

    :param services: the services on it.
    :param units: systemd unit -> service it belongs to; every one should be active.
    :param containers: container -> its service.
    """

    services: tuple[str, ...]
    units: Mapping[str, str]
    containers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """Everything that probes need.

    :param services: the services of the stack, external ones included.
    :param urls: service -> public URL, of those that people open.
    :param behind_edge: the services whose public name leads to our edge.
    :param edge_addresses: where the public names have to lead; empty when nobody of ours knows.
    :param http_port: port of the redirect, 80.
    :param hosts: host -> what it should show.
    :param reports: waits for the hosts' answers and returns them by host.
    :param session: the one login of this run, shared by the probes of the lane ``login``.
    """

    services: frozenset[str]
    urls: Mapping[str, str]
    behind_edge: tuple[str, ...]
    edge_addresses: tuple[str, ...]
    management: tuple[IPv4Network | IPv6Network, ...]
    web: Web
    login: Login | None
    session: Session | None
    hosts: Mapping[str, HostExpectation]
    reports: Callable[[], Mapping[str, HostReport]]
    http_port: int = 80

    def health(self, key: str) -> Iterator[tuple[str, Any]]:
        """Yield (host, what it said about ``key``) for each host that said something."""
        for host, report in self.reports().items():
            found = report.health.get(key)
            if found is not None:
                yield host, found

    def name(self, service: str) -> str:
        """Return the public name of a service, without scheme and port."""
        return urlsplit(self.urls[service]).hostname or ""
