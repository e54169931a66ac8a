"""images.lock: what was read from a registry or a mirror, and is the only thing that a deploy installs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from collab_stack.site.model.base import Settings


class LockedImage(Settings):
    """A container image.

    ``reference@digest`` is what hosts pull.
    """

    reference: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+:[A-Za-z0-9._-]+$",
            examples=["registry.agency.example/keycloak/keycloak:26.7.4"],
        ),
    ]
    """Registry, name and tag, as pulled: with the site's own registry when it has one."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", examples=["sha256:" + "0" * 64])]
    """Of the manifest, as the registry gave it."""
    version: str
    """Of the software, from the catalogue or the site."""
    locked: datetime
    """When it was read."""


class LockedArtifact(Settings):
    """An application archive, such as a Nextcloud app."""

    url: Annotated[
        str, Field(pattern=r"^https?://[^\s]+$", examples=["https://mirror.agency.example/user_oidc-v8.10.1.tar.gz"])
    ]
    """Where it was read from and is fetched from."""
    sha512: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$", examples=["0" * 128])]
    """Of the file."""
    version: str
    """Of the software."""
    locked: datetime
    """When it was read."""


class Lock(Settings):
    """All of images.lock."""

    images: dict[str, LockedImage] = {}
    """Component -> image."""
    artifacts: dict[str, LockedArtifact] = {}
    """Component -> archive."""
