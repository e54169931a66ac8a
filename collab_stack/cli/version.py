"""`collab-stack version`: the version, and with -v what the catalogue ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from collab_stack import __version__
from collab_stack.cli.options import common_options
from collab_stack.cli.output import console, emit_json

if TYPE_CHECKING:
    from collab_stack.cli.options import Common


@click.command(epilog="Example: collab-stack version -v")
@common_options
def command(common: Common) -> None:
    """Print the version; with -v also each component's version and how it was tested."""
    from collab_stack import catalogue

    if common.json:
        components = [
            {"name": c.name, "version": c.version, "image": c.image, "tested": c.tested}
            for c in catalogue.load().components.values()
        ]
        emit_json({"ok": True, "version": __version__, "components": components})
        return
    click.echo(f"collab-stack {__version__}")
    if common.verbosity:
        from rich.table import Table

        table = Table("component", "version", "tested", "licence", "image", box=None)
        for component in catalogue.load().components.values():
            table.add_row(
                component.name, component.version, component.tested, component.licence, component.image or "Debian"
            )
        console().print(table)
