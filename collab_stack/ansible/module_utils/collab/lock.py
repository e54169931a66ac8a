# GNU General Public License v3.0 or later (see LICENSE)
"""One at a time on a host, also when the controller of the one before was killed and its module goes on alone."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

PAUSE_SECONDS = 1.0


class LockError(Exception):
    """Another run that does not end."""


def hold(path: str, seconds: float = 1800.0) -> IO[str]:
    """Wait for a lock and return the open file that holds it until it is closed or the process ends.

    :param seconds: how long to wait; the longest work under such a lock is an installation.
    :raises LockError: when it is still held then.
    """
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    stream = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                stream.close()
                raise LockError(
                    f"another run holds {path} since more than {seconds:.0f} s; see: fuser -v {path}"
                ) from None
            time.sleep(PAUSE_SECONDS)
        else:
            return stream
