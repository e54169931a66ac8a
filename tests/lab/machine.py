"""A lab's host as the machine below sees it: its files and processes, read without starting anything in it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collab_stack.lab import Lab, machines
from collab_stack.runner.executor import descendants
from tests.lab.program import send


class Machine:
    """One host of a lab. Needs root on this machine."""

    def __init__(self, lab: Lab, short: str = "host1") -> None:
        self._lab = lab
        self.short = short

    @property
    def _container(self) -> Any:  # noqa: ANN401 - docker's types are not known to mypy
        return machines.find(self._lab.client, self._lab.state.layout, self.short)

    @property
    def pid(self) -> int:
        """The host's systemd, as this machine counts."""
        return int(self._container.attrs["State"]["Pid"])

    @property
    def root(self) -> Path:
        """The host's file system."""
        return Path(f"/proc/{self.pid}/root")

    def view(self) -> View:
        """Return what can be looked at many times a second; it ends with the host's next start."""
        return View(self.pid)

    def run(self, script: str, user: str = "root") -> tuple[int, str]:
        """Run a shell script there; return exit code and output."""
        return self._lab.execute(self.short, "sh", "-c", script, user=user)

    def sh(self, script: str, user: str = "root") -> str:
        """Run a shell script that has to succeed; return its output."""
        code, output = self.run(script, user)
        assert code == 0, f"{self.short}: {script}\nended with {code}: {output}"
        return output

    def cut_power(self) -> None:
        """End everything on it at once, then start it again, and wait until it lets people in."""
        container = self._container
        container.kill()
        self.start()

    def restart(self) -> None:
        """Shut it down in order and start it again."""
        self._container.restart(timeout=120)

    def start(self) -> None:
        """Start it, and wait until it lets people in."""
        container = self._container
        container.start()
        machines.wait_for_ssh(self._container)


class View:
    """A running host.

    :param pid: of its systemd.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.root = Path(f"/proc/{pid}/root")

    def file(self, path: str) -> Path:
        """Return where one of its files is."""
        return self.root / path.lstrip("/")

    def commands(self) -> list[str]:
        """Return the command lines of its processes, those of its containers among them."""
        found = []
        for pid in descendants(self._pid):
            with contextlib.suppress(OSError):
                found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return found

    def runs(self, text: str) -> bool:
        """Say whether a process's command line holds a text."""
        return any(text in command for command in self.commands())

    def of_run(self, run: str) -> list[int]:
        """Return the processes there that work for a run of collab-stack; what it began in containers goes on."""
        mark, own = f"COLLAB_RUN={run}".encode(), Path(f"/proc/{self._pid}/ns/pid").readlink()
        found = []
        for pid in descendants(self._pid):
            process = Path(f"/proc/{pid}")
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0") and (process / "ns/pid").readlink() == own:
                    found.append(pid)
        return found

    def kill(self, pids: list[int]) -> None:
        """Kill some of its processes at one moment."""
        for pid in pids:
            send(pid, 19)
        for pid in pids:
            send(pid, 9)


def wait(condition: Callable[[], object], seconds: float, what: str, pause: float = 0.2) -> float:
    """Wait until a condition holds; return how long that took in seconds."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(pause)
    return time.monotonic() - begin


def is_root() -> bool:
    """Say whether the tests may look into the lab's hosts from outside."""
    return os.geteuid() == 0
