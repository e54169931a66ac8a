"""The role `keycloak` sets only what Keycloak's version knows, and each option where it counts.

That the lists are those of the real distribution is shown by tests/lab/test_sso.py, which asks it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from collab_stack import catalogue, paths
from collab_stack.catalogue import contract
from collab_stack.catalogue.contract.keycloak import is_build_option

ROLE = paths.roles() / "keycloak"


def role_variables() -> dict[str, Any]:
    """Return the role's own variables, templates unrendered."""
    loaded: dict[str, Any] = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    return loaded


def names(text: str) -> set[str]:
    """Return the options that a text mentions."""
    return set(re.findall(r"\bKC_[A-Z0-9_]+\b", text))


def test_every_option_is_known() -> None:
    used = {name for path in ROLE.rglob("*.y*ml") for name in names(path.read_text(encoding="utf-8"))}
    used |= names((ROLE / "templates" / "build.j2").read_text(encoding="utf-8"))
    used |= names((paths.roles() / "sso" / "defaults" / "main.yml").read_text(encoding="utf-8"))
    known = contract.environment("keycloak")
    assert len(used) > 20
    assert [name for name in sorted(used) if not known.knows(name)] == []


def test_what_the_build_fixes_is_given_to_the_build_and_nothing_else() -> None:
    variables = role_variables()
    built = names(variables["keycloak_build_options"])
    assert {"KC_DB", "KC_HEALTH_ENABLED", "KC_METRICS_ENABLED", "KC_VAULT", "KC_FEATURES_DISABLED"} == built
    assert all(is_build_option(name) for name in built)
    assert [name for name in variables["keycloak_run_options"] if is_build_option(name)] == []


@pytest.mark.parametrize(
    ("name", "built"),
    [
        ("KC_FEATURES", True),
        ("KC_FEATURE_PASSKEYS", True),
        ("KC_SPI_EVENTS_LISTENER__JBOSS_LOGGING__ENABLED", True),
        ("KC_SPI_EVENTS_LISTENER__JBOSS_LOGGING__SUCCESS_LEVEL", False),
        ("KC_DB_POOL_MAX_SIZE", False),
        ("KC_LOG_LEVEL_ORG_KEYCLOAK", False),
    ],
)
def test_an_operators_option_goes_to_the_right_place(name: str, built: bool) -> None:
    assert contract.environment("keycloak").knows(name)
    assert is_build_option(name) is built


def test_no_secret_is_in_the_environment() -> None:
    used = names((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    assert used & contract.environment("keycloak").secret == set()


def test_the_lists_are_of_the_catalogues_version() -> None:
    version = catalogue.load().components["keycloak"].version
    folder = Path(contract.__file__).parent
    for name in ("keycloak-environment.json", "keycloak-build.json"):
        assert f"Keycloak {version}" in (folder / name).read_text(encoding="utf-8")
