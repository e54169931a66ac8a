"""Where the shipped content lies, in a checkout and in an installed wheel alike."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def content_root() -> Path:
    """Return the folder that holds roles/, inventories/ and templates/.

    An installed wheel carries them below ``collab_stack/_content``; in a checkout (or an editable install) they
    stand beside the package. ``COLLAB_CONTENT`` overrides both, for somebody who tries changed roles.
    """
    override = os.environ.get("COLLAB_CONTENT")
    if override:
        return Path(override)
    packaged = _PACKAGE / "_content"
    return packaged if packaged.is_dir() else _PACKAGE.parent


def roles() -> Path:
    """Return the folder of the Ansible roles."""
    return content_root() / "roles"


def inventories() -> Path:
    """Return the folder of the example sites that ``init --from`` copies."""
    return content_root() / "inventories"


def templates() -> Path:
    """Return the folder of the Jinja2 templates that the CLI itself renders."""
    return content_root() / "templates"


def ansible_content() -> Path:
    """Return the folder of playbooks, modules and plugins."""
    return _PACKAGE / "ansible"
