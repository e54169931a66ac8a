"""One run at a time: a kernel lock on the site, and one on each host, that die with their holder."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from collab_stack.errors import CollabError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# Runs on the host with nothing but python3. The lock is on a file that every Debian has and everybody may read, so it
# needs no root and leaves nothing behind; the kernel drops it when the SSH session ends, however it ends. The holder's
# name stands in this process's own command line, where the next one that comes can read it.
HOST_LOCK = r"""
import fcntl, glob, os, sys
handle = os.open("/etc/machine-id", os.O_RDONLY)
try:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    for name in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(name, "rb").read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "collab-stack-holder" in words and name != "/proc/%d/cmdline" % os.getpid():
            print("held by " + words[words.index("collab-stack-holder") + 1], flush=True)
            sys.exit(75)
    print("held by somebody", flush=True)
    sys.exit(75)
print("locked", flush=True)
sys.stdin.read()
"""


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
            raise _locked(f"The site {directory}", os.pread(handle, 4096, 0).decode(errors="replace")) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"holder": holder(verb)}).encode(), 0)
        yield handle
    finally:
        os.close(handle)


def _locked(what: str, who: str) -> CollabError:
    try:
        name = json.loads(who)["holder"]
    except (ValueError, KeyError, TypeError):
        name = who.strip() or "another run"
    return CollabError(
        f"{what} is locked by {name}.",
        mend="wait until that run has ended, or end it, and run the same command again",
        code="locked",
        exit_code=ExitCode.LOCKED,
    )


@contextmanager
def host_locks(commands: Mapping[str, Sequence[str]], verb: str) -> Iterator[None]:
    """Hold the lock of each host while the block runs.

    :param commands: host -> the ssh command line (without remote command) that reaches it.
    :raises CollabError: LOCKED when another run holds one. A host that cannot be reached is left to the preflight.
    """
    import shlex  # noqa: PLC0415 - needed only where a remote command line is built

    remote = shlex.join(["python3", "-c", HOST_LOCK, "collab-stack-holder", holder(verb)])
    sessions = {
        host: subprocess.Popen(
            [*command, remote],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        for host, command in commands.items()
    }
    try:
        for host, session in sessions.items():
            answer = session.stdout.readline().strip() if session.stdout else ""
            if answer.startswith("held by "):
                raise _locked(f"The host {host}", answer.removeprefix("held by "))
        yield
    finally:
        for session in sessions.values():
            if session.stdin:
                session.stdin.close()
        for session in sessions.values():
            session.terminate()
            session.wait(timeout=5)
