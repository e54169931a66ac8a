"""What the end-to-end tests share: one lab, one installed program, one site, deployed once in a session.

COLLAB_LAB names a running lab to use, which stays; COLLAB_LAB_SITE a site in it, made when it is not there, which
stays too; COLLAB_PROGRAM a command to use in place of one installed from a fresh wheel.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collab_stack.lab import Lab, Progress
from collab_stack.lab.applications import Choice
from tests.lab.machine import is_root
from tests.lab.program import Program, build_wheel, install, short_folder
from tests.lab.sampler import Sampler
from tests.lab.stack import Stack, prepare

OWN = "test"
"""Name of the session's own lab."""


def progress() -> Progress:
    """Return progress that pytest shows for a failed test."""
    return Progress(lambda line: print(line, file=sys.stderr))  # noqa: T201 - pytest captures it


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A running lab with one host."""
    name = os.environ.get("COLLAB_LAB")
    made = Lab(name or OWN, progress())
    if name is None:
        made.down(keep_cache=True)  # what a session left that was cut off
    choice: Choice = "upstream" if os.environ.get("COLLAB_LAB_IMAGES") == "upstream" else "auto"
    made.up(choice=choice)
    yield made
    if name is None:
        made.down(keep_cache=True)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Program]:
    """collab-stack from the wheel, installed alone into an empty virtual environment."""
    given, site = os.environ.get("COLLAB_PROGRAM"), os.environ.get("COLLAB_LAB_SITE")
    folder = short_folder()
    executable = Path(given) if given else install(request.getfixturevalue("wheel"), folder / "venv")
    home = Path(site).absolute().with_name("home") if site else tmp_path_factory.mktemp("home")
    yield Program(executable, home, folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def site(lab: Lab, program: Program, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A site that is ready to be deployed, and may be deployed already."""
    assert is_root(), "these tests look into the lab's hosts from outside and need root on this machine: sudo make test"
    given = os.environ.get("COLLAB_LAB_SITE")
    return prepare(lab, program, Path(given).absolute() if given else tmp_path_factory.mktemp("site") / "site")


@pytest.fixture(scope="session")
def sampler(site: Stack) -> Iterator[Sampler]:
    """What looks at every command line of this machine and of the lab's, for the secrets of the site."""
    with Sampler(site.needles()) as made:
        yield made


@pytest.fixture(scope="session")
def stack(site: Stack, sampler: Sampler) -> Stack:
    """The deployed site, in which everything works."""
    done = site.journal()
    # A lab that is used again may carry what an older checkout deployed.
    if "COLLAB_LAB" in os.environ or not (done and done[-1]["verb"] == "deploy" and done[-1]["ok"]):
        site.deploy()
    return site
