"""The container images of a site: which ones it needs, their digests, and whether they can be had.

In the house's own registry an image has the path that it has upstream, without upstream's host:
``docker.io/library/nextcloud`` is ``REGISTRY/library/nextcloud``, ``quay.io/keycloak/keycloak`` is
``REGISTRY/keycloak/keycloak``. That is what mirroring tools (skopeo sync, regsync, a registry's own replication) make.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from collab_stack.errors import CollabError, ExitCode
from collab_stack.operations import lockfile
from collab_stack.operations.registry import Reference, Registry, parse
from collab_stack.plan import names
from collab_stack.plan.definitions import SERVICES, is_container
from collab_stack.site import LockedImage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from collab_stack.catalogue import Catalogue
    from collab_stack.plan import Plan
    from collab_stack.site import Site


@dataclass(frozen=True, slots=True)
class Image:
    """One image that the site runs.

    :param source: upstream's reference, at the site's version.
    :param reference: where the hosts pull it from.
    :param locked: what images.lock says; None when it has none, or one of another reference.
    """

    component: str
    version: str
    source: Reference
    reference: Reference
    locked: LockedImage | None


def needed(site: Site, catalogue: Catalogue, plan: Plan) -> tuple[Image, ...]:
    """Return the images of the services that the stack itself carries, in the plan's order."""
    found: dict[str, Image] = {}
    for service in plan.services:
        component = SERVICES[service.name].component
        if is_container(service.name) and service.external is None and service.hosts and component not in found:
            found[component] = _image(site, catalogue, service.name, component)
    return tuple(found.values())


def _image(site: Site, catalogue: Catalogue, service: str, component: str) -> Image:
    shipped = catalogue.components[component]
    wanted = names.version(site.config, catalogue, service) or shipped.version
    upstream = parse(str(shipped.image))
    source = Reference(upstream.registry, upstream.repository, upstream.tag.replace(shipped.version, wanted))
    registry = site.config.registry
    reference = Reference(registry.address, source.repository, source.tag) if registry else source
    locked = site.lock.images.get(component)
    fits = locked is not None and locked.reference == str(reference)
    return Image(component, wanted, source, reference, locked if fits else None)


def client(site: Site, address: str) -> Registry:
    """Return a client of a registry: with the site's CA when it is the site's own."""
    own = site.config.registry
    ca = site.directory / own.ca if own and own.ca and own.address == address else None
    return Registry(address, ca)


def lock(site: Site, images: Sequence[Image], now: datetime | None = None) -> tuple[dict[str, LockedImage], bool]:
    """Read the digests of all images and write images.lock; return them, and whether the file changed.

    :raises RegistryError: when one cannot be read; then nothing is written.
    """
    moment = (now or datetime.now(UTC)).replace(microsecond=0)
    clients = {image.reference.registry: client(site, image.reference.registry) for image in images}
    read = {}
    for image in images:
        digest = clients[image.reference.registry].digest(image.reference.repository, image.reference.tag)
        before = image.locked
        # What did not change keeps its time, so that locking again changes nothing.
        same = before is not None and before.digest == digest and before.version == image.version
        read[image.component] = LockedImage(
            reference=str(image.reference),
            digest=digest,
            version=image.version,
            locked=before.locked if same and before else moment,
        )
    return read, lockfile.update(site, images=read)


def unlocked(images: Sequence[Image]) -> CollabError | None:
    """Return the error for images that a deploy needs and that are not locked, or None."""
    missing = [f"{image.component} {image.version}" for image in images if image.locked is None]
    if not missing:
        return None
    return CollabError(
        f"images.lock has no digest for {', '.join(missing)}.",
        mend="collab-stack images lock",
        code="images-unlocked",
        exit_code=ExitCode.PREFLIGHT_FAILED,
    )


def ca_of(site: Site) -> Path | None:
    """Return the CA of the site's own registry."""
    own = site.config.registry
    return site.directory / own.ca if own and own.ca else None
