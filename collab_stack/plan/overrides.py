"""What a site sets beyond our own settings: every `extra`, so that a plan shows where it differs from what we test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.plan.placement import Placement
    from collab_stack.site import SiteConfig


class Override(NamedTuple):
    """One value of an `extra`.

    :param key: dotted path within site.yml.
    """

    service: str
    key: str
    value: object


def overrides(config: SiteConfig, placement: Placement) -> tuple[Override, ...]:
    """Return every override of a service that the stack carries, in the order of site.yml's own reference."""
    found: list[Override] = []
    for name in type(config.services).model_fields:
        extra = getattr(getattr(config.services, name), "extra", None)
        if extra is not None and placement.hosts(name):
            found += _leaves(name, f"services.{name}.extra", extra.model_dump(exclude_defaults=True))
    return tuple(found)


def _leaves(service: str, key: str, value: object) -> Iterator[Override]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(service, f"{key}.{name}", item)
    else:
        yield Override(service, key, value)
