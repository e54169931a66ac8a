"""Looks at every command line of this machine, those in the lab's containers among them, many times a second.

Run as a script it is the watcher itself, a process of its own so that nothing slows it: reads the needles as a JSON
list from standard input and writes what it finds and how often it looked to standard output, as JSON, when that is
closed or SIGTERM comes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

RATE = 25.0
"""Looks a second."""

YOUNG_SECONDS = 2.0
"""As long is a process looked at every time: it may still become another program. Older ones are seen once a second."""


@dataclass
class Watch:
    """What was seen so far.

    :param needles: texts to look for.
    :param landmarks: texts whose presence proves that the watch sees what it should.
    """

    needles: list[bytes]
    landmarks: list[bytes]
    looks: int = 0
    commands: int = 0
    found: dict[str, str] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    _first: dict[str, float] = field(default_factory=dict)
    _seen: dict[str, bytes] = field(default_factory=dict)

    def look(self, now: float, *, all_of_them: bool) -> None:
        """Look once at the processes that are young, or at all."""
        present = {name for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 - many times a second
        for name in self._first.keys() - present:
            del self._first[name]
            self._seen.pop(name, None)
        for name in present:
            born = self._first.setdefault(name, now)
            if all_of_them or now - born < YOUNG_SECONDS:
                with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as stream:  # noqa: PTH123 - as above
                    self._judge(name, stream.read())
        self.looks += 1

    def _judge(self, name: str, command: bytes) -> None:
        if self._seen.get(name) == command:
            return
        self._seen[name] = command
        self.commands += 1
        for needle in self.needles:
            if needle in command:
                self.found.setdefault(needle.decode(), command.replace(b"\0", b" ").decode(errors="replace"))
        self.passed |= {mark.decode() for mark in self.landmarks if mark in command}


def main() -> None:
    """Watch until told to end."""
    given = json.loads(sys.stdin.readline())
    watch = Watch([text.encode() for text in given["needles"]], [text.encode() for text in given["landmarks"]])
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    begin = previous = time.monotonic()
    whole, longest = 0.0, 0.0
    while not ended:
        now = time.monotonic()
        longest = max(longest, now - previous)
        watch.look(now, all_of_them=now - whole >= 1)
        whole = now if now - whole >= 1 else whole
        previous = now
        time.sleep(max(0.0, 1 / RATE - (time.monotonic() - now)))
    seconds = time.monotonic() - begin
    said = {"seconds": seconds, "looks": watch.looks, "longest_gap": longest, "commands": watch.commands}
    print(json.dumps({**said, "found": watch.found, "passed": sorted(watch.passed)}))  # noqa: T201 - its answer


class Sampler:
    """The watcher as the tests have it.

    :param needles: spelling -> name of the secret.
    """

    CANARY = "canary-6fV2pQ9xT4mK"
    """A made up secret, put on a command line on purpose: a watch that does not see it is blind."""

    LANDMARKS = ("ansible-playbook", "maintenance:install", "bootstrap-admin", "apt-get", "initdb", "kc.sh")

    def __init__(self, needles: dict[str, str]) -> None:
        self._needles = needles
        self._process: subprocess.Popen[str] | None = None
        self._report: dict[str, Any] = {}

    def __enter__(self) -> Sampler:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        given = {"needles": [*self._needles, self.CANARY], "landmarks": self.LANDMARKS}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self.report()

    def report(self) -> dict[str, Any]:
        """End the watch and return what it saw; asked again, the same."""
        if self._process is not None:
            self._process.terminate()
            out, _ = self._process.communicate(timeout=30)
            self._report, self._process = json.loads(out), None
        return self._report

    def names(self, found: Iterable[str]) -> set[str]:
        """Return the names of the secrets behind spellings."""
        return {self._needles.get(text, "canary") for text in found}


if __name__ == "__main__":
    main()
