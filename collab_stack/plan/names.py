"""Names and URLs: public ones below the agency's domain, internal ones below ``collab.internal``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import SERVICES

if TYPE_CHECKING:
    from collab_stack.catalogue import Catalogue
    from collab_stack.plan.placement import Placement
    from collab_stack.site import Lock, SiteConfig

INTERNAL_DOMAIN: Final = "collab.internal"
"""Below ``internal``, which ICANN reserved for private use (2024-07-29): it can never exist in public DNS."""

_HTTPS: Final = 443


def internal_name(placement: Placement, service: str) -> str:
    """Return the name under which other services reach this one, and which its certificate carries."""
    external = placement.external(service)
    return external.address if external else f"{service}.{INTERNAL_DOMAIN}"


def public_name(config: SiteConfig, placement: Placement, service: str) -> str:
    """Return the name that people open.

    :raises KeyError: for a service that people do not open.
    """
    label = SERVICES[service].public_label
    if label is None:
        raise KeyError(f"service {service} has no public name")
    external = placement.external(service)
    return external.address if external else f"{label}.{config.domain}"


def url(config: SiteConfig, placement: Placement, service: str) -> str:
    """Return ``https://<public name>``, with the port where an external one is not 443.

    :raises KeyError: for a service that people do not open.
    """
    name = public_name(config, placement, service)
    external = placement.external(service)
    port = external.port if external else _HTTPS
    return f"https://{name}" if port == _HTTPS else f"https://{name}:{port}"


def version(config: SiteConfig, catalogue: Catalogue, service: str) -> str | None:
    """Return the version that the site asks for, else the catalogue's."""
    definition = SERVICES[service]
    if definition.settings == service:
        wanted: str | None = getattr(config.services, service).version
        if wanted:
            return wanted
    component = catalogue.components.get(definition.component)
    return component.version if component else None


def image(catalogue: Catalogue, lock: Lock, component: str) -> str:
    """Return ``reference@digest`` of a component's image, or the catalogue's bare reference while it is not locked.

    :raises KeyError: when the component runs from no image.
    """
    locked = lock.images.get(component)
    if locked is not None:
        return f"{locked.reference}@{locked.digest}"
    reference = catalogue.components[component].image
    if reference is None:
        raise KeyError(f"component {component} has no image")
    return reference
