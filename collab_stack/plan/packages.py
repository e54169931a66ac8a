"""The Debian packages of a host: the union over its roles, so that role ``base`` installs them in one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.plan.roles import host_roles

if TYPE_CHECKING:
    from collab_stack.plan.placement import Placement

ROLE_PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    # conntrack: a permission that is withdrawn must also end the connections it let in.
    "base": ("ca-certificates", "chrony", "conntrack", "nftables", "procps", "tzdata", "unattended-upgrades"),
    # Debian 13 ships the client apart from the engine, and the engine only recommends it.
    "docker": ("docker-cli", "docker.io"),
    "tls": ("openssl",),
    "postgresql": ("postgresql-17",),
    "valkey": ("valkey-server", "valkey-tools"),
    "web": ("nginx",),
    "edge": ("haproxy", "socat"),
}
"""By role; what Debian's base system has (python3, sudo, systemd, openssh-server) is not listed."""


def packages(placement: Placement, host: str) -> tuple[str, ...]:
    """Return the packages of a host, sorted."""
    return tuple(sorted({name for role in host_roles(placement, host) for name in ROLE_PACKAGES.get(role, ())}))
