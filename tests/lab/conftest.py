"""A lab for the session: the one that COLLAB_LAB names (and that stays), else one of our own (which goes)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from collab_stack.lab import Lab, Progress
from collab_stack.lab.applications import Choice

OWN = "test"
"""Name of the session's own lab."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here: it needs Docker."""
    for item in items:
        item.add_marker(pytest.mark.lab)


def progress() -> Progress:
    """Return progress that pytest shows for a failed test."""
    return Progress(lambda line: print(line, file=sys.stderr))  # noqa: T201 - pytest captures it


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A running lab with one host."""
    name = os.environ.get("COLLAB_LAB")
    made = Lab(name or OWN, progress())
    choice: Choice = "upstream" if os.environ.get("COLLAB_LAB_IMAGES") == "upstream" else "auto"
    made.up(choice=choice)
    yield made
    if name is None:
        made.down(keep_cache=True)
