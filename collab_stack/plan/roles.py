"""Which roles a host runs, in order. The playbook has one play per role, over the group ``role_<name>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import SERVICES, is_container

if TYPE_CHECKING:
    from collab_stack.plan.placement import Placement

ORDER: Final = ("base", "docker", "tls", "postgresql", "valkey", "keycloak", "sso", "nextcloud", "web", "edge")
"""What others stand on comes first: the edge last, so that it never sends people to something half made."""

_EVERYWHERE: Final = frozenset({"base", "tls"})  # every host trusts the internal CA, whatever it carries

_ONCE: Final = frozenset({"sso"})  # there is one realm, so one host reconciles it


def host_roles(placement: Placement, host: str) -> tuple[str, ...]:
    """Return the roles that a host runs, in the order in which they run."""
    wanted = set(_EVERYWHERE)
    for service in placement.host_services(host):
        if is_container(service):
            wanted.add("docker")
        first = placement.hosts(service)[0] == host
        wanted.update(role for role in SERVICES[service].roles if first or role not in _ONCE)
    return tuple(role for role in ORDER if role in wanted)
