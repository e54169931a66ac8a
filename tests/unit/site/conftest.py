"""Sites on disk: made once, copied for each test."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.unit.site.sites import Issued, SiteDir, issue, make

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def authority() -> Issued:
    """Return the agency's own CA."""
    return issue([])


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, authority: Issued) -> SiteDir:
    """Make the site that tests copy."""
    return make(tmp_path_factory.mktemp("template"), authority)


@pytest.fixture
def site(template: SiteDir, tmp_path: Path) -> SiteDir:
    """Return a valid site of the test's own."""
    shutil.copytree(template.path, tmp_path / "site")
    return SiteDir(tmp_path / "site", template.password_file)
