# GNU General Public License v3.0 or later (see LICENSE)
"""Writing that a kill at any moment leaves either undone or done."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

TEMPORARY_PREFIX = ".collab-tmp."
"""In front of the real name, so that a killed run leaves at most one file and the next run overwrites it. Hidden, so
that no program takes it for configuration; the real name comes last, for validators which look at the suffix."""


def temporary(path: str) -> str:
    """Return where the new content of a file waits until it takes the file's place."""
    directory, name = os.path.split(path)
    return f"{directory}/{TEMPORARY_PREFIX}{name}"


def stage(path: str, content: bytes, uid: int, gid: int, mode: int) -> str:
    """Write content beside a path, with its final owner and mode, and return where.

    It is readable by root only until it is complete.
    """
    waiting = temporary(path)
    Path(waiting).unlink(missing_ok=True)
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as stream:
            stream.write(content)
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)  # after the owner: changing that clears the set-id bits
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return waiting


def publish(waiting: str, path: str) -> None:
    """Put what was staged into its place and make that survive a power cut."""
    Path(waiting).replace(path)
    sync_directory(str(Path(path).parent))


def sync_directory(path: str) -> None:
    """Make a directory's entries survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: str, content: bytes, mode: int = 0o600) -> None:
    """Write one file of the calling user, atomically."""
    publish(stage(path, content, os.geteuid(), os.getegid(), mode), path)


def read_json(path: str) -> dict[str, Any]:
    """Return a JSON object of ours; empty when it is missing or damaged, so that what it records is done again."""
    try:
        value = json.loads(Path(path).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: str, value: dict[str, Any]) -> None:
    """Write a JSON object, atomically, readable by its owner only; its folder is made when it is missing."""
    folder = Path(path).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())
