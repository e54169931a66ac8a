# GNU General Public License v3.0 or later (see LICENSE)
"""What a managed tree wants, what is on the disk, and what has to change: data and decisions, nothing is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

BLOCK_BEGIN = "# Written by collab-stack: begin"
BLOCK_END = "# Written by collab-stack: end"

UNKNOWN = -1
"""The id of an account that is not there yet (check mode on a host without the package)."""


class TreeError(Exception):
    """A tree that cannot be made so; nothing has been written when it is raised while planning."""


@dataclass(frozen=True)
class Entry:
    """One object that a tree wants.

    :param kind: ``file``, ``directory``, ``link`` or ``absent``.
    :param uid: numeric, or :data:`UNKNOWN`.
    :param validate: command with ``%s`` in place of the file.
    """

    path: str
    kind: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o644
    content: bytes = b""
    target: str = ""
    secret: bool = False
    validate: str = ""


@dataclass(frozen=True)
class Found:
    """What is at a path now; ``kind`` is one of Entry's, or ``other`` for devices, sockets and pipes."""

    kind: str
    uid: int = UNKNOWN
    gid: int = UNKNOWN
    mode: int = 0
    content: bytes = b""
    target: str = ""


@dataclass(frozen=True)
class Change:
    """One object that has to change.

    :param action: ``create``, ``update`` (same object), ``replace`` (of another kind) or ``remove``.
    :param differs: which of content, mode, owner, group, target.
    """

    action: str
    entry: Entry
    found: Found
    differs: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Return where it is."""
        return self.entry.path

    @property
    def rewrites(self) -> bool:
        """Say whether the object itself is written anew, not only its mode or owner."""
        return self.action != "update" or bool({"content", "target"} & set(self.differs))


@dataclass(frozen=True)
class Plan:
    """What a run does.

    :param changes: in the order in which they are to be made.
    :param kept: directories that the tree no longer lists, but that hold what is not the tree's.
    """

    changes: tuple[Change, ...] = ()
    kept: tuple[str, ...] = ()
    orphans: tuple[str, ...] = field(default=())


def observe(path: str) -> Found:
    """Return what is at a path, without following a symbolic link there."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Found("absent")
    if stat.S_ISLNK(status.st_mode):
        return Found("link", status.st_uid, status.st_gid, target=str(Path(path).readlink()))
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        return Found("directory", status.st_uid, status.st_gid, mode)
    if stat.S_ISREG(status.st_mode):
        return Found("file", status.st_uid, status.st_gid, mode, Path(path).read_bytes())
    return Found("other", status.st_uid, status.st_gid, mode)


def with_block(path: str, content: str) -> bytes:
    """Return what a file is to hold so that its marked part is the given content and the rest stays as it is."""
    found = observe(path)
    lines = found.content.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    marks = [index for index, line in enumerate(lines) if line.strip() in (BLOCK_BEGIN, BLOCK_END)]
    block = [f"{line}\n" for line in (BLOCK_BEGIN, *content.splitlines(), BLOCK_END)]
    if len(marks) == 2 and lines[marks[0]].strip() == BLOCK_BEGIN:
        lines[marks[0] : marks[1] + 1] = block
    else:  # a damaged pair of marks goes, what stands around it stays
        lines = [line for index, line in enumerate(lines) if index not in marks]
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines += block
    return "".join(lines).encode("utf-8", "surrogateescape")


def refuse_foreign_links(path: str) -> None:
    """Refuse a path that leads through a symbolic link which somebody other than root owns.

    Whoever owns such a link could point root's writing anywhere. A link of root's (``/srv/collab`` on another disk) is
    the operator's own wish.

    :raises TreeError: naming the link.
    """
    for parent in Path(path).parents:
        if parent.is_symlink() and parent.lstat().st_uid != 0 and os.geteuid() == 0:
            raise TreeError(f"{path}: {parent} is a symbolic link that uid {parent.lstat().st_uid} owns; remove it")


def check_entries(entries: Iterable[Entry]) -> None:
    """Refuse entries that contradict each other or are no absolute, normalised paths.

    :raises TreeError: naming the path.
    """
    seen: set[str] = set()
    for entry in entries:
        if not entry.path.startswith("/") or entry.path != os.path.normpath(entry.path):
            raise TreeError(f"{entry.path!r} is not an absolute path without '..', '//' or a final '/'")
        if entry.path in seen:
            raise TreeError(f"{entry.path} is listed twice")
        seen.add(entry.path)
    for entry in entries:
        files = {other.path for other in entries if other.kind in ("file", "link")}
        above = files & {str(parent) for parent in Path(entry.path).parents}
        if above:
            raise TreeError(f"{entry.path} lies below {min(above)}, which is no directory")


def plan(
    entries: Iterable[Entry],
    owned: Mapping[str, str],
    foreign: frozenset[str],
    listing: Callable[[str], Iterable[str]] = os.listdir,
) -> Plan:
    """Return the changes that lead from what is on the disk to what is wanted.

    :param entries: what the tree wants.
    :param owned: path -> kind of everything the tree created before; what of it is no longer wanted goes.
    :param foreign: paths that other trees list; never removed here.
    :raises TreeError: when something stands in the way that must not be overwritten.
    """
    wanted = sorted(entries, key=_order)
    changes = [change for change in (_change(entry) for entry in wanted) if change]
    listed = {entry.path for entry in wanted}
    orphans = sorted((path for path in owned if path not in listed | foreign), reverse=True)
    kept: list[str] = []
    gone = {change.path for change in changes if change.action == "remove"}
    for path in orphans:
        found = observe(path)
        if found.kind == "absent" or (found.kind == "directory") != (owned[path] == "directory"):
            continue  # somebody put something else there: it is not ours any more
        if found.kind == "directory" and any(f"{path}/{name}" not in gone for name in listing(path)):
            kept.append(path)
            continue
        gone.add(path)
        changes.append(Change("remove", Entry(path, "absent"), found))
    return Plan(tuple(changes), tuple(kept), tuple(orphans))


def _order(entry: Entry) -> tuple[int, str]:
    # Directories first and from the top; secrets before the files that name them, and what has a validator after all
    # others, because a validator reads what the file names.
    ranks = {"directory": 0, "file": 2, "link": 3, "absent": 5}
    rank = 1 if entry.secret else ranks[entry.kind]
    return (4 if entry.validate and not entry.secret else rank, entry.path)


def _change(entry: Entry) -> Change | None:
    refuse_foreign_links(entry.path)
    found = observe(entry.path)
    if entry.kind == "absent":
        return _absence(entry, found)
    if found.kind == "absent":
        return Change("create", entry, found)
    if found.kind == "other" or (found.kind != entry.kind and "directory" in (found.kind, entry.kind)):
        raise TreeError(f"{entry.path} should be a {entry.kind} but is a {_name(found)}; move it away")
    if found.kind != entry.kind:
        return Change("replace", entry, found)
    differs = tuple(_differences(entry, found))
    return Change("update", entry, found, differs) if differs else None


def _absence(entry: Entry, found: Found) -> Change | None:
    if found.kind == "absent":
        return None
    if found.kind == "directory" and any(Path(entry.path).iterdir()):
        raise TreeError(f"{entry.path} should be absent but is a directory with content; look at it and remove it")
    return Change("remove", entry, found)


def _differences(entry: Entry, found: Found) -> Iterable[str]:
    if entry.kind == "link":
        if entry.target != found.target:
            yield "target"
        return
    if entry.kind == "file" and entry.content != found.content:
        yield "content"
    for name, wanted, actual in (
        ("mode", entry.mode, found.mode),
        ("owner", entry.uid, found.uid),
        ("group", entry.gid, found.gid),
    ):
        if wanted != actual:
            yield name


def _name(found: Found) -> str:
    return "device, socket or pipe" if found.kind == "other" else found.kind
