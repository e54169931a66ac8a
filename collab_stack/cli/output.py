"""How results and prose reach people and programs: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console


def emit_json(result: Mapping[str, Any]) -> None:
    """Print the verb's one JSON object on stdout."""
    click.echo(json.dumps(result, ensure_ascii=False, default=str))


def say(text: str) -> None:
    """Print a line of prose on stderr."""
    click.echo(text, err=True)


def console(*, stderr: bool = False) -> Console:
    """Return a rich console (imported only when something is drawn).

    A pipe has no width of its own: tables are then laid out for 160 columns, so that no cell is cut.
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else 160)
