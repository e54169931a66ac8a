"""A site as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from collab_stack.site.model.config import SiteConfig
    from collab_stack.site.model.hosts import Hosts
    from collab_stack.site.model.lock import Lock


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
