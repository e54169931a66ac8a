"""`collab-stack schema`: the JSON Schema that editors complete and check with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import emit_json

if TYPE_CHECKING:
    from collab_stack.cli.options import Common


@click.command(epilog="Example: collab-stack schema > site.schema.json")
@click.option(
    "--file", "file", type=click.Choice(["site", "hosts"]), default="site", help="Of site.yml, or of hosts.yml."
)
@common_options
def command(common: Common, file: str) -> None:
    """Print the JSON Schema of site.yml."""
    from collab_stack.site import schema

    found = schema.hosts() if file == "hosts" else schema.site()
    if common.json:
        emit_json({"ok": True, "schema": found})
        return
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
