"""The dependency rule: cli → operations → {probes, audit, runner, lab} → plan → {site, catalogue}; nothing upwards."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import collab_stack
from collab_stack import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(collab_stack.__file__).parent

LAYERS = {
    "__main__": 6,
    "cli": 5,
    "operations": 4,
    "probes": 3,
    "audit": 3,
    "runner": 3,
    "lab": 3,
    "plan": 2,
    "site": 1,
    "catalogue": 1,
    "paths": 0,
    "errors": 0,
    "": 0,
}
"""First name below the package -> height; "" is the package itself (its version)."""


def imported(file: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of every import of a file: deferred ones and those for types alone count too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def parts(directory: Path) -> Iterator[tuple[Path, int, str, str]]:
    """Yield (file, line, importing part, imported part) of all imports within the package."""
    for file in sorted(directory.rglob("*.py")):
        below = file.relative_to(directory)
        if below.parts[0] in ("ansible", "_content"):
            continue
        own = "" if below.parts == ("__init__.py",) else below.parts[0].removesuffix(".py")
        for line, module in imported(file):
            if module.startswith("collab_stack."):
                other = module.split(".")[1]
                if other in LAYERS:
                    yield file, line, own, other


def upward(directory: Path) -> list[str]:
    """Return every import that goes upwards, as file:line."""
    return [
        f"{file.relative_to(directory)}:{line}: {own} imports {other}"
        for file, line, own, other in parts(directory)
        if own != other and LAYERS[other] > LAYERS[own]
    ]


def test_every_part_has_its_place() -> None:
    there = {path.name.removesuffix(".py") for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert there - {"__init__", "__pycache__", "ansible", "_content", "py.typed"} <= set(LAYERS)


def test_nothing_imports_upwards() -> None:
    assert upward(ROOT) == []


def test_neighbours_do_not_import_each_other_in_a_circle() -> None:
    pairs = {(own, other) for _, _, own, other in parts(ROOT) if own != other and LAYERS[own] == LAYERS[other]}
    assert not {pair for pair in pairs if pair[::-1] in pairs}


@pytest.mark.parametrize("statement", ["from collab_stack.cli import main", "import collab_stack.operations.deploy"])
def test_an_upward_import_is_found(tmp_path: Path, statement: str) -> None:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "bad.py").write_text(f"def late() -> None:\n    {statement}\n")
    found = upward(tmp_path)
    assert len(set(found)) == 1
    assert found[0].startswith("plan/bad.py:2: plan imports ")


def test_roles_and_modules_never_import_the_package() -> None:
    files = [*paths.roles().rglob("*.py"), *paths.ansible_content().rglob("*.py")]
    assert files
    found = [
        f"{file}:{line}" for file in files for line, module in imported(file) if module.split(".")[0] == "collab_stack"
    ]
    assert found == []


def test_the_plan_does_no_input_or_output() -> None:
    doing = {"os", "socket", "subprocess", "requests", "time", "random", "tempfile", "shutil"}
    found = [
        f"{file.name}:{line}: {module}"
        for file in (ROOT / "plan").rglob("*.py")
        for line, module in imported(file)
        if module.split(".")[0] in doing or module == "pathlib.Path"  # a pure path touches nothing
    ]
    assert found == []


def test_the_plan_does_not_look_at_the_clock() -> None:
    found = [
        f"{file.name}:{node.lineno}"
        for file in (ROOT / "plan").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today")
    ]
    assert found == []
