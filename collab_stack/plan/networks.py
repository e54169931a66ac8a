"""The bridge networks of the containers: name, interface and subnet are fixed, so that firewall rules can name them."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import SERVICES
from collab_stack.plan.model import ContainerNetwork

if TYPE_CHECKING:
    from collab_stack.site import SiteConfig

INTERFACE_LENGTH: Final = 15
"""IFNAMSIZ of the kernel is 16 with the final zero byte (linux/if.h)."""

_SUBNET_PREFIX: Final = 24


def network(config: SiteConfig, service: str) -> ContainerNetwork:
    """Return the network of a container service.

    :raises KeyError: when the service does not run in a container, or ``networks.containers`` has no /24 for it
        (:func:`collab_stack.plan.rules.check` says so with file and key before anything else asks).
    """
    index = SERVICES[service].network_index
    if index is None:
        raise KeyError(f"service {service} does not run in a container")
    pool = IPv4Network(config.networks.containers)
    if index >= capacity(pool):
        raise KeyError(f"networks.containers {pool} has no room for the network of {service}")
    first = int(pool.network_address) + index * 2 ** (32 - _SUBNET_PREFIX)
    subnet = IPv4Network((first, _SUBNET_PREFIX))
    return ContainerNetwork(f"collab-{service}", interface(service), str(subnet), str(subnet[1]))


def capacity(pool: IPv4Network) -> int:
    """Return how many service networks a pool holds."""
    return int(2 ** (_SUBNET_PREFIX - pool.prefixlen)) if pool.prefixlen <= _SUBNET_PREFIX else 0


def interface(service: str) -> str:
    """Return the bridge's interface name: ``br-<service>``, shortened with a checksum where that is too long."""
    name = f"br-{service.replace('_', '-')}"
    if len(name) <= INTERFACE_LENGTH:
        return name
    checksum = hashlib.sha256(service.encode()).hexdigest()[:4]
    return f"{name[: INTERFACE_LENGTH - 5]}-{checksum}"
