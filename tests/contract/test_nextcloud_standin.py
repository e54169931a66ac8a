"""The Nextcloud stand-in accepts what the contract lists, and nothing more.

A stand-in that took one name too many would let a role's misspelling pass.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.standins.nextcloud import contract

STANDIN = contract.HERE
SERVER = STANDIN / "server"
OIDC = STANDIN / "apps" / "user_oidc"


def sources(*folders: Path) -> str:
    """Return all PHP below some folders as one text."""
    return "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.php")))


def found(pattern: str, text: str) -> set[str]:
    """Return what a pattern's one group matches; a pattern that finds nothing would prove nothing."""
    names = set(re.findall(pattern, text))
    assert names, pattern
    return names


@pytest.mark.parametrize("name", contract.FILES)
def test_the_lists_in_the_image_are_the_contract(name: str) -> None:
    stored = (STANDIN / name).read_text(encoding="utf-8")
    assert stored == contract.text(name), "run: python tests/standins/nextcloud/contract.py"


def test_every_command_that_is_played_is_upstream_s() -> None:
    played = found(
        r"'([a-z_-]+(?::[a-z_-]+)*)' => (?:Commands|\(new Commands)", sources(SERVER / "lib" / "Console", OIDC)
    )
    assert played - contract.commands().keys() == set()
    assert {"maintenance:install", "config:import", "user_oidc:provider", "upgrade"} <= played


def test_every_option_that_is_read_is_upstream_s() -> None:
    read = found(
        r"\$input->(?:option|options|flag)\('([a-z_-]+)'",
        sources(SERVER / "lib" / "Console" / "Commands", OIDC / "lib"),
    )
    known = {option for command in contract.commands().values() for option in command["options"]}
    assert {f"--{option}" for option in read} - known == set()


def test_the_provider_s_options_are_exactly_upstream_s() -> None:
    table = re.search(r"const SETTINGS = \[(.*?)\];", sources(OIDC / "lib"), re.DOTALL)
    assert table is not None
    played = found(r"'([a-z_-]+)' => '", table[1])
    others = {"clientid", "clientsecret", "clientsecret-file", "clientsecret-env", "discoveryuri"}
    others |= {"endsessionendpointuri", "postlogouturi", "scope", "output"}
    assert {f"--{option}" for option in played | others} == set(contract.commands()["user_oidc:provider"]["options"])


def test_every_system_setting_that_is_read_is_upstream_s() -> None:
    text = sources(SERVER / "lib", OIDC / "lib", STANDIN / "image" / "config")
    read = found(r"(?:config\(\)|[cC]onfig)->(?:get|text|flag|list)\('([a-zA-Z_.-]+)'", text)
    assert read - contract.system_settings().keys() == set()


def test_every_variable_that_is_read_is_upstream_s() -> None:
    snippets = sources(STANDIN / "image" / "config")
    read = found(r"getenv\('([A-Z0-9_]+)'\)", snippets) | found(r"'([A-Z_]+)' => 'overwrite", snippets)
    shell = (STANDIN / "image" / "entrypoint.sh").read_text(encoding="utf-8")
    read |= found(r"\$\{?((?:REDIS|NEXTCLOUD|POSTGRES|MYSQL)_[A-Z_]+)", shell)
    assert read - set(contract.environment()["variables"]) == set()


def test_the_snippets_are_upstream_s() -> None:
    """Eight snippets and the prefilled web installer: what the entrypoint copies into an empty config folder."""
    names = {path.name for path in (STANDIN / "image" / "config").iterdir()}
    snippets = {"apcu", "apps", "redis", "reverse-proxy", "s3", "smtp", "swift", "upgrade-disable-web"}
    assert names == {f"{name}.config.php" for name in snippets} | {"autoconfig.php"}


def test_no_file_of_the_stand_in_is_long() -> None:
    for path in [*STANDIN.rglob("*.php"), *STANDIN.rglob("*.sh"), *STANDIN.rglob("*.py")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path
