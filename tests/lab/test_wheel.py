"""The wheel carries all that the program needs, and nothing that is only for its tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.program import Program, names


def test_the_wheel_has_the_content_and_no_stand_in(wheel: Path) -> None:
    found = names(wheel)
    for wanted in ("roles/nextcloud/tasks/main.yml", "inventories/single/site.yml"):
        assert f"collab_stack/_content/{wanted}" in found
    assert "collab_stack/ansible/playbooks/site.yml" in found
    foreign = [name for name in found if not name.startswith(("collab_stack/", "collab_stack-"))]
    assert foreign == []
    assert [name for name in found if "standin" in name or "/tests/" in name or name.endswith(".pyc")] == []


@pytest.mark.parametrize("words", [("version",), ("--help",), ("deploy", "--help")])
def test_the_installed_program_runs_outside_of_the_checkout(program: Program, words: tuple[str, ...]) -> None:
    done = program.run(*words)
    assert done.code == 0, done.stderr
    assert done.stdout
