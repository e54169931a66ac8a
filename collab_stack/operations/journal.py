"""The journal of all runs: JSON lines, chained by hashes, without a secret.

Each line holds the SHA-256 of the line before it, so that a line which is altered, taken out or put in between is
found. (Somebody who may write the file can still cut off its end, or write it anew: the chain shows accidents and
unskilled hands. Commit or copy the last hash elsewhere to bind it.)
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FILE: Final = "runs/journal.jsonl"

FIRST: Final = "0" * 64
"""What the first line names as the hash before it."""

MASK: Final = "********"

_SHORTEST: Final = 8  # shorter secrets would mask ordinary words; a generated one is longer


def append(directory: Path, line: Mapping[str, Any], secrets: Iterable[str]) -> None:
    """Append a line to the journal of a site.

    :param secrets: values that must not be in it, in whatever spelling; they are masked.
    """
    path = directory / FILE
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        content = os.pread(handle, os.fstat(handle).st_size, 0)
        # A run that was killed while it wrote leaves half a line: it stays, closed, for the chain to show.
        torn = b"\n" if content and not content.endswith(b"\n") else b""
        lines = content.split(b"\n") if torn else content.split(b"\n")[:-1]
        chained = {**line, "previous": _hash(lines[-1]) if lines else FIRST}
        text = mask(json.dumps(chained, ensure_ascii=False, default=str), secrets)
        os.pwrite(handle, torn + text.encode() + b"\n", len(content))
        os.fsync(handle)
    finally:
        os.close(handle)


def verify(directory: Path) -> list[str]:
    """Return what is wrong with the chain of a site's journal, each with its line; empty when it holds."""
    wrong = []
    before = FIRST
    for number, raw in enumerate(_lines(directory), start=1):
        try:
            named = json.loads(raw)["previous"]
        except (ValueError, KeyError, TypeError):
            wrong.append(f"{FILE}:{number}: not a whole line; the run was killed while it wrote, or it was altered")
        else:
            if named != before:
                wrong.append(f"{FILE}:{number}: does not follow the line before; one was altered, removed or added")
        before = _hash(raw)
    return wrong


def entries(directory: Path) -> list[dict[str, Any]]:
    """Return the journal's whole lines, oldest first."""
    found = []
    for raw in _lines(directory):
        try:
            found.append(json.loads(raw))
        except ValueError:
            continue
    return found


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


def _lines(directory: Path) -> list[bytes]:
    path = directory / FILE
    return path.read_bytes().removesuffix(b"\n").split(b"\n") if path.exists() and path.stat().st_size else []


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
