"""What the agency declares: a site directory, read once into one typed value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collab_stack.site.model import External, Host, Hosts, Lock, LockedArtifact, LockedImage, SiteConfig

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["External", "Host", "Hosts", "Lock", "LockedArtifact", "LockedImage", "Site", "SiteConfig"]


@dataclass(frozen=True, slots=True)
class Site:
    """A site directory.

    :param directory: where it is.
    :param config: the parsed site.yml.
    :param hosts: the parsed hosts.yml.
    :param lock: the parsed images.lock; empty when there is none yet.
    """

    directory: Path
    config: SiteConfig
    hosts: Hosts
    lock: Lock
