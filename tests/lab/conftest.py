"""In which order the tests of a lab run: one lab and one deployed site serve them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import progress

__all__ = ["ORDER", "progress"]

ORDER = (
    # The program itself, before anything is done with it.
    "lab/test_wheel.py",
    # On fresh volumes: the first deploy, killed again and again. What it leaves is the stack of all that follow.
    "lab/test_kills.py",
    # Nothing was touched since: a deploy has nothing to do.
    "lab/test_unchanged.py",
    # Leaves the host as it found it: a deploy at -vvv that changes nothing, and a look at everything that was written.
    "lab/test_secrets.py",
    # The same site from another machine, and again nothing to do.
    "lab/test_ops.py",
    # Another certificate for the public names, and back again.
    "lab/test_certificate.py",
    # What people see, of the stack as it was deployed. It makes accounts.
    "browser/test_login.py",
    # Alter things by hand, each test mending all of it.
    "lab/test_drift.py",
    "lab/test_probes.py",
    # After drift and broken services were mended: a restart needs no command.
    "lab/test_restart.py",
    # Keycloak alone, in containers of its own.
    "lab/test_sso.py",
    # In a lab of their own.
    "lab/alone/test_lab.py",
    "lab/alone/test_lab_life.py",
    "lab/alone/test_firewall.py",
    "lab/alone/test_foundation.py",
)
"""What is not listed has no use for the site and comes first: it may be run by anybody at any time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything that needs Docker, and put files in order; within a file the order stays."""
    here = Path(__file__).parent.parent
    for item in items:
        if {here / "lab", here / "browser"} & set(item.path.parents):
            item.add_marker(pytest.mark.lab)
    names = {item: item.path.relative_to(here).as_posix() for item in items}
    items.sort(key=lambda item: ORDER.index(names[item]) if names[item] in ORDER else -1)
