"""Which options of Keycloak are fixed by its build, and which it reads at each start."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("keycloak-build.json")

_PROVIDERS: Final = re.compile(r"KC_SPI_.+_(PROVIDER|PROVIDER_DEFAULT|ENABLED)")
"""Which providers there are is fixed by the build; how one of them behaves is not (keycloak.org, "Configuring
providers")."""


@cache
def _raw() -> dict[str, list[str]]:
    raw: dict[str, list[str]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return raw


def is_build_option(name: str) -> bool:
    """Say whether ``KC_…`` is fixed by ``kc.sh build``; ``kc.sh start --optimized`` refuses another value."""
    raw = _raw()
    return name in raw["names"] or name.startswith(tuple(raw["prefixes"])) or bool(_PROVIDERS.fullmatch(name))
