# GNU General Public License v3.0 or later (see LICENSE)
"""Makes the changes of a tree, keeps its manifest, and describes the changes for a person."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.collab import atomic
from ansible.module_utils.collab.tree import Change, Entry, Plan, TreeError, observe

Runner = Callable[[list[str]], tuple[int, str, str]]
"""Runs a command without a shell; returns exit code, stdout, stderr. AnsibleModule.run_command is one."""

SHOWN_BYTES = 256 * 1024
"""Longer files appear in a diff by their size only."""


class Manifest:
    """Which objects a tree lists and which of them it created: ``<state>/trees/<name>.json``.

    An object that was there before (a package's own file) is never removed by us, only what we created is.
    """

    def __init__(self, state: str, name: str) -> None:
        self.path = f"{state}/trees/{name}.json"
        self._entries: dict[str, dict[str, Any]] = atomic.read_json(self.path).get("entries", {})
        self._others = self._read_others()

    def _read_others(self) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for path in sorted(Path(self.path).parent.glob("*.json")):
            if str(path) != self.path:
                for entry, facts in atomic.read_json(str(path)).get("entries", {}).items():
                    found[entry] = found.get(entry, False) or bool(facts.get("created"))
        return found

    def owned(self) -> dict[str, str]:
        """Return path -> kind of what the tree created."""
        return {path: str(facts["kind"]) for path, facts in self._entries.items() if facts.get("created")}

    def foreign(self) -> frozenset[str]:
        """Return the paths that other trees list."""
        return frozenset(self._others)

    def announce(self, entries: Iterable[Entry]) -> None:
        """Record what is about to be created beside what is recorded already; must come before creating it."""
        self._store({**self._entries, **self._facts(entries)})

    def settle(self, entries: Iterable[Entry], kept: Iterable[str]) -> None:
        """Record what the tree lists now, and the directories that it had to leave."""
        left = {path: self._entries[path] for path in kept if path in self._entries}
        self._store({**left, **self._facts(entries)})

    def _facts(self, entries: Iterable[Entry]) -> dict[str, dict[str, Any]]:
        facts = {}
        for entry in entries:
            if entry.kind == "absent":
                continue
            known = self._entries.get(entry.path)
            created = bool(known["created"]) if known else self._others.get(entry.path, False)
            created = created or (known is None and observe(entry.path).kind == "absent")
            facts[entry.path] = {"kind": entry.kind, "created": created}
        return facts

    def _store(self, entries: dict[str, dict[str, Any]]) -> None:
        if entries != self._entries or not Path(self.path).exists():
            atomic.write_json(self.path, {"version": 1, "entries": entries})
            self._entries = entries


def apply(plan: Plan, run: Runner) -> None:
    """Make the changes.

    :raises TreeError: when a validator refuses a file (which then stays as it was) or a folder is missing.
    """
    for change in plan.changes:
        try:
            _make(change, run)
        except OSError as error:
            raise TreeError(f"{change.path}: {error.strerror or error}") from error


def check_parents(plan: Plan) -> None:
    """Refuse, before anything is written, an object whose folder neither exists nor is in the tree.

    :raises TreeError: naming the folder.
    """
    made = {change.path for change in plan.changes if change.entry.kind == "directory"}
    for change in plan.changes:
        parent = str(Path(change.path).parent)
        if change.action != "remove" and parent not in made and not Path(parent).is_dir():
            raise TreeError(f"{change.path}: there is no folder {parent}; list it under directories")


def _make(change: Change, run: Runner) -> None:
    if change.action == "remove":
        _remove(change)
    elif change.entry.kind == "file":
        _write(change, run)
    elif change.entry.kind == "link":
        _link(change)
    else:
        if change.action == "create":
            Path(change.path).mkdir(0o700)
        _own(change.entry)


def _remove(change: Change) -> None:
    if change.found.kind == "directory":
        Path(change.path).rmdir()
    else:
        Path(atomic.temporary(change.path)).unlink(missing_ok=True)
        Path(change.path).unlink()
    atomic.sync_directory(str(Path(change.path).parent))


def _write(change: Change, run: Runner) -> None:
    entry = change.entry
    if not change.rewrites:
        _own(entry)
        return
    waiting = atomic.stage(entry.path, entry.content, entry.uid, entry.gid, entry.mode)
    try:
        if entry.validate:
            _validate(entry, waiting, run)
        atomic.publish(waiting, entry.path)
    except BaseException:
        Path(waiting).unlink(missing_ok=True)
        raise


def _validate(entry: Entry, waiting: str, run: Runner) -> None:
    if "%s" not in entry.validate:
        raise TreeError(f"{entry.path}: the validator {entry.validate!r} lacks %s")
    code, out, err = run([part.replace("%s", waiting) for part in shlex.split(entry.validate)])
    if code:
        said = "its output is not shown, because the file is secret" if entry.secret else (err or out).strip()
        raise TreeError(f"{entry.path}: the new content is refused by {entry.validate!r}: {said}")


def _link(change: Change) -> None:
    waiting = atomic.temporary(change.path)
    Path(waiting).unlink(missing_ok=True)
    Path(waiting).symlink_to(change.entry.target)
    atomic.publish(waiting, change.path)


def _own(entry: Entry) -> None:
    descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        actual = os.fstat(descriptor)
        if (actual.st_uid, actual.st_gid) != (entry.uid, entry.gid):
            os.fchown(descriptor, entry.uid, entry.gid)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != entry.mode:
            os.fchmod(descriptor, entry.mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def describe(change: Change, names: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return a change in the form that ``--diff`` prints.

    :param names: path -> owner and group as the role wrote them.
    """
    return {
        "before_header": change.path,
        "after_header": change.path,
        "before": _facts_before(change) + _content(change, change.found.content, change.found.kind),
        "after": "" if change.action == "remove" else _facts_after(change, names) + _content_after(change),
    }


def _facts_before(change: Change) -> str:
    found = change.found
    if found.kind == "absent":
        return ""
    if found.kind == "link":
        return f"link to {found.target}\n"
    shown = change.differs if change.action == "update" else ("mode", "owner", "group")
    facts = {"mode": f"{found.mode:04o}", "owner": str(found.uid), "group": str(found.gid)}
    return f"{found.kind}\n" + "".join(f"{key}: {value}\n" for key, value in facts.items() if key in shown)


def _facts_after(change: Change, names: Mapping[str, tuple[str, str]]) -> str:
    entry = change.entry
    if entry.kind == "link":
        return f"link to {entry.target}\n"
    owner, group = names.get(entry.path, (str(entry.uid), str(entry.gid)))
    shown = change.differs if change.action == "update" else ("mode", "owner", "group")
    facts = {"mode": f"{entry.mode:04o}", "owner": owner, "group": group}
    return f"{entry.kind}\n" + "".join(f"{key}: {value}\n" for key, value in facts.items() if key in shown)


def _content_after(change: Change) -> str:
    if change.entry.secret and change.rewrites:
        return "content differs (secret, not shown)\n"
    return _content(change, change.entry.content, change.entry.kind)


def _content(change: Change, content: bytes, kind: str) -> str:
    if kind != "file" or not change.rewrites or change.entry.secret or change.action == "remove":
        return ""
    if len(content) > SHOWN_BYTES:
        return f"content: {len(content)} bytes\n"
    return content.decode("utf-8", "replace")
