"""Writes the variables' table of every role's README from the role's argument specs.

``python -m tests.tools.role_readme`` writes the tables anew; ``--check`` only says which are not current.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
BEGIN = "<!-- variables:begin -->"
END = "<!-- variables:end -->"


def table(options: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of a role's options; an option of a list or dictionary is named below it."""
    lines = ["| Variable | Type | Default | Description |", "|---|---|---|---|", *_rows(options, "")]
    return "\n".join(lines) + "\n"


def _rows(options: Mapping[str, Mapping[str, Any]], prefix: str) -> Iterator[str]:
    for name, option in options.items():
        kind = str(option.get("type", "str"))
        if option.get("elements"):
            kind += f" of {option['elements']}"
        cells = (f"`{prefix}{name}`", kind, _default(option, nested=bool(prefix)), _description(option))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        if "options" in option:
            joint = "[]." if option.get("type") == "list" else "."
            yield from _rows(option["options"], f"{prefix}{name}{joint}")


def _default(option: Mapping[str, Any], *, nested: bool) -> str:
    if option.get("required"):
        return "**required**"
    if "default" not in option:
        return "" if nested else "none"
    value = option["default"]
    return f"`{value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)}`"


def _description(option: Mapping[str, Any]) -> str:
    given = option.get("description", "")
    text = " ".join(given) if isinstance(given, list) else str(given)
    choices = option.get("choices")
    marked = _marked(" ".join(text.split()))
    secret = " Secret." if option.get("no_log") else ""
    return marked + (f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else "") + secret


def _marked(text: str) -> str:
    """Turn Ansible's C(...) into Markdown's backticks."""
    done = ""
    while "C(" in text:
        before, _, rest = text.partition("C(")
        inner, _, text = rest.partition(")")
        done += f"{before}`{inner}`"
    return done + text


def readme(role: Path) -> str:
    """Return what a role's README has to hold.

    :raises ValueError: when it has no place for the table.
    """
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    text = (role / "README.md").read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{role.name}/README.md needs one line {BEGIN} and one line {END}")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    tables = [table(spec.get("options", {})) if spec.get("options") else "None.\n" for spec in specs.values()]
    return f"{before}{BEGIN}\n" + "\n".join(tables) + f"{END}{after}"


def roles() -> list[Path]:
    """Return the folders of all roles."""
    return sorted(path.parent.parent for path in ROLES.glob("*/meta/argument_specs.yml"))


def main(arguments: list[str]) -> int:
    """Run the program."""
    stale = [role for role in roles() if readme(role) != (role / "README.md").read_text(encoding="utf-8")]
    for role in stale:
        if "--check" in arguments:
            sys.stdout.write(f"roles/{role.name}/README.md is not current: python -m tests.tools.role_readme\n")
        else:
            (role / "README.md").write_text(readme(role), encoding="utf-8")
            sys.stdout.write(f"roles/{role.name}/README.md written\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
