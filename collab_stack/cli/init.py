"""`collab-stack init`: make a new site directory."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import emit_json, say

if TYPE_CHECKING:
    from collab_stack.cli.options import Common
    from collab_stack.operations.init import Made


@click.command(epilog="Example: collab-stack init my-site --domain agency.example")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--domain", required=True, metavar="D", help="The stack's domain; people open id.D and files.D.")
@click.option(
    "--from", "source", default="single", metavar="EXAMPLE", help="A shipped example, or a directory like one."
)
@common_options
def command(common: Common, directory: Path, domain: str, source: str) -> None:
    """Make the new site directory DIR from an example, with its secrets and its internal CA."""
    from collab_stack.operations import init

    made = init.init(directory, domain, source, common.vault_password_file)
    steps = _steps(made, directory)
    if common.json:
        emit_json(
            {
                "ok": True,
                "directory": str(made.directory),
                "vault_password_file": str(made.vault_password),
                "wanted_secrets": list(made.wanted),
                "next": steps,
            }
        )
        return
    say(f"Made the site {directory}.")
    if made.created_password:
        say(f"Its vault password is in {made.vault_password}: keep a copy elsewhere, and out of version control.")
    say("Next:")
    for step in steps:
        say(f"  {step}")


def _steps(made: Made, directory: Path) -> list[str]:
    place = shlex.quote(str(directory))
    supplied = [f"collab-stack secrets set {name} --site {place}" for name in made.wanted]
    return [f"edit {place}/site.yml and {place}/hosts.yml", *supplied, f"collab-stack check --site {place}"]
