"""Which names secrets.yml has to hold. Names only: a plan never sees a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collab_stack.plan.placement import Placement
    from collab_stack.site import SiteConfig

_REFERENCE: Final = re.compile(r"collab_secrets(?:\.|\[['\"])([A-Za-z_][A-Za-z0-9_]*)")


def needed(config: SiteConfig, placement: Placement, variables: Mapping[str, Mapping[str, object]]) -> frozenset[str]:
    """Return the secrets that a site needs.

    :param variables: host -> all its Ansible variables; what they refer to as ``collab_secrets.NAME`` is needed too,
        as the sudo password that hosts.yml names.
    """
    wanted = {"internal_ca_key"}  # services talk over TLS from the internal CA, whoever signs the public names
    for service in placement.services():
        if placement.external(service) is None:
            wanted.update(SERVICES[service].secrets)
    if placement.hosts("keycloak") and config.sso.directory is not None:
        wanted.add("directory_bind_password")
    if config.mail.user:
        wanted.add("mail_password")
    return frozenset(wanted) | references(variables)


def references(value: object) -> frozenset[str]:
    """Return the names of all secrets that plain data refers to, at any depth."""
    return frozenset(name for text in _texts(value) for name in _REFERENCE.findall(text))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
