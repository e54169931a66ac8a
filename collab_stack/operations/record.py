"""The record of all runs: one JSON line each in ``runs/journal.jsonl``, chained by hashes.

Each line holds the SHA-256 of the line before it, so that a line which is altered, taken out or put in between is
found. (Somebody who may write the file can still cut off its end, or write it anew: the chain shows accidents and
unskilled hands. Commit or copy the last hash elsewhere to bind it.)
"""

from __future__ import annotations

import base64
import fcntl
import getpass
import hashlib
import json
import os
import socket
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from collab_stack import __version__
from collab_stack.runner.executor import Files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

JOURNAL: Final = "journal.jsonl"

KEPT_LOGS: Final = 50
"""Runs whose log and events are kept; the journal keeps its line of every run."""

FIRST: Final = "0" * 64
"""What the first line names as the hash before it."""

MASK: Final = "********"

_SHORTEST: Final = 8  # shorter secrets would mask ordinary words; a generated one is longer
_SITE_FILES: Final = ("site.yml", "hosts.yml", "secrets.yml", "images.lock", "known_hosts")


@dataclass(frozen=True)
class Run:
    """One run of a verb.

    :param id: sorts by time.
    :param started: when.
    """

    directory: Path
    verb: str
    id: str
    started: datetime

    @property
    def files(self) -> Files:
        """Where Ansible's log and events of this run go."""
        return Files(self._folder / f"{self.id}.log", self._folder / f"{self.id}.events.jsonl")

    @property
    def _folder(self) -> Path:
        return self.directory / "runs"


def begin(directory: Path, verb: str) -> Run:
    """Start a record; removes the oldest logs."""
    folder = directory / "runs"
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in sorted(folder.glob("*.events.jsonl"))[: -KEPT_LOGS + 1]:
        old.unlink()
        (folder / old.name.replace(".events.jsonl", ".log")).unlink(missing_ok=True)
    now = datetime.now(UTC)
    return Run(directory, verb, new_id(now), now)


def new_id(now: datetime | None = None) -> str:
    """Return a name for a run, which sorts by time."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"


def finish(run: Run, entry: Mapping[str, Any], secrets: Iterable[str]) -> None:
    """Append the run's line.

    :param entry: what is particular to the verb: options, changes, result.
    :param secrets: values that must not be in it, in whatever spelling; they are masked.
    """
    folder = run.directory / "runs"
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder / JOURNAL, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        content = os.pread(handle, os.fstat(handle).st_size, 0)
        # A run that was killed while it wrote leaves half a line: it stays, closed, for the chain to show.
        torn = b"\n" if content and not content.endswith(b"\n") else b""
        line = {
            "run": run.id,
            "verb": run.verb,
            "who": f"{getpass.getuser()}@{socket.gethostname()}",
            "started": run.started.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
            "site": site_hash(run.directory),
            **entry,
            "previous": _last(content),
        }
        text = mask(json.dumps(line, ensure_ascii=False, default=str), secrets)
        os.pwrite(handle, torn + text.encode() + b"\n", len(content))
        os.fsync(handle)
    finally:
        os.close(handle)


def verify(directory: Path) -> list[str]:
    """Return what is wrong with the chain of a site's record, each with its line; empty when it holds."""
    path = directory / "runs" / JOURNAL
    if not path.exists():
        return []
    wrong = []
    before = FIRST
    for number, raw in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            named = json.loads(raw)["previous"]
        except (ValueError, KeyError, TypeError):
            wrong.append(
                f"runs/{JOURNAL}:{number}: not a whole line; the run was killed while it wrote, or it was altered"
            )
        else:
            if named != before:
                wrong.append(
                    f"runs/{JOURNAL}:{number}: does not follow the line before; one was altered, removed or added"
                )
        before = hashlib.sha256(raw).hexdigest()
    return wrong


def entries(directory: Path) -> list[dict[str, Any]]:
    """Return the record's whole lines, oldest first."""
    path = directory / "runs" / JOURNAL
    found = []
    for raw in path.read_bytes().splitlines() if path.exists() else ():
        try:
            found.append(json.loads(raw))
        except ValueError:
            continue
    return found


def site_hash(directory: Path) -> str:
    """Return the SHA-256 over the site's files as they are, names included; secrets.yml is hashed encrypted."""
    total = hashlib.sha256()
    tls = sorted((directory / "tls").glob("*")) if (directory / "tls").is_dir() else []
    for path in [*(directory / name for name in _SITE_FILES), *tls]:
        if path.is_file():
            total.update(f"{path.relative_to(directory)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def mask(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text: plain, as JSON writes it, in base64 and in URL encoding."""
    spellings = {spelling for secret in secrets for line in (secret, *secret.splitlines()) for spelling in _spell(line)}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, MASK)
    return text


def _spell(secret: str) -> Iterable[str]:
    secret = secret.strip()
    if len(secret) >= _SHORTEST:
        yield secret
        yield json.dumps(secret)[1:-1]
        yield base64.b64encode(secret.encode()).decode().rstrip("=")
        yield urllib.parse.quote(secret, safe="")
        yield urllib.parse.quote_plus(secret)


def _last(content: bytes) -> str:
    lines = content.splitlines()
    return hashlib.sha256(lines[-1]).hexdigest() if lines else FIRST
