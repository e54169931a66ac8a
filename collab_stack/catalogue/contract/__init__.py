"""What upstream's software knows: the names that an `extra` of site.yml may use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment variables that an image reads.

    :param names: all that are known by their full name.
    :param prefixes: what begins with one of these ends with a name that the operator chooses.
    :param secret: those whose value is a secret.
    """

    names: tuple[str, ...]
    prefixes: tuple[str, ...]
    secret: frozenset[str]

    def knows(self, name: str) -> bool:
        """Say whether the image reads a variable."""
        return name in self.names or any(name.startswith(prefix) and name != prefix for prefix in self.prefixes)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The settings of a server that Debian ships.

    :param names: what its configuration file may hold and an agency may set.
    :param prefixes: what begins with one of these belongs to an extension.
    :param decided: what the stack decides itself: another value would break what the plan has derived.
    :param secret: what holds a secret, or a command that prints one.
    """

    names: tuple[str, ...]
    prefixes: tuple[str, ...]
    decided: frozenset[str]
    secret: frozenset[str]

    def knows(self, name: str) -> bool:
        """Say whether an agency may set it."""
        return name in self.names or any(name.startswith(prefix) for prefix in self.prefixes)


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """The system settings of Nextcloud.

    :param types: name -> string, boolean, integer or array; None when the type is not known.
    :param secret: those whose value is a secret.
    """

    types: Mapping[str, str | None]
    secret: frozenset[str]


@cache
def environment(component: str) -> Environment:
    """Return what the image of ``keycloak`` or ``nextcloud`` reads."""
    raw = _read(f"{component}-environment.json")
    return Environment(tuple(raw["names"]), tuple(raw["prefixes"]), frozenset(raw["secret"]))


@cache
def server_settings(component: str) -> ServerSettings:
    """Return what ``postgresql`` or ``valkey`` may be told."""
    raw = _read(f"{component}-settings.json")
    return ServerSettings(
        tuple(raw["names"]), tuple(raw["prefixes"]), frozenset(raw["decided"]), frozenset(raw["secret"])
    )


@cache
def nextcloud_settings() -> SystemSettings:
    """Return the system settings that Nextcloud knows."""
    raw = _read("nextcloud-settings.json")
    return SystemSettings(raw["types"], frozenset(raw["secret"]))


def _read(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((_FOLDER / name).read_text(encoding="utf-8"))
    return raw
