"""Which host carries which service: from the groups of hosts.yml and what site.yml enables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collab_stack.plan.definitions import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_stack.site import External, Hosts, SiteConfig


@dataclass(frozen=True, slots=True)
class Placement:
    """Where everything is.

    :param carriers: enabled service -> its hosts; an external service is a key with no hosts.
    :param externals: service -> the agency's own one.
    :param addresses: host -> IPv4 address, for every host of hosts.yml, in its order.
    """

    carriers: Mapping[str, tuple[str, ...]]
    externals: Mapping[str, External]
    addresses: Mapping[str, str]

    def services(self) -> tuple[str, ...]:
        """Return every enabled service, external ones included, in the order of ``SERVICES``."""
        return tuple(self.carriers)

    def hosts(self, service: str) -> tuple[str, ...]:
        """Return the hosts that carry a service; empty when it is external or not enabled."""
        return self.carriers.get(service, ())

    def host_services(self, host: str) -> tuple[str, ...]:
        """Return the services on a host, in the order of ``SERVICES``."""
        return tuple(name for name, hosts in self.carriers.items() if host in hosts)

    def address(self, host: str) -> str:
        """Return a host's IPv4 address."""
        return self.addresses[host]

    def external(self, service: str) -> External | None:
        """Return where the agency's own service is, or None."""
        return self.externals.get(service)


def place(config: SiteConfig, hosts: Hosts) -> Placement:
    """Return the placement of a site.

    A service is there when its settings enable it. Its hosts are those of its group; an external one has none, also
    when the group has hosts for another service.
    """
    carriers: dict[str, tuple[str, ...]] = {}
    externals: dict[str, External] = {}
    for name, definition in SERVICES.items():
        settings = getattr(config.services, definition.settings)
        if not settings.enabled:
            continue
        if settings.external is not None:
            # What only follows (web follows nextcloud) is part of the agency's own service and not ours to place.
            if name == definition.settings:
                externals[name] = settings.external
                carriers[name] = ()
            continue
        carriers[name] = tuple(hosts.groups.get(definition.group, ()))
    return Placement(carriers, externals, {name: host.address for name, host in hosts.hosts.items()})
