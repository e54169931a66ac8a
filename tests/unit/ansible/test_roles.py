"""What holds for every role: a README that is current, defaults that are declared, names of the role's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools import role_readme

ROLES = role_readme.roles()


def options(role: Path) -> dict[str, dict[str, Any]]:
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return {name: option for spec in specs.values() for name, option in spec.get("options", {}).items()}


def defaults(role: Path) -> dict[str, Any]:
    files = [role / "defaults" / "main.yml", *sorted((role / "defaults" / "main").glob("*.yml"))]
    found: dict[str, Any] = {}
    for path in files:
        found |= (yaml.safe_load(path.read_text()) or {}) if path.is_file() else {}
    return found


def names(role: Path) -> str:
    return role.name


def test_there_are_roles() -> None:
    present = {path.name for path in role_readme.ROLES.iterdir() if path.is_dir()}
    assert {role.name for role in ROLES} == present


@pytest.mark.parametrize("role", ROLES, ids=names)
def test_readme_is_current(role: Path) -> None:
    current = role_readme.readme(role) == (role / "README.md").read_text()
    assert current, "write it anew: python -m tests.tools.role_readme"


@pytest.mark.parametrize("role", ROLES, ids=names)
def test_every_variable_carries_the_role_in_its_name(role: Path) -> None:
    foreign = [name for name in {**options(role), **defaults(role)} if not name.startswith(f"{role.name}_")]
    assert not foreign


@pytest.mark.parametrize("role", ROLES, ids=names)
def test_defaults_and_specs_agree(role: Path) -> None:
    declared, given = options(role), defaults(role)
    assert not set(given) - set(declared), "a default that no spec declares"
    required = {name for name, option in declared.items() if option.get("required")}
    assert not required & set(given), "required, and yet has a default"
    for name, option in declared.items():
        templated = isinstance(given.get(name), str) and "{{" in given[name]
        if "default" in option and not templated:
            assert given.get(name, "missing") == option["default"], f"{name}: spec and defaults/main.yml differ"


@pytest.mark.parametrize("role", ROLES, ids=names)
def test_everything_is_described(role: Path) -> None:
    def undescribed(found: dict[str, dict[str, Any]], prefix: str = "") -> list[str]:
        lacking = [prefix + name for name, option in found.items() if not option.get("description")]
        for name, option in found.items():
            lacking += undescribed(option.get("options", {}), f"{prefix}{name}.")
        return lacking

    assert not undescribed(options(role))


@pytest.mark.parametrize("role", ROLES, ids=names)
def test_secrets_are_marked(role: Path) -> None:
    words = ("password", "secret_environment", "_key", "secret")
    harmless = {"access_key"}  # the name of an S3 key, not the key

    def unmarked(found: dict[str, dict[str, Any]]) -> list[str]:
        bare = [
            name
            for name, option in found.items()
            if name not in harmless
            and name.endswith(words)
            and option.get("type") in ("str", "dict")
            and not option.get("no_log")
        ]
        return bare + [deep for option in found.values() for deep in unmarked(option.get("options", {}))]

    assert not unmarked(options(role))


def test_a_stale_table_is_found(tmp_path: Path) -> None:
    role = tmp_path / "trial"
    (role / "meta").mkdir(parents=True)
    spec = {"trial_name": {"type": "str", "required": True, "description": "Say C(x) | y.", "choices": ["a", "b"]}}
    (role / "meta" / "argument_specs.yml").write_text(yaml.safe_dump({"argument_specs": {"main": {"options": spec}}}))
    (role / "README.md").write_text("# trial\n\n<!-- variables:begin -->\nold\n<!-- variables:end -->\nrest\n")
    assert role_readme.readme(role) == (
        "# trial\n\n<!-- variables:begin -->\n"
        "| Variable | Type | Default | Description |\n|---|---|---|---|\n"
        "| `trial_name` | str | **required** | Say `x` \\| y. One of `a`, `b`. |\n"
        "<!-- variables:end -->\nrest\n"
    )
    (role / "README.md").write_text("# trial\n")
    with pytest.raises(ValueError, match="needs one line"):
        role_readme.readme(role)
