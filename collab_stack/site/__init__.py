"""What the agency declares: a site directory, read once into one typed value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_stack.site.findings import Finding, SiteError
from collab_stack.site.model import External, Host, Hosts, Lock, LockedArtifact, LockedImage, Site, SiteConfig

if TYPE_CHECKING:
    from pathlib import Path

    from collab_stack.site.password import VaultPassword

__all__ = [
    "External",
    "Finding",
    "Host",
    "Hosts",
    "Lock",
    "LockedArtifact",
    "LockedImage",
    "Site",
    "SiteConfig",
    "SiteError",
    "load",
]


def load(directory: Path, *, vault: VaultPassword | None = None) -> Site:
    """Return the site in a directory.

    :param vault: from :func:`collab_stack.site.password.find`; without it, what is encrypted is not looked into.
    :raises SiteError: with every finding; nothing was touched.
    """
    from collab_stack.site.loader import examine  # noqa: PLC0415 - reads the types above

    examination = examine(directory, vault)
    if examination.site is None or not examination.ok:
        raise SiteError(examination.findings)
    return examination.site
