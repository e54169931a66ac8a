"""What a deploy needs of each host: memory, disk, ports. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import SERVICES, is_container

if TYPE_CHECKING:
    from collab_stack.plan import Plan
    from collab_stack.site import Site

DOCKER_DIR: Final = "/var/lib/docker"

SYSTEM_MIB: Final = 384
"""Memory of Debian itself with Docker, judged from idle hosts: systemd, journald, dockerd and containerd."""

POSTGRESQL_MIB: Final = 512
"""Memory of PostgreSQL when the site sets none: the least that the role gives its buffers."""

SMALL_MIB: Final = {"edge": 128, "web": 64}
"""Memory of services that have no limit of their own; HAProxy and nginx, measured idle at a third of this."""

DATA_MIB: Final = (2048, 512)
"""Free disk below storage.data_dir: before the first deploy, and before any later one."""

IMAGE_MIB: Final = (2048, 256)
"""Free disk below /var/lib/docker per image that has to be pulled (packed and unpacked at once), and otherwise."""

CLOCK_SECONDS: Final = 5.0
"""Largest difference to this machine's clock. Tokens are valid for a minute or more, so logins still work."""

OWN_UNITS: Final = ("collab-", "docker", "haproxy", "nginx", "postgresql", "valkey")
"""How the units begin that may hold a port already: the services themselves, and what Debian starts when it installs
their packages (nginx on port 80, before the edge comes), which the roles then stop."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What one host must have.

    :param ports: (protocol, port) -> the service that wants it.
    :param images: ``reference@digest`` of every image that the host runs.
    """

    memory_mib: int
    ports: dict[tuple[str, int], str]
    images: tuple[str, ...]
    data_dir: str


def of(site: Site, plan: Plan, host: str) -> Needs:
    """Return what a host must have."""
    services = [service for service in plan.services if host in service.hosts]
    ports: dict[tuple[str, int], str] = {
        (flow.protocol, flow.port): flow.destination
        for flow in plan.flows
        if flow.destination in SERVICES and host in flow.destination_hosts
    }
    return Needs(
        memory_mib=SYSTEM_MIB + sum(memory(site, service.name) for service in services),
        ports=ports,
        images=tuple(service.image for service in services if service.image and is_container(service.name)),
        data_dir=site.config.storage.data_dir,
    )


def memory(site: Site, service: str) -> int:
    """Return the memory in MiB that a service may use at most."""
    if service in SMALL_MIB:
        return SMALL_MIB[service]
    settings = getattr(site.config.services, SERVICES[service].settings)
    return int(getattr(settings, "memory_mb", None) or POSTGRESQL_MIB)


def ours(unit: str) -> bool:
    """Say whether a unit that holds a port belongs to the stack."""
    return unit.startswith(OWN_UNITS)
