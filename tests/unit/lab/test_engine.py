"""Without an engine, the lab says what to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from collab_stack.errors import ExitCode
from collab_stack.lab import LabError, engine


def test_a_missing_engine_is_named_with_its_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(LabError, match="no Docker Engine answers") as caught:
        engine.connect()
    assert caught.value.mend.startswith("collab-stack lab up --start-engine")
    assert caught.value.exit_code == ExitCode.PREFLIGHT_FAILED
