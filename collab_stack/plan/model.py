"""What a plan is made of. Data only: the other modules of this package compute it from site and catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_stack.site import External

Protocol = Literal["tcp", "udp"]

Transport = Literal["tls", "ssh", "clear", "dns", "ntp", "signed"]
"""How a flow is protected on the wire.

``tls``: TLS with a verified peer (also where it is begun inside the protocol, as SMTP does). ``ssh``: SSH.
``clear``: nothing protects it; between hosts this needs a trusted segment (:mod:`collab_stack.plan.rules`).
``dns`` and ``ntp``: clear by nature, without personal data but the names asked for.
``signed``: clear on the wire, content verified by signature (Debian's packages over http).
"""


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the stack.

    :param name: ``edge``, ``web``, ``keycloak``, …
    :param hosts: the hosts that carry it, in the order of hosts.yml; empty when it is external.
    :param url: what people open, ``https://…``; None when nobody opens it.
    :param version: of the software; None when the host's Debian release decides.
    :param image: ``reference@sha256:…`` as locked, the bare reference as long as nothing is locked, None without one.
    :param external: where the agency's own one is, when the stack does not carry it.
    """

    name: str
    hosts: tuple[str, ...]
    url: str | None
    version: str | None
    image: str | None
    external: External | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """One permitted network flow. Firewall, probes, audit and documents read these and nothing else.

    :param source: service, an outside party (``clients``, ``management``), or ``hosts`` (the operating systems).
    :param destination: service, an outside party (``directory``, ``mail``, ``objectstore``, ``time``, ``dns``,
        ``packages``, ``registry``), or ``hosts``.
    :param port: at the destination, as seen on the wire (a published port, not the one inside a container).
    :param reason: why the flow exists, one sentence for an auditor.
    :param legal: the rule of law that asks for the protection or the check, for the record of processing.
    :param source_hosts: hosts of the stack that it starts from; empty when the source is outside or external.
    :param destination_hosts: hosts of the stack that it ends at; empty when the destination is outside or external.
    :param source_addresses: addresses, networks or names of a source that no host of the stack carries.
    :param destination_addresses: the same for the destination.
    :param same_host: each source host talks to itself only, over loopback; nothing of it is on a wire.
    """

    source: str
    destination: str
    port: int
    protocol: Protocol
    transport: Transport
    reason: str
    legal: str
    source_hosts: tuple[str, ...] = ()
    destination_hosts: tuple[str, ...] = ()
    source_addresses: tuple[str, ...] = ()
    destination_addresses: tuple[str, ...] = ()
    same_host: bool = False


@dataclass(frozen=True, slots=True)
class ContainerNetwork:
    """The bridge network of one container service; every host that carries the service uses the same one.

    :param name: Docker's name, ``collab-<service>``.
    :param interface: the bridge's interface, at most 15 characters; firewall rules match on it.
    :param subnet: IPv4 CIDR.
    :param gateway: the host's own address on the bridge, the first one of the subnet.
    """

    name: str
    interface: str
    subnet: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Permission:
    """One inbound permission of a host, derived from one or more flows.

    :param sources4: IPv4 networks in CIDR form, sorted, without overlaps; ``0.0.0.0/0`` is anyone, empty is nobody.
    :param sources6: the same for IPv6, ``::/0`` is anyone.
    :param reason: the reasons of the flows, joined by ``; ``.
    """

    protocol: Protocol
    port: int
    sources4: tuple[str, ...]
    sources6: tuple[str, ...]
    reason: str

    def as_variable(self) -> dict[str, Any]:
        """Return plain data for an Ansible variable."""
        return {
            "protocol": self.protocol,
            "port": self.port,
            "sources4": list(self.sources4),
            "sources6": list(self.sources6),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A record that the agency creates in its own DNS.

    :param name: fully qualified, without the final dot.
    :param kind: ``A``, ``AAAA`` or ``CNAME``.
    """

    name: str
    kind: Literal["A", "AAAA", "CNAME"]
    value: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All that follows from a site. Equal sites give equal plans, whatever the machine and the time.

    :param services: in the order of :data:`collab_stack.plan.placement.SERVICES`.
    :param flows: the flow table, in the order of :mod:`collab_stack.plan.table`.
    :param secrets: the names that secrets.yml has to hold; never a value.
    :param host_variables: host -> Ansible variables: connection settings of hosts.yml and those of the host's roles.
    :param packages: host -> Debian packages, sorted.
    :param roles: host -> roles in the order in which they run.
    :param inbound: host -> what its firewall lets in.
    :param dns: the records to create.
    :param networks: service -> its container network, for the services that run in a container.
    :param unlocked: components that run here and have no digest in images.lock; ``deploy`` refuses while there are any.
    """

    services: tuple[Service, ...]
    flows: tuple[Flow, ...]
    secrets: frozenset[str]
    host_variables: Mapping[str, Mapping[str, object]]
    packages: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inbound: Mapping[str, tuple[Permission, ...]] = field(default_factory=dict)
    dns: tuple[DnsRecord, ...] = ()
    networks: Mapping[str, ContainerNetwork] = field(default_factory=dict)
    unlocked: tuple[str, ...] = ()
