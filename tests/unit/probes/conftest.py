"""The world that probes look at in unit tests: real servers on loopback, with certificates of a CA made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.probes.authority import Authority
from tests.unit.probes.world import FILES, ID, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Return the CA of the agency."""
    return Authority()


@pytest.fixture
def world(authority: Authority, tmp_path: Path) -> Iterator[World]:
    """Yield a world in which everything works."""
    made = World(authority, authority.leaf(tmp_path / "leaf.pem", (ID, FILES)))
    yield made
    made.close()
