"""A site, and the program run as an operator runs it."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from collab_stack.cli.main import run
from tests.unit.site.sites import SiteDir, issue, make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the operator's own settings out, and what a test writes in."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "COLLAB_SITE", "COLLAB_VAULT_PASSWORD_FILE", "VISUAL", "EDITOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    with tempfile.TemporaryDirectory(prefix="ct-") as runtime:  # short: ssh puts sockets of 108 characters below it
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> SiteDir:
    """Make the site that tests copy."""
    return make(tmp_path_factory.mktemp("template"), issue([]))


@pytest.fixture
def site(template: SiteDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteDir:
    """Return a valid site of the test's own, to which the program's environment points."""
    shutil.copytree(template.path, tmp_path / "my-site")
    monkeypatch.setenv("COLLAB_SITE", str(tmp_path / "my-site"))
    monkeypatch.setenv("COLLAB_VAULT_PASSWORD_FILE", str(template.password_file))
    return SiteDir(tmp_path / "my-site", template.password_file)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Return the program as a function of its words."""

    def call(*words: str) -> Result:
        capfd.readouterr()
        code = run(list(words))
        captured = capfd.readouterr()
        return Result(code, captured.out, captured.err)

    return call
