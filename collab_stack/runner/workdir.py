"""A private folder for what a run needs for itself: inventory, ssh sockets, Ansible's temporary files."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX: Final = "collab-stack-"

LONGEST: Final = 24
"""Characters of the folder that such a folder is made in. The kernel takes 107 for a socket's path, of which ssh's
``/collab-stack-xxxxxxxx/cp/`` + 40 (a hash) + 17 (while it is made) are used below it."""


@dataclass(frozen=True, slots=True)
class Work:
    """A private folder.

    :param path: 0700, on a memory file system where the machine has one for us.
    :param handle: descriptor whose lock says that the folder is in use; Ansible inherits it.
    """

    path: Path
    handle: int


def parents() -> list[Path]:
    """Return where such folders are made, best first: memory file systems, so that a secret never reaches a disk."""
    candidates = [os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}", "/dev/shm", "/tmp"]  # noqa: S108 - mkdtemp makes a 0700 folder of unpredictable name in it
    found = [
        Path(name)
        for name in candidates
        if name and len(name) <= LONGEST and Path(name).is_dir() and os.access(name, os.W_OK | os.X_OK)
    ]
    return list(dict.fromkeys(found))


@contextmanager
def private_folder() -> Iterator[Work]:
    """Make a private folder, and remove it at the end; those of killed runs go first."""
    places = parents()
    for place in places:
        sweep(place)
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=places[0]))
    # Locked before it gets its name, so that nobody ever sees an unlocked lock of a living run.
    handle = os.open(path / "lock.new", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        (path / "lock.new").rename(path / "lock")
        for name in ("cp", "tmp", "ansible"):
            (path / name).mkdir(mode=0o700)
        yield Work(path, handle)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def sweep(place: Path) -> list[Path]:
    """Remove our own folders in ``place`` that nobody uses any more, and return them."""
    removed = []
    for path in place.glob(PREFIX + "*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            if path.is_symlink() or not path.is_dir() or path.stat().st_uid != os.getuid() or _used(path):
                continue
            shutil.rmtree(path)
            removed.append(path)
    return removed


def _used(path: Path) -> bool:
    """Say whether a process holds the folder: the kernel drops the lock when the last one that inherited it ends.

    A folder without a lock file is one that is being made this very moment, or a torn removal; its age tells.
    """
    try:
        handle = os.open(path / "lock", os.O_RDWR)
    except FileNotFoundError:
        return time.time() - path.stat().st_mtime < 60
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
