"""Steps say how long they took, and that they failed."""

from __future__ import annotations

import re
import threading

import pytest

from collab_stack.lab import Progress
from collab_stack.lab import progress as module


def test_a_step_says_its_duration() -> None:
    lines: list[str] = []
    with Progress(lines.append).step("build it"):
        assert lines == []
    assert len(lines) == 1
    assert re.fullmatch(r" +\d+\.\d s  build it", lines[0])


def test_a_failed_step_says_so() -> None:
    lines: list[str] = []
    with pytest.raises(ValueError, match="broken"), Progress(lines.append).step("build it"):
        raise ValueError("broken")
    assert len(lines) == 1
    assert "failed" in lines[0]


def test_a_long_step_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    said = threading.Event()
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        said.set()

    with Progress(say).step("build it"):
        assert said.wait(5)
        assert "…" in lines[0]
