"""How a run on the hosts is shown while it goes on: live on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

from collab_stack.cli.output import console, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from rich.progress import TaskID

BEAT_SECONDS: Final = 25.0
"""A pipe gets a line at least every 30 s while work goes on (docs/cli.md)."""

PHASES: Final = {
    "preflight": "Looking at the hosts before anything is touched",
    "converge": "Making the hosts what the site says",
    "plan": "Asking the hosts what would change",
    "probe": "Probing what people use",
}


def progress(*, stream_is_terminal: bool | None = None) -> Watch:
    """Return the right display for this process's standard error."""
    terminal = sys.stderr.isatty() if stream_is_terminal is None else stream_is_terminal
    return LiveWatch() if terminal else LineWatch()


class Watch:
    """Counts the roles of each host; its children draw.

    Used as a context manager around the work; :meth:`phase`, :meth:`roles` and :meth:`event` are what
    :class:`collab_stack.operations.deploy.Watcher` asks for.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._phase = ""
        self._roles: dict[str, tuple[str, ...]] = {}
        self._seen: dict[str, list[str]] = {}
        self._tasks: dict[str, str] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def phase(self, name: str) -> None:
        """Show that a phase begins."""
        self._phase = PHASES.get(name, name)
        self._draw_phase()

    def roles(self, roles: Mapping[str, Sequence[str]]) -> None:
        """Take note of which roles will run on each host."""
        self._roles = {host: tuple(names) for host, names in roles.items()}

    def event(self, event: Mapping[str, Any]) -> None:
        """Show what Ansible tells."""
        if event["event"] != "start" or not event["role"]:
            return
        host, role, task = event["host"], event["role"], event["task"]
        seen = self._seen.setdefault(host, [])
        self._tasks[host] = task
        # A role that another one includes (container_service) is part of that one's work.
        if role not in seen and role in self._roles.get(host, ()):
            seen.append(role)
            self._draw_role(host, role)
        self._draw_task(host, task)

    def _done(self, host: str) -> str:
        return f"{len(self._seen.get(host, []))}/{len(self._roles.get(host, ()))}"

    def _elapsed(self) -> str:
        seconds = int(time.monotonic() - self._began)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _draw_phase(self) -> None:
        raise NotImplementedError

    def _draw_role(self, host: str, role: str) -> None:
        raise NotImplementedError

    def _draw_task(self, host: str, task: str) -> None:
        raise NotImplementedError


class LineWatch(Watch):
    """Plain lines: one for each role of each host, and a sign of life when nothing else is said.

    :param write: gets one line at a time; standard error when not given.
    """

    def __init__(self, write: Callable[[str], None] = say, beat: float = BEAT_SECONDS) -> None:
        super().__init__()
        self._write = write
        self._beat = beat
        self._last = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _line(self, text: str) -> None:
        with self._lock:
            self._last = time.monotonic()
            self._write(f"[{self._elapsed()}] {text}")

    def _live(self) -> None:
        while not self._ended.wait(min(1.0, self._beat / 5)):
            if time.monotonic() - self._last >= self._beat:
                now = "; ".join(f"{host}: {task}" for host, task in self._tasks.items())
                self._line(f"… {now or self._phase}")

    def _draw_phase(self) -> None:
        self._tasks.clear()
        self._line(self._phase)

    def _draw_role(self, host: str, role: str) -> None:
        self._line(f"{host} {self._done(host)} {role}")

    def _draw_task(self, host: str, task: str) -> None:
        """A task is no line of its own: a deploy has a hundred."""


class LiveWatch(Watch):
    """A line for each host that is drawn again and again: host, role, task, done of total, time."""

    def __init__(self) -> None:
        super().__init__()
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}"),
            console=console(stderr=True),
            transient=True,
        )
        self._rows: dict[str, TaskID] = {}
        self._whole: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def _draw_phase(self) -> None:
        for host, row in self._rows.items():
            self._progress.update(row, completed=len(self._roles[host]), doing="")
        if self._whole is not None:
            self._progress.remove_task(self._whole)
        self._whole = self._progress.add_task(self._phase, total=None, doing="")

    def roles(self, roles: Mapping[str, Sequence[str]]) -> None:
        """Draw a line for each host."""
        super().roles(roles)
        self._rows = {host: self._progress.add_task(host, total=len(names), doing="") for host, names in roles.items()}

    def _draw_role(self, host: str, role: str) -> None:
        if host in self._rows:
            self._progress.update(self._rows[host], completed=len(self._seen[host]) - 1, description=f"{host} {role}")

    def _draw_task(self, host: str, task: str) -> None:
        if host in self._rows:
            self._progress.update(self._rows[host], doing=task)
