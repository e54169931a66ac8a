"""`collab-stack secrets`: what secrets.yml holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import emit_json, say
from collab_stack.errors import CollabError, ExitCode

if TYPE_CHECKING:
    from collab_stack.cli.options import Common
    from collab_stack.site import SiteError


@click.group(epilog="Example: collab-stack secrets list --site my-site")
def command() -> None:
    """List, show or edit the site's secrets."""


@command.command("list", epilog="Example: collab-stack secrets list --site my-site")
@common_options
def list_(common: Common) -> None:
    """Print the names of the secrets that the site has or needs."""
    from collab_stack.operations import secrets

    entries = secrets.listing(common.site, common.vault_password_file)
    if common.json:
        found = [{"name": entry.name, "state": entry.state, "supplied": entry.supplied} for entry in entries]
        emit_json({"ok": True, "secrets": found})
        return
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        origin = "supplied by you" if entry.supplied else "generated"
        click.echo(f"{entry.name:<{width}}  {entry.state:<7}  {origin}")


@command.command(epilog="Example: collab-stack secrets show nextcloud_admin_password --site my-site")
@click.argument("name", metavar="NAME")
@common_options
def show(common: Common, name: str) -> None:
    """Print the secret NAME."""
    from collab_stack.operations import secrets

    value = secrets.show(common.site, common.vault_password_file, name)
    if common.json:
        emit_json({"ok": True, "name": name, "value": value})
        return
    click.echo(value.removesuffix("\n"))


@command.command("set", epilog="Example: pass show ldap | collab-stack secrets set directory_bind_password")
@click.argument("name", metavar="NAME")
@common_options
def set_(common: Common, name: str) -> None:
    """Write the secret NAME; its value is read from standard input, or asked for."""
    from collab_stack.operations import secrets

    changed = secrets.set_value(common.site, common.vault_password_file, name, _value(name))
    if common.json:
        emit_json({"ok": True, "name": name, "changed": changed})
        return
    say(f"{name} is set." if changed else f"{name} was so already.")


def _value(name: str) -> str:
    if sys.stdin.isatty():
        value: str = click.prompt(name, hide_input=True, confirmation_prompt=True, err=True)
        return value
    data = sys.stdin.buffer.read(65537)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"  # refused below, as any other control character
    return text.removesuffix("\n").removesuffix("\r")


@command.command("add-missing", epilog="Example: collab-stack secrets add-missing --site my-site")
@common_options
def add_missing(common: Common) -> int:
    """Generate the secrets that the site needs and does not have."""
    from collab_stack.operations import secrets

    added = secrets.add_missing(common.site, common.vault_password_file)
    if common.json:
        result = {"ok": not added.wanted, "added": list(added.names), "wanted": list(added.wanted)}
        if added.wanted:
            result["error"] = {"code": "secrets-wanted", "message": _wanted(added.wanted), "mend": _mend(added.wanted)}
        emit_json(result)
    else:
        for name in added.names:
            click.echo(f"added {name}")
        if added.wanted:
            say(f"{_wanted(added.wanted)}\n{_mend(added.wanted)}")
    return ExitCode.SITE_INVALID if added.wanted else ExitCode.OK


def _wanted(names: tuple[str, ...]) -> str:
    return f"Only you can supply {', '.join(names)}."


def _mend(names: tuple[str, ...]) -> str:
    return "\n".join(f"run `collab-stack secrets set {name}`" for name in names)


@command.command(epilog="Example: EDITOR=nano collab-stack secrets edit --site my-site")
@common_options
def edit(common: Common) -> None:
    """Open the secrets in your editor; the text is kept in memory and removed afterwards."""
    from collab_stack.operations.secrets_edit import edit as run

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CollabError(
            "`secrets edit` needs a terminal.",
            mend="in a script, write one secret: printf %s VALUE | collab-stack secrets set NAME",
            code="no-terminal",
            exit_code=ExitCode.USAGE,
        )
    changed = run(common.site, common.vault_password_file, lambda error: _again(error, common.yes))
    say("The secrets are written." if changed else "Nothing was changed.")


def _again(error: SiteError, yes: bool) -> bool:
    for finding in error.findings:
        say(f"{finding.where()}: {finding.message}")
    return yes or click.confirm("Open the editor again? (no: nothing is written)", default=True, err=True)
