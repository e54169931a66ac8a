"""What is written down of a run: its log and events while it goes on, one line of the journal at its end."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from collab_stack import __version__
from collab_stack.operations import journal
from collab_stack.runner.events import Summary
from collab_stack.runner.executor import Files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

KEPT_LOGS: Final = 50
"""Runs whose log and events are kept; the journal keeps its line of every run."""

_EVENTS: Final = ".events.jsonl"
_SITE_FILES: Final = ("site.yml", "hosts.yml", "secrets.yml", "images.lock", "deployed.yml", "known_hosts")


@dataclass(frozen=True)
class Run:
    """One run of a verb.

    :param id: sorts by time.
    :param about: who, when, which version, site and options: the begin of its line in the journal.
    :param secrets: values that are masked in whatever is written.
    """

    directory: Path
    id: str
    about: Mapping[str, Any]
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def files(self) -> Files:
        """Where Ansible's log and events of this run go."""
        folder = self.directory / "runs"
        return Files(folder / f"{self.id}.log", folder / f"{self.id}{_EVENTS}")

    def finish(self, ending: Mapping[str, Any]) -> None:
        """Append the run's line to the journal.

        :param ending: what is particular to the verb: changes, result.
        """
        journal.append(self.directory, {**self.about, "ended": _now(), **ending}, self.secrets)


def begin(
    directory: Path, verb: str, options: Mapping[str, Any], secrets: Iterable[str], *, changes: bool = True
) -> Run:
    """Start the record of a run.

    Runs that were killed before they could write their line get one now. Logs of the oldest runs are removed.

    :param changes: whether the run changes anything: one that does not leaves its log, and no line.
    """
    folder = directory / "runs"
    folder.mkdir(mode=0o700, exist_ok=True)
    masked = tuple(secrets)
    if changes:
        bury(directory, masked)
    for old in sorted(folder.glob(f"*{_EVENTS}"))[: -KEPT_LOGS + 1]:
        old.unlink()
        (folder / old.name.replace(_EVENTS, ".log")).unlink(missing_ok=True)
    started = datetime.now(UTC)
    name = f"{started:%Y%m%dT%H%M%S.%fZ}-{os.getpid()}"
    run = Run(
        directory,
        name,
        {
            "run": name,
            "verb": verb,
            "who": f"{getpass.getuser()}@{socket.gethostname()}",
            "started": started.isoformat(timespec="seconds"),
            "version": __version__,
            "site": site_hash(directory),
            "options": dict(options),
        },
        masked,
    )
    header = journal.mask(json.dumps({"event": "begin", "changes": changes, **run.about}, default=str), masked)
    with os.fdopen(os.open(run.files.events, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(header + "\n")
    return run


def bury(directory: Path, secrets: Iterable[str] = ()) -> list[str]:
    """Write the lines of runs that were killed, from what their events told until then; return their ids.

    The caller holds the site's lock, so no other run is still at work.
    """
    known = {entry.get("run") for entry in journal.entries(directory)}
    found = []
    for path in sorted((directory / "runs").glob(f"*{_EVENTS}")):
        events = [_event(line) for line in path.read_text(encoding="utf-8").splitlines()]
        header = events[0] if events and events[0].get("event") == "begin" else {}
        if not header.get("changes") or header["run"] in known:
            continue
        summary = Summary()
        for event in events:
            summary.add(event)
        about = {key: value for key, value in header.items() if key not in ("event", "changes")}
        ending = {"ended": None, "ok": False, "exit": None, "error": "killed", **changed(summary)}
        journal.append(directory, {**about, **ending}, secrets)
        found.append(str(header["run"]))
    return found


def changed(summary: Summary) -> dict[str, Any]:
    """Return what a run did, as its line says it: counts, and the names of objects, but no diff."""
    return {
        "remote_tasks": summary.remote_tasks,
        "changes": [
            {"host": change.host, "role": change.role, "object": change.object, "action": change.action}
            for change in summary.changes
        ],
    }


def site_hash(directory: Path) -> str:
    """Return the SHA-256 over the site's files as they are, names included; secrets.yml is hashed encrypted."""
    total = hashlib.sha256()
    tls = sorted((directory / "tls").glob("*")) if (directory / "tls").is_dir() else []
    for path in [*(directory / name for name in _SITE_FILES), *tls]:
        if path.is_file():
            total.update(f"{path.relative_to(directory)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _event(line: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"event": "torn"}  # written by a worker that was killed
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
