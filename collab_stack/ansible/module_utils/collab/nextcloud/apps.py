# GNU General Public License v3.0 or later (see LICENSE)
"""Apps that do not come with the server: unpacked from an archive whose checksum the site has locked."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

OWNER = 33


class ArchiveError(Exception):
    """An archive that must not be unpacked."""


@dataclass(frozen=True)
class App:
    """One app of the site.

    :param archive: where the archive lies on this host; empty when it is not here.
    :param sha512: of the archive, from images.lock.
    """

    id: str
    sha512: str
    archive: str = ""


def is_current(app: App, folder: Path, recorded: dict[str, str]) -> bool:
    """Say whether the unpacked app is the archive's, file by file.

    :param folder: ``custom_apps``.
    :param recorded: ``sha512`` of the archive and ``tree`` of the files, from when it was unpacked.
    """
    return recorded.get("sha512") == app.sha512 and recorded.get("tree") == tree_digest(folder / app.id)


def unpack(app: App, folder: Path) -> str:
    """Put an app into its place and return the digest of its files.

    A kill at any moment leaves the old app, the new one, or none, and the next run unpacks again.

    :raises ArchiveError: when the archive is not the locked one or not an app's.
    """
    with Path(app.archive).open("rb") as stream:
        found = hashlib.file_digest(stream, "sha512").hexdigest()
    if found != app.sha512:
        raise ArchiveError(f"{app.archive} has SHA-512 {found[:16]}…, but images.lock says {app.sha512[:16]}…")
    waiting, leaving = folder / f".collab-new-{app.id}", folder / f".collab-old-{app.id}"
    for path in (waiting, leaving):
        shutil.rmtree(path, ignore_errors=True)
    with tarfile.open(app.archive) as archive:
        archive.extractall(waiting, filter="data")
    if [entry.name for entry in waiting.iterdir()] != [app.id]:
        raise ArchiveError(f"{app.archive} should hold the one folder {app.id}, as Nextcloud's app archives do")
    for path in (waiting, *waiting.rglob("*")):
        os.chown(path, OWNER, OWNER)
    target = folder / app.id
    if target.exists():
        target.rename(leaving)
    (waiting / app.id).rename(target)
    for path in (waiting, leaving):
        shutil.rmtree(path, ignore_errors=True)
    return tree_digest(target)


def tree_digest(folder: Path) -> str:
    """Return one digest over the names and contents of all files below a folder; empty when there is none."""
    if not folder.is_dir():
        return ""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(folder)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()
