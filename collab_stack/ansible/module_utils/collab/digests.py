# GNU General Public License v3.0 or later (see LICENSE)
"""Digests of watched paths, and what they were when a unit or command last took them up."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ansible.module_utils.collab import atomic
from ansible.module_utils.collab.tree import Change

ABSENT = "absent"
UNKNOWN = "unknown"
"""Stands for the digest of what a unit took up when nobody knows; equals no digest."""
PENDING = "pending"
"""Stands for content that check mode cannot know (a certificate that is still to be issued); equals no digest."""


class Watch:
    """Digests of paths as they are, or, in check mode, as a run would leave them.

    :param changes: what the run would write; empty once it has been written.
    :param pending: paths that something else of the same run would change.
    """

    def __init__(self, changes: Iterable[Change] = (), pending: Iterable[str] = ()) -> None:
        self._changes = {change.path: change for change in changes}
        self._pending = frozenset(pending)

    def digests(self, paths: Iterable[str]) -> dict[str, str]:
        """Return path -> digest of its content; a folder's covers all files below it."""
        return {path: self._digest(path) for path in paths}

    def _digest(self, path: str) -> str:
        if path in self._pending or any(pending.startswith(f"{path}/") for pending in self._pending):
            return PENDING
        below = [changed for changed in self._changes if changed.startswith(f"{path}/")]
        if below or Path(path).is_dir():
            files = {*below, *_files(path)}
            lines = [f"{name}\0{digest}\n" for name in sorted(files) if (digest := self._of_file(name)) != ABSENT]
            return hashlib.sha256("".join(lines).encode()).hexdigest()
        return self._of_file(path)

    def _of_file(self, path: str) -> str:
        change = self._changes.get(path)
        if change is not None and change.rewrites:
            if change.action == "remove":
                return ABSENT
            return _hash(change.entry.content) if change.entry.kind == "file" else _link(change.entry.target)
        try:
            return _hash(Path(path).read_bytes())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return ABSENT


def _files(path: str) -> Iterable[str]:
    for folder, _, names in os.walk(path):
        yield from (f"{folder}/{name}" for name in names if not name.startswith(atomic.TEMPORARY_PREFIX))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _link(target: str) -> str:
    return _hash(Path(target).read_bytes()) if Path(target).is_file() else ABSENT


def covers(watched: str, paths: Iterable[str]) -> bool:
    """Say whether one of the paths is a watched one, or lies in a watched folder."""
    return any(f"{path}/".startswith(f"{watched}/") for path in paths)


_UNIT = re.compile(r"\.(service|socket|timer|path|mount|target|slice)$")


class Applied:
    """What watched paths were when a unit or command last took them up: ``<state>/applied/<name>.json``.

    It is written after the unit was restarted, so a run that is killed between writing a file and restarting leaves
    them different, and the next run restarts.
    """

    def __init__(self, state: str) -> None:
        self._folder = f"{state}/applied"

    def read(self, name: str) -> dict[str, str]:
        """Return path -> digest; empty when nothing was applied yet."""
        found = atomic.read_json(self._path(name)).get("watched", {})
        return {str(path): str(digest) for path, digest in found.items()}

    def write(self, name: str, digests: Mapping[str, str]) -> None:
        """Record digests, when they are not recorded already."""
        if self.read(name) != dict(digests) or not Path(self._path(name)).exists():
            atomic.write_json(self._path(name), {"version": 1, "watched": dict(digests)})

    def doubt(self, paths: Iterable[str]) -> None:
        """Record that nobody knows what units took up of some paths: they may have read them altered.

        Units of every tree are meant; commands are not, which look at what they made.
        """
        written = list(paths)
        for record in Path(self._folder).glob("*.json") if written else ():
            name = record.name.removesuffix(".json")
            if not _UNIT.search(name):
                continue
            watched = self.read(name)
            self.write(name, {path: UNKNOWN if covers(path, written) else watched[path] for path in watched})

    def forget(self, name: str) -> None:
        """Drop the record of something that no longer exists."""
        Path(self._path(name)).unlink(missing_ok=True)

    def _path(self, name: str) -> str:
        return f"{self._folder}/{re.sub(r'[^A-Za-z0-9@._-]', '_', name)}.json"
