# GNU General Public License v3.0 or later (see LICENSE)
"""Debian packages: what is installed, what an interrupted run left half done, and how both are put right."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible.module_utils.collab import atomic

POLICY_MARK = "# Written by collab-stack for the time of one installation."

_CONFFILES = ("--force-confdef", "--force-confold")
"""A configuration file that was changed stays; a role replaces it afterwards."""

_APT = (
    "apt-get",
    "--yes",
    "--quiet",
    "--no-install-recommends",
    "--option=APT::Update::Error-Mode=any",
    "--option=Acquire::Retries=2",
    *(f"--option=Dpkg::Options::={option}" for option in _CONFFILES),
)

_HALF_DONE = frozenset({"half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"})

_FORMAT = r"${Package} ${binary:Package} ${db:Status-Eflag} ${db:Status-Status}\n"

_POLICY = """#!/bin/sh
{mark}
# What is installed starts when it has been configured; what runs already may restart. Without process {pid} it says
# nothing, so that one left behind by a killed run does no harm.
[ "$(cut -d ' ' -f 22 /proc/{pid}/stat 2>/dev/null)" = "{start}" ] || exit 0
systemctl --quiet is-active "$1" && exit 0
exit 101
"""

Run = Callable[[list[str]], tuple[int, str, str]]


class PackageError(Exception):
    """Packages that cannot be installed; running again is safe."""


class Dpkg:
    """The packages of this host.

    :param run: runs a command; returns exit code, stdout, stderr.
    :param root: where the file system starts, for tests.
    """

    def __init__(self, run: Run, root: str = "") -> None:
        self._run = run
        self._lock = f"{root}/var/lib/dpkg/lock-frontend"
        self._updates = f"{root}/var/lib/dpkg/updates"
        self._policy = f"{root}/usr/sbin/policy-rc.d"
        self._states: dict[str, str] = {}
        self._damaged: list[str] = []

    def read(self) -> None:
        """Read the state of every package."""
        code, out, err = self._run(["dpkg-query", "--show", f"--showformat={_FORMAT}"])
        if code:
            raise PackageError(f"dpkg-query: {err.strip()}")
        states: dict[str, str] = {}
        self._damaged = []
        for name, full_name, flag, state in (line.split(" ") for line in out.splitlines() if line.count(" ") == 3):
            # A package of two architectures is as good as its worse half.
            if states.get(name) not in _HALF_DONE:
                states[name] = state
            if flag == "reinstreq" or state == "half-installed":
                self._damaged.append(full_name)
        self._states = states

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return which of the packages are not installed, in order."""
        return [name for name in names if self._states.get(name) != "installed"]

    def half_done(self) -> list[str]:
        """Return the packages that an interrupted installation left in between, sorted."""
        return sorted(name for name, state in self._states.items() if state in _HALF_DONE)

    def interrupted(self) -> bool:
        """Say whether dpkg was killed while it worked."""
        journal = Path(self._updates)
        return bool(self.half_done() or self._damaged) or (
            journal.is_dir() and any(name.name.isdigit() for name in journal.iterdir())
        )

    def wait(self, seconds: float) -> None:
        """Wait until nobody else installs packages: another run, or Debian's own daily upgrade.

        :raises PackageError: when that takes too long.
        """
        end = time.monotonic() + seconds
        while not self._free():
            if time.monotonic() >= end:
                raise PackageError(
                    f"another program installs packages and holds {self._lock} for more than {seconds:.0f} s; "
                    f"see which: fuser -v {self._lock}"
                )
            time.sleep(1)

    def _free(self) -> bool:
        if not Path(self._lock).exists():
            return True
        with Path(self._lock).open("rb+") as stream:
            try:
                fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
        return True

    def recover(self) -> None:
        """Finish what an interrupted run began; the lists of packages are current.

        A package that was killed while it was unpacked can only be unpacked again: dpkg refuses to configure it and
        what depends on it, and `--fix-broken` alone does not fetch it (dpkg(1), "reinst-required").
        """
        configure = ["dpkg", *_CONFFILES, "--configure", "--pending"]
        code, out, err = self._run(configure)
        self.read()
        if code and not self._damaged:
            raise _failure(configure, code, err or out)
        again = ["--reinstall"] if self._damaged else []
        self._call([*_APT, *again, "--fix-broken", "install", *self._damaged])

    def update(self) -> None:
        """Read the lists of packages again."""
        self._call([*_APT, "update"])

    def install(self, names: Iterable[str]) -> None:
        """Install packages, without starting what they bring."""
        self._call([*_APT, "install", *names])

    def _call(self, argv: list[str]) -> None:
        code, out, err = self._run(argv)
        if code:
            raise _failure(argv, code, err or out)

    @contextmanager
    def nothing_starts(self) -> Iterator[None]:
        """Keep installed services from starting before they are configured, unless the host has a policy of its own."""
        policy = Path(self._policy)
        ours = not policy.exists() or POLICY_MARK in policy.read_text(errors="replace")
        if ours:
            start = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(") ")[2].split()[19]
            text = _POLICY.format(mark=POLICY_MARK, pid=os.getpid(), start=start)
            atomic.write(self._policy, text.encode(), 0o755)
        try:
            yield
        finally:
            if ours:
                policy.unlink(missing_ok=True)


def _failure(argv: list[str], code: int, told: str) -> PackageError:
    lines = [line for line in told.splitlines() if line.strip()][-8:]
    return PackageError(f"{argv[0]} {argv[-1]} ended with {code}: " + " / ".join(lines))
