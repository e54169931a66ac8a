"""collab-stack as people get it: a wheel built from the checkout, installed alone into an empty virtual environment."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import collab_stack
from collab_stack.runner.executor import descendants

CHECKOUT = Path(collab_stack.__file__).parent.parent
SECONDS = 1500
"""The longest a single command may take on a busy machine: a first deploy."""


def build_wheel(folder: Path) -> Path:
    """Build the wheel as `pip install` of a release would get it."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT)]
    subprocess.run(command, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


def names(wheel: Path) -> list[str]:
    """Return the paths in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel and what it asks for, nothing else; return its command."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", str(wheel)], check=True, timeout=600)
    return folder / "bin" / "collab-stack"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def data(self) -> dict[str, Any]:
        """The one JSON object of ``--json``."""
        found = json.loads(self.stdout)
        assert isinstance(found, dict)
        return found


class Program:
    """The installed command, run outside of the checkout and with a home and temporary folders of its own.

    :param executable: its path.
    :param home: becomes HOME; what the program keeps of a site (its vault password) is there.
    :param folder: working directory and place of temporary files. Short: ssh's sockets have to fit into 108 characters.
    """

    def __init__(self, executable: Path, home: Path, folder: Path) -> None:
        self.executable = executable
        self.home = home
        self.folder = folder
        self.temporary, self.runtime = folder / "tmp", folder / "run"
        for path in (home, self.temporary, self.runtime):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """Return the environment: nothing of whoever runs the tests, and nothing of the checkout."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "XDG_RUNTIME_DIR": str(self.runtime),
        }

    def run(self, *words: str, stdin: str | None = None, cwd: Path | None = None, seconds: int = SECONDS) -> Done:
        """Run a command to its end."""
        with self.started(*words, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, cwd=cwd) as run:
            out, err = run.communicate(stdin, timeout=seconds)
            return Done(run.returncode, out, err)

    @contextlib.contextmanager
    def started(
        self, *words: str, stdin: int | IO[str] = subprocess.DEVNULL, cwd: Path | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a command while the block runs; what is left of it then is killed."""
        # A shell starts what it puts into the background deaf to Ctrl-C, and that is inherited.
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            [str(self.executable), *words],
            env=self.environment(),
            cwd=cwd or self.folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                kill_tree(process.pid)
                process.communicate()


def kill_tree(pid: int) -> int:
    """Kill a process and all that stem from it, none of them warned, at one moment; return how many.

    They are stopped first, so that none starts another while the list is read.
    """
    stopped: set[int] = set()
    while found := {pid, *descendants(pid)} - stopped:
        for one in found:
            send(one, signal.SIGSTOP)
        stopped |= found
    for one in stopped:
        send(one, signal.SIGKILL)
    return len(stopped)


def send(pid: int, number: int) -> None:
    """Send a signal to a process, which may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class Memory:
    """Watches how much memory a process and all that stem from it use together.

    Shared pages (Ansible forks its workers) count once: it adds up the proportional set sizes, in MiB.
    """

    PAUSE_SECONDS = 0.2

    def __init__(self, pid: int) -> None:
        self.peak = 0.0
        self.largest: Mapping[int, float] = {}
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            sizes = {pid: proportional_size(pid) for pid in (self._pid, *descendants(self._pid))}
            if sum(sizes.values()) > self.peak:
                self.peak, self.largest = sum(sizes.values()), sizes
            time.sleep(self.PAUSE_SECONDS)


def proportional_size(pid: int) -> float:
    """Return a process's share of memory in MiB; 0 for one that is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def short_folder() -> Path:
    """Make an empty folder with a short path."""
    return Path(tempfile.mkdtemp(prefix="ce-", dir="/tmp"))
