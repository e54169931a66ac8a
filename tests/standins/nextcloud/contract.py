"""What the Nextcloud stand-in accepts, computed from the collected contract.

The image carries the result as files, because its build context ends at its own folder. Run this file after the
contract data changed; ``tests/contract/test_nextcloud_standin.py`` fails while the files differ from what it computes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "contract" / "data"
#: runtimes of the image whose own variables are accepted, as runtime-env.json names them
RUNTIMES = ("any", "libpq (PHP pgsql, JDBC does not read them)", "php")


def load(name: str) -> dict[str, Any]:
    """Return one file of the contract data."""
    content: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return content


def environment() -> dict[str, Any]:
    """Return the variables that the server image or its runtimes read."""
    variables: set[str] = set()
    for entry in load("nextcloud-env.json")["server_image"]:
        if entry["group"] == "server_core":
            continue
        variables.add(entry["name"])
        if entry["file_variant"]:
            variables.add(entry["file_variant"])
    runtime = load("runtime-env.json")
    for family in RUNTIMES:
        variables.update(runtime[family])
    return {"variables": sorted(variables), "occ": ["NC_PASS", "OC_PASS"]}


def system_settings() -> dict[str, str]:
    """Return the keys of config.php with their documented type ("other" where none is documented)."""
    keys = {name: entry.get("type", "other") for name, entry in load("nextcloud-config.json")["keys"].items()}
    keys |= {name: entry["type"] for name, entry in load("nextcloud-supplement.json")["system"].items()}
    return dict(sorted(keys.items()))


def commands() -> dict[str, Any]:
    """Return the occ commands with their arguments, options and shortcuts."""
    supplement = load("nextcloud-supplement.json")
    known = {name: dict(entry) for name, entry in load("nextcloud-occ.json")["commands"].items()}
    for name, entry in supplement["occ"].items():
        known[name]["options"] = {**known[name]["options"], **entry["options"]}
    for name, shortcuts in supplement["shortcuts"].items():
        known[name]["shortcuts"] = shortcuts
    return dict(sorted(known.items()))


#: file below the stand-in's folder, and what it has to hold
FILES = {
    "image/lib/environment.json": environment,
    "server/core/system-settings.json": system_settings,
    "server/core/commands.json": commands,
}


def text(name: str) -> str:
    """Return what one of :data:`FILES` has to hold."""
    return json.dumps(FILES[name](), indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write every file."""
    for name in FILES:
        (HERE / name).write_text(text(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
