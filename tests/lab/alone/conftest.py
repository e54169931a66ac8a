"""A lab of their own for tests of the lab and of what every host has: the deployed site's host stays as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from collab_stack.lab import Lab
from collab_stack.lab.applications import Choice
from tests.conftest import progress

OWN = "alone"


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A running lab with one host that nothing was deployed to."""
    made = Lab(OWN, progress())
    made.down(keep_cache=True)  # what a session left that was cut off
    choice: Choice = "upstream" if os.environ.get("COLLAB_LAB_IMAGES") == "upstream" else "auto"
    made.up(choice=choice)
    yield made
    made.down(keep_cache=True)
