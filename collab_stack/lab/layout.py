"""Names and addresses of a lab. Pure: computed from its name, its number and the count of hosts.

Ranges that nobody uses for real: 198.18.0.0/15 (RFC 2544) for the agency and the package route, 198.51.100.0/24
(RFC 5737) for the outside, 2001:db8::/32 (RFC 3849) for IPv6. Each lab has its own cut, so that labs run side by side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

DOMAIN: Final = "agency.example"
"""The lab agency's domain; RFC 2606 keeps ``example`` out of the real DNS."""

MOST_LABS: Final = 16
"""198.51.100.0/24 gives sixteen /28 for the outsides."""

MOST_HOSTS: Final = 100

OPERATOR: Final = "operator"
"""The operator's login on hosts and on ops: uid 1000, sudo with a password."""

INFRA_NAMES: Final = ("ns", "ldap", "mail", "time", "packages", "registry", "artifacts")
"""Names below the domain that lead to infra."""

PUBLIC_LABELS: Final = ("portal", "id", "files", "chat", "meet", "office", "board", "status", "turn")
"""Labels of the stack's public names; all lead to the edge."""

REGISTRY_PORT: Final = 5000
PACKAGES_PORT: Final = 3142

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,19}")
_AGENCY_LAST_OCTET: Final = {"ops": 10, "infra": 20, "gateway": 30}
_FIRST_HOST: Final = 101
_V6_AGENCY: Final = IPv6Network("2001:db8:18::/48")
_V6_OUTSIDE: Final = IPv6Network("2001:db8:51::/48")


def valid_name(name: str) -> bool:
    """Say whether a text can name a lab (lower case, at most 20 characters: it becomes part of other names)."""
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one lab is.

    :param name: the lab's name.
    :param index: its number, 0 to 15, which no other lab of this machine has.
    :param host_count: how many hosts it has.
    """

    name: str
    index: int
    host_count: int

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts' names: host1, host2, …"""
        return tuple(f"host{number}" for number in range(1, self.host_count + 1))

    @property
    def containers(self) -> tuple[str, ...]:
        """Short names of all containers, in the order in which they start."""
        return ("gateway", "outside", "infra", "ops", *self.hosts)

    def container(self, short: str) -> str:
        """Return the name of a container in Docker."""
        return f"collab-lab-{self.name}-{short}"

    def network(self, short: str) -> str:
        """Return the name of a network in Docker (short: agency, outside or uplink)."""
        return f"collab-lab-{self.name}-{short}"

    def bridge(self, short: str) -> str:
        """Return the interface of a network on the machine; at most 15 characters, as the kernel wants it."""
        return f"lab{self.index}-{short}"

    def volume(self, short: str) -> str:
        """Return the name of a volume in Docker."""
        return f"collab-lab-{self.name}-{short}"

    @property
    def agency(self) -> IPv4Network:
        """The agency's own network."""
        return IPv4Network((f"198.18.{self.index}.0", 24))

    @property
    def agency6(self) -> IPv6Network:
        """The same for IPv6."""
        return _subnet6(_V6_AGENCY, self.index)

    @property
    def uplink(self) -> IPv4Network:
        """The network with a route, on which infra alone has a leg."""
        return IPv4Network((f"198.19.{self.index}.0", 24))

    @property
    def outside(self) -> IPv4Network:
        """What is the internet, as far as the lab is concerned."""
        return IPv4Network((f"198.51.100.{self.index * 16}", 28))

    @property
    def outside6(self) -> IPv6Network:
        """The same for IPv6."""
        return _subnet6(_V6_OUTSIDE, self.index)

    @property
    def management(self) -> tuple[IPv4Network, IPv6Network]:
        """Where operators work from: the machine itself (.1) and ops (.10)."""
        return IPv4Network((f"198.18.{self.index}.0", 28)), IPv6Network((int(self.agency6.network_address), 124))

    def address(self, short: str) -> IPv4Address:
        """Return the address of a container on the agency's network."""
        return self.agency[self._octet(short)]

    def address6(self, short: str) -> IPv6Address:
        """Return the IPv6 address of a container on the agency's network."""
        return self.agency6[self._octet(short)]

    @property
    def machine(self) -> IPv4Address:
        """The machine's own address on the agency's network."""
        return self.agency[1]

    @property
    def outside_gateway(self) -> tuple[IPv4Address, IPv6Address]:
        """The gateway's addresses on the outside network."""
        return self.outside[3], self.outside6[3]

    @property
    def outside_address(self) -> tuple[IPv4Address, IPv6Address]:
        """The addresses that ``outside`` itself has, and answers on."""
        return self.outside[2], self.outside6[2]

    def fqdn(self, short: str) -> str:
        """Return the full name of a container or of one of infra's services."""
        return f"{short}.{DOMAIN}"

    @property
    def registry(self) -> str:
        """The lab's image registry, as images name it."""
        return f"registry.{DOMAIN}:{REGISTRY_PORT}"

    def _octet(self, short: str) -> int:
        if short in _AGENCY_LAST_OCTET:
            return _AGENCY_LAST_OCTET[short]
        return _FIRST_HOST - 1 + int(short.removeprefix("host"))


def _subnet6(network: IPv6Network, index: int) -> IPv6Network:
    return IPv6Network((int(network.network_address) + (index << 64), 64))
