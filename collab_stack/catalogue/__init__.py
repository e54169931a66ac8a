"""What collab-stack ships: components with their versions, images, archives, licences and stewards."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

__all__ = ["Catalogue", "Component", "load"]

_FILE = Path(__file__).with_name("components.yml")


class Component(BaseModel):
    """One piece of software.

    ``tested``: ``end-to-end`` when the tests ran this very version, ``contract`` when a stand-in that keeps
    upstream's contract was run, ``debian`` when the version is the Debian release's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    versions: tuple[str, ...] = ()
    """Further versions that a site may ask for."""
    image: str | None = None
    """Upstream's reference with the tag of ``version``."""
    archive: str | None = None
    """Upstream's URL, for an application archive; ``{version}`` stands for the version."""
    part_of: str | None = None
    """The service that an archive belongs to; it is needed only where the stack carries that."""
    tested: Literal["end-to-end", "contract", "debian"]
    licence: str
    steward: str
    """Who maintains it."""
    country: str
    """ISO 3166-1 alpha-2 of the steward's seat."""
    note: str = ""

    def known(self, version: str) -> bool:
        """Say whether a site may ask for a version."""
        return version == self.version or version in self.versions


class Catalogue(BaseModel):
    """All components by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    components: dict[str, Component]


@cache
def load() -> Catalogue:
    """Return the shipped catalogue."""
    raw = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return Catalogue(components={name: Component(name=name, **entry) for name, entry in raw["components"].items()})
