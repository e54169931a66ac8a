"""Run Ansible: start it, follow its events, and stop it in an orderly way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from collab_stack.runner import command
from collab_stack.runner.events import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LAUNCHER: Final = Path(__file__).with_name("launch.py")

POLL_SECONDS: Final = 0.1

_ERRORS: Final = ("[ERROR]: ", "ERROR! ")

PATIENCE: Final = ((signal.SIGINT, 15.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
"""How Ansible is stopped: which signal, and how many seconds it then has."""


@dataclass(frozen=True)
class Outcome:
    """How a run of Ansible ended.

    :param returncode: of ansible-playbook.
    :param summary: what its events said.
    :param complaint: the last error that Ansible printed, when it ended without telling a failed task.
    :param deprecations: deprecation warnings, of tasks and of playbooks.
    """

    returncode: int
    summary: Summary
    complaint: str
    deprecations: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every task on every host did what it should."""
        return self.returncode == 0 and self.summary.finished and self.summary.failed_task is None


@dataclass(frozen=True)
class Files:
    """Where a run writes.

    :param log: what ansible-playbook prints, 0600.
    :param events: its events, JSON lines, 0600.
    """

    log: Path
    events: Path


def execute(
    run: command.Playbook,
    files: Files,
    keep_open: Sequence[int] = (),
    on_event: Callable[[dict[str, Any]], None] = lambda _event: None,
    summary: Summary | None = None,
) -> Outcome:
    """Run ansible-playbook to its end.

    It runs in a session of its own, so that Ctrl-C reaches us alone and we stop it; and it does not outlive us.

    :param run: what to run; its ``events_fd`` is replaced by the one that is opened here.
    :param files: where log and events go.
    :param keep_open: descriptors that Ansible inherits, so that the locks behind them last until it too is gone.
    :param on_event: called with each event, and about ten times a second with ``{"event": "tick"}``.
    :param summary: filled as it goes, so that an interrupted run too knows what it did.
    :raises KeyboardInterrupt: after Ansible was stopped.
    """
    told = Summary() if summary is None else summary
    events, log = _append(files.events), _append(files.log)
    start = files.events.stat().st_size
    try:
        process = _start(replace(run, events_fd=events), log, (events, *keep_open))
        with files.events.open(encoding="utf-8") as stream:
            stream.seek(start)
            try:
                for event in _follow(process, stream):
                    told.add(event)
                    on_event(event)
            except BaseException:
                stop(process)
                raise
    finally:
        os.close(events)
        os.close(log)
    text = files.log.read_text(encoding="utf-8", errors="replace")
    return Outcome(process.returncode, told, _complaint(text), (*told.deprecations, *_deprecations(text)))


def _start(run: command.Playbook, log: int, inherited: Sequence[int]) -> subprocess.Popen[Any]:
    """Start Ansible, which ends when this process does; what it prints goes to ``log``."""
    return subprocess.Popen(
        [sys.executable, "-S", "-E", str(LAUNCHER), str(os.getpid()), *command.arguments(run)],
        env=command.environment(run, os.environ),
        cwd=run.work,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=inherited,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[Any]) -> None:
    """Stop Ansible: it hands SIGINT and SIGTERM on to its workers; what is left after that is killed, workers too."""
    for number, seconds in PATIENCE:
        workers = descendants(process.pid)
        with suppress(ProcessLookupError):
            process.send_signal(number)
        if number == signal.SIGKILL:
            for worker in workers:
                with suppress(ProcessLookupError):
                    os.kill(worker, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def descendants(pid: int) -> list[int]:
    """Return the processes that stem from ``pid``, itself not included: workers lead process groups of their own."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            # The command's name stands in parentheses and may hold anything, so what follows the last one counts.
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        new = children.get(waiting.pop(), [])
        found += new
        waiting += new
    return found


def _append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _follow(process: subprocess.Popen[Any], stream: IO[str]) -> Iterator[dict[str, Any]]:
    """Yield events as they are written, and ticks between, until Ansible has ended and all is read."""
    rest = ""
    while True:
        ended = process.poll() is not None  # asked before reading: what it wrote until then is read below
        rest += stream.read()
        *lines, rest = rest.split("\n")
        for line in lines:
            yield json.loads(line)
        if ended:
            return
        yield {"event": "tick"}
        time.sleep(POLL_SECONDS)


def _complaint(log: str) -> str:
    """Return the last error that Ansible printed, without its marks; without one, the last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("[ERROR]: ").removeprefix("ERROR! ") for line in lines if line.startswith(_ERRORS)]
    return (errors or lines or [""])[-1]


def _deprecations(log: str) -> list[str]:
    mark = "[DEPRECATION WARNING]: "
    return [line.removeprefix(mark) for line in log.splitlines() if line.startswith(mark)]
