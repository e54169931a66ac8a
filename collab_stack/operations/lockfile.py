"""Write images.lock: atomically, with sorted keys, so that a change of it reads well in version control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from collab_stack.site import atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_stack.site import LockedArtifact, LockedImage, Site

FILE: Final = "images.lock"

_HEADER: Final = """\
# Written by `collab-stack images lock` and `artifacts lock`: what they read from the registry and the mirror.
# A deploy installs this and nothing else. Keep it in version control.
"""


def update(
    site: Site,
    *,
    images: Mapping[str, LockedImage] | None = None,
    artifacts: Mapping[str, LockedArtifact] | None = None,
) -> bool:
    """Replace the images, or the archives, of a site's lock; return whether the file changed."""
    path = site.directory / FILE
    text = render(
        site.lock.images if images is None else images, site.lock.artifacts if artifacts is None else artifacts
    )
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    atomic.write(path, text)
    return True


def render(images: Mapping[str, LockedImage], artifacts: Mapping[str, LockedArtifact]) -> str:
    """Return the file's text."""
    content: dict[str, dict[str, Any]] = {
        "artifacts": {name: entry.model_dump(mode="json") for name, entry in sorted(artifacts.items())},
        "images": {name: entry.model_dump(mode="json") for name, entry in sorted(images.items())},
    }
    return _HEADER + yaml.safe_dump(content, sort_keys=True, default_flow_style=False, width=200)
