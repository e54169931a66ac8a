"""`collab-stack hosts`: the hosts' SSH keys."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import emit_json, say
from collab_stack.errors import CollabError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from collab_stack.cli.options import Common
    from collab_stack.operations.hosts import Trust


@click.group(epilog="Example: collab-stack hosts trust --site my-site")
def command() -> None:
    """Trust the hosts' SSH keys."""


@command.command(
    epilog="Example: collab-stack hosts trust --fingerprint SHA256:l4hA9QqBqhPpZqQIGhkRGJxrrTJTzbO2nuYeDh5vSMk"
)
@click.option(
    "--fingerprint", "fingerprints", multiple=True, metavar="SHA256:…", help="Trust keys with these fingerprints only."
)
@click.option("--replace", multiple=True, metavar="HOST", help="Let this host have another key than before.")
@common_options
def trust(common: Common, fingerprints: tuple[str, ...], replace: tuple[str, ...]) -> int:
    """Read the key of every host, and of jump hosts, and keep those that you confirm in the site's known_hosts.

    Compare each fingerprint with the one on the host's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub.
    Without a terminal, --fingerprint or --yes answers.
    """
    from collab_stack.operations.hosts import trust as operation
    from collab_stack.operations.secrets import typed

    found = operation(typed(common.site), _confirm(common, fingerprints), replace)
    wrong = [entry for entry in found if not entry.ok]
    if common.json:
        said: dict[str, object] = {"ok": not wrong, "hosts": [entry.as_json() for entry in found]}
        if wrong:
            said["error"] = {"code": f"host-{wrong[0].state}", "message": wrong[0].message, "mend": wrong[0].mend}
        emit_json(said)
    else:
        _show(found)
    return ExitCode.PREFLIGHT_FAILED if wrong else ExitCode.OK


def _confirm(common: Common, fingerprints: tuple[str, ...]) -> Callable[[Trust], bool]:
    def confirm(offered: Trust) -> bool:
        key = offered.key
        if key is None:
            return False
        if fingerprints:
            return key.fingerprint in fingerprints
        if common.yes:
            return True
        if not sys.stdin.isatty():
            raise CollabError(
                f"{offered.host} shows the new key {key.fingerprint}, and there is no terminal to ask on.",
                mend=f"compare it on its console, then: collab-stack hosts trust --fingerprint {key.fingerprint}",
                code="needs-confirmation",
                exit_code=ExitCode.USAGE,
            )
        say(f"{offered.host} ({key.name}) shows the {key.kind} key {key.fingerprint}")
        return click.confirm("Is that the fingerprint on its own console?", err=True)

    return confirm


def _show(found: tuple[Trust, ...]) -> None:
    for entry in found:
        if entry.ok and entry.key:
            click.echo(f"{entry.host}  {entry.state}  {entry.key.kind} {entry.key.fingerprint}")
        else:
            label = click.style("KEY CHANGED" if entry.state == "changed" else entry.state, fg="red", bold=True)
            say(f"{label}: {entry.message}")
            say(f"{click.style('Mend:', bold=True)} {entry.mend}")
