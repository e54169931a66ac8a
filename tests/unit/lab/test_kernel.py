"""The kernel's limits are raised where they are too low for a lab."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collab_stack.lab import LabError, kernel
from collab_stack.lab.progress import Progress


@pytest.fixture
def limit(tmp_path: Path) -> Path:
    path = tmp_path / "max_user_instances"
    path.write_text("128\n")
    return path


def test_a_low_limit_is_raised_and_said_and_a_high_one_left(limit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    told: list[str] = []
    kernel.prepare(Progress(told.append), limit)
    assert limit.read_text() == "1024\n"
    assert "allow 1024 inotify instances" in "".join(told)
    limit.write_text("4096\n")
    kernel.prepare(Progress(told.append), limit)
    assert limit.read_text() == "4096\n"
    assert len(told) == 1


def test_who_may_not_raise_it_reads_how(limit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collab_stack.lab.engine.as_root", lambda: ("false",))
    with pytest.raises(LabError, match="is 128, and the lab's machines need 1024") as caught:
        kernel.prepare(Progress(lambda _line: None), limit)
    assert caught.value.mend == f"as root: echo 1024 > {limit}"


def test_a_kernel_without_the_limit_is_left_alone(tmp_path: Path) -> None:
    kernel.prepare(Progress(lambda _line: None), tmp_path / "none")
    assert not (tmp_path / "none").exists()
