"""Hold a host's lock as long as somebody on the other end of standard input gives a sign of life.

Started as ``python3 -c TEXT collab-stack-holder NAME``. Says ``locked`` or ``held by NAME``, one line.

The lock is on a file that every Debian has and everybody may read, so it needs no root and leaves nothing behind. The
kernel drops it with this process, which ends when its input closes (the SSH session ended, however) or stays silent
(the other end lost its power). The holder's name stands in this process's own command line, where the next one that
comes can read it.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
from pathlib import Path

FILES = ("/etc/machine-id", "/etc/os-release")
MARK = "collab-stack-holder"
HELD = 75  # EX_TEMPFAIL
SILENCE = 300  # seconds; the other end writes every 20


def holder() -> str:
    """Return the name of the process that holds the lock."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if MARK in words and path.parent.name != str(os.getpid()):
            return words[words.index(MARK) + 1]
    return "somebody"


def say(text: str) -> None:
    """Say one line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Take the lock and hold it."""
    path = next(name for name in FILES if Path(name).exists())
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("held by " + holder())
        sys.exit(HELD)
    say("locked")
    while select.select([0], [], [], SILENCE)[0] and os.read(0, 64):
        pass


main()
