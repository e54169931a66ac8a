"""`collab-stack lab`: a data centre in containers, to rehearse in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from collab_stack.cli.options import common_options
from collab_stack.cli.output import console, emit_json, say

if TYPE_CHECKING:
    from collab_stack.cli.options import Common
    from collab_stack.lab.applications import Choice

NAME = click.option(
    "--name", default="lab", envvar="COLLAB_LAB", show_default=True, help="Which lab, when several run."
)


@click.group(epilog="Example: collab-stack lab up --hosts 1")
def command() -> None:
    """Run a data centre in containers: hosts, and around them what an agency has."""


@command.command(epilog="Example: collab-stack lab up --hosts 1")
@NAME
@click.option("--hosts", type=click.IntRange(1, 100), default=None, help="How many hosts (default: 1, or as it was).")
@click.option(
    "--images",
    type=click.Choice(["auto", "standins", "upstream"]),
    default="auto",
    envvar="COLLAB_LAB_IMAGES",
    show_default=True,
    help="Applications' images: upstream's, built here, or upstream's where the registries answer.",
)
@click.option("--packages", is_flag=True, help="Hosts that have all packages already: quicker to deploy to.")
@click.option("--start-engine", is_flag=True, help="Install and start Docker Engine when none answers.")
@common_options
def up(common: Common, name: str, hosts: int | None, images: Choice, packages: bool, start_engine: bool) -> None:
    """Make the lab, or mend it. What is as it should be is left alone.

    With --site, its resolver knows that site's public names, and `lab status` names a file with its CA, too.
    """
    from collab_stack.operations import lab

    given = click.get_current_context().get_parameter_source("site") is ParameterSource.COMMANDLINE
    result = lab.up(
        name,
        say,
        hosts=hosts,
        choice=images,
        site=common.site if given else None,
        packages=packages,
        start_engine=start_engine,
    )
    _present(common, result)


@command.command(epilog="Example: collab-stack lab down --keep-cache")
@NAME
@click.option("--all", "everything", is_flag=True, help="Every lab of this user.")
@click.option("--keep-cache", is_flag=True, help="Keep images, downloaded packages and pushed images.")
@common_options
def down(common: Common, name: str, everything: bool, keep_cache: bool) -> None:
    """Remove every trace of the lab: containers, networks, volumes, rules, keys."""
    from collab_stack.operations import lab

    names = lab.down(None if everything else name, say, keep_cache=keep_cache)
    if common.json:
        emit_json({"ok": True, "removed": names})
    else:
        click.echo(f"Removed: {', '.join(names)}" if names else "There was no lab.")


@command.command(epilog="Example: collab-stack lab status --json")
@NAME
@common_options
def status(common: Common, name: str) -> int:
    """Show hosts, addresses, people, and what is upstream's own software."""
    from collab_stack.operations import lab

    result = lab.status(name)
    _present(common, result)
    return 0 if result["ok"] else 4


@command.command(
    epilog="Example: collab-stack lab shell host1 -- systemctl status",
    context_settings={"ignore_unknown_options": True},
)
@NAME
@click.argument("host")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND]...")
def shell(name: str, host: str, words: tuple[str, ...]) -> None:
    """Open a shell on a machine of the lab, as its operator; or run a command there."""
    from collab_stack.operations import lab

    lab.replace_process(lab.shell(name, host, words))


@command.command(epilog="Example: collab-stack lab site /tmp/example && collab-stack init demo --from /tmp/example")
@NAME
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@common_options
def site(common: Common, name: str, directory: Path) -> None:
    """Write the example site of the lab's agency, for `init --from`."""
    from collab_stack.operations import lab

    result = lab.write_site(name, directory)
    if common.json:
        emit_json(result)
        return
    click.echo(f"Written: {result['directory']}")
    for secret_name in result["secrets"]:
        say(f"then: collab-stack lab secret {secret_name} | collab-stack secrets set {secret_name} --site DIR")


@command.command(epilog="Example: collab-stack lab secret directory_bind_password | collab-stack secrets set …")
@NAME
@click.argument("secret_name", metavar="NAME")
def secret(name: str, secret_name: str) -> None:
    """Print a secret that the lab's agency gives to the operator."""
    from collab_stack.operations import lab

    click.echo(lab.secret(name, secret_name))


def _present(common: Common, result: dict[str, Any]) -> None:
    if common.json:
        emit_json(result)
        return
    from rich.table import Table

    table = Table(box=None, show_header=False)
    for host in result["hosts"]:
        table.add_row(host["name"], host["address"], result["containers"][host["name"]])
    for service, url in result["urls"].items():
        table.add_row(service, url, "after a deploy")
    for user in result["users"]:
        table.add_row(user["name"], user["password"], ", ".join(user["groups"]) or "in no group")
    for label, value in (
        ("authority", result["ca"]),
        ("ssh key", result["operator"]["ssh_key"]),
        ("real", ", ".join(result["real"])),
        ("stand-ins", ", ".join(result["standins"]) or "none"),
    ):
        table.add_row(label, value, "")
    console().print(table)
    stopped = [short for short, how in result["containers"].items() if how != "running"]
    if stopped:
        say(f"Stopped: {', '.join(stopped)}. Mend: collab-stack lab up --name {result['name']}")
