"""Start a program that must not outlive its parent. Run as a script: ``launch.py PARENT PROGRAM [ARGUMENT …]``.

A deploy that is killed outright cannot tell Ansible to stop; the kernel does, by SIGTERM, which Ansible hands on to
its workers. Standard library only, and nothing of the package, so that it costs no time.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(words: list[str]) -> None:
    """Ask for SIGTERM at the parent's death, and become the program.

    :param words: the parent's process id, then the program and its arguments.
    """
    parent, program = int(words[0]), words[1:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - becoming the program is the point; no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
