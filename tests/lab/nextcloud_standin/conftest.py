"""One bench for all tests of the Nextcloud stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.nextcloud_standin.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The services, without a Nextcloud."""
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.close()
