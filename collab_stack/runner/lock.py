"""One run at a time: a kernel lock on the site, and one on each host, that die with their holder."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import shlex
import socket
import subprocess
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Final

from collab_stack.errors import CollabError, ExitCode
from collab_stack.runner import programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

HEARTBEAT_SECONDS: Final = 20
"""A host gives up a lock whose holder is silent for fifteen times as long (programs/hold_lock.py)."""


def holder(verb: str) -> str:
    """Return who holds a lock, as the next one is told: user, machine, process, verb and time."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"{getpass.getuser()}@{socket.gethostname()} (process {os.getpid()}, {verb}, since {now})"


@contextmanager
def site_lock(directory: Path, verb: str) -> Iterator[int]:
    """Hold the lock of the site in ``directory``; yields the descriptor, which Ansible inherits.

    So the lock lasts until Ansible too is gone, also when only this process was killed.

    :raises CollabError: LOCKED, naming the holder.
    """
    runs = directory / "runs"
    runs.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(runs / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _locked(f"The site {directory}", _named(os.pread(handle, 4096, 0))) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"holder": holder(verb)}).encode(), 0)
        yield handle
    finally:
        os.close(handle)


def _named(content: bytes) -> str:
    try:
        return str(json.loads(content)["holder"])
    except (ValueError, KeyError, TypeError):
        return "another run"


def _locked(what: str, who: str) -> CollabError:
    return CollabError(
        f"{what} is locked by {who}.",
        mend="wait until that run has ended, or end it, and run the same command again",
        code="locked",
        exit_code=ExitCode.LOCKED,
    )


@dataclass
class HostLocks:
    """The locks of the hosts that answered.

    :param lost: host -> what ssh said, for those that could not be reached.
    :param handles: descriptors that keep the locks; Ansible inherits them.
    """

    lost: dict[str, str] = field(default_factory=dict)
    handles: list[int] = field(default_factory=list)


@contextmanager
def host_locks(commands: Mapping[str, Sequence[str]], verb: str) -> Iterator[HostLocks]:
    """Hold the lock of each host while the block runs.

    :param commands: host -> the ssh command line (without remote command) that reaches it. When it makes a control
        socket, these sessions carry all others of the run.
    :raises CollabError: LOCKED when another run holds one.
    """
    words = ["python3", "-c", programs.source("hold_lock"), "collab-stack-holder", holder(verb)]
    sessions = {host: _Session([*command, shlex.join(words)]) for host, command in commands.items()}
    locks = HostLocks()
    ended = threading.Event()
    alive = threading.Thread(target=_live, args=(locks.handles, ended), daemon=True)
    try:
        for host, session in sessions.items():
            answer = session.answer()
            if answer.startswith("held by "):
                raise _locked(f"The host {host}", answer.removeprefix("held by "))
            if answer == "locked":
                locks.handles.append(session.handle)
            else:
                locks.lost[host] = session.complaint()
        alive.start()
        yield locks
    finally:
        ended.set()
        if alive.is_alive():
            alive.join()  # before the descriptors are closed and their numbers given to something else
        for session in sessions.values():
            session.release()
        for session in sessions.values():
            session.wait()


class _Session:
    """An ssh session that holds one host's lock."""

    def __init__(self, argv: list[str]) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by wait()
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True, start_new_session=True
        )

    @property
    def handle(self) -> int:
        """The descriptor whose closing, by all who have it, ends the lock."""
        return self._process.stdin.fileno() if self._process.stdin else -1

    def answer(self) -> str:
        """Return the first line; ssh's own timeout bounds the wait."""
        return self._process.stdout.readline().strip() if self._process.stdout else ""

    def complaint(self) -> str:
        """Return what ssh said on standard error."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace").strip()

    def release(self) -> None:
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def wait(self) -> None:
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait(5)
        if self._process.stdout:
            self._process.stdout.close()
        self._stderr.close()


def _live(handles: Sequence[int], ended: threading.Event) -> None:
    """Give the hosts a sign of life until the run has ended."""
    while not ended.wait(HEARTBEAT_SECONDS):
        for handle in handles:
            with suppress(OSError):
                os.write(handle, b"\n")
