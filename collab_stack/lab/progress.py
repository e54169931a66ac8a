"""Steps of a long piece of work: each says what it does, and how long it took."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEAT_SECONDS: Final = 25.0
"""A pipe gets a line at least every 30 s while work goes on (docs/cli.md)."""


class Progress:
    """Tells steps, which may run in several threads, to one sink of lines.

    :param say: called with one line of prose at a time.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}

    def line(self, text: str) -> None:
        """Say something at once."""
        with self._lock:
            self._say(text)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say a step's duration when it ended, and that it goes on while it lasts long."""
        begin = time.monotonic()
        self._running[text] = begin
        ended = threading.Event()
        beat = threading.Thread(target=self._beat, args=(text, begin, ended), daemon=True)
        beat.start()
        try:
            yield
        except BaseException:
            self.line(f"  failed after {time.monotonic() - begin:5.1f} s  {text}")
            raise
        finally:
            ended.set()
            self._running.pop(text, None)
        self.line(f"  {time.monotonic() - begin:6.1f} s  {text}")

    def _beat(self, text: str, begin: float, ended: threading.Event) -> None:
        while not ended.wait(BEAT_SECONDS):
            self.line(f"  … {time.monotonic() - begin:4.0f} s  {text}")
