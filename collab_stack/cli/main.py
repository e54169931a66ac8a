"""The program's entry: finds the verb, and turns every way of failing into one line, an exit code and a mend."""

from __future__ import annotations

import difflib
import importlib
import json
import os
import sys
import tempfile
import traceback
from typing import TYPE_CHECKING, Any

import click

from collab_stack.errors import CollabError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

# Verb -> (module, one line of help). A verb's module is imported only when the verb runs: --help stays fast.
VERBS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make a new site directory from an example, with its secrets."),
    "check": ("check", "Validate the site without touching a host."),
    "plan": ("plan", "Show services, flows, and what a deploy would change."),
    "deploy": ("deploy", "Make the hosts what the site says, then probe."),
    "probe": ("probe", "Do what a user does, and say whether it works."),
    "hosts": ("hosts", "Trust the hosts' SSH keys."),
    "secrets": ("secrets", "List, show or edit the site's secrets."),
    "images": ("images", "List, lock or pull the container images."),
    "artifacts": ("artifacts", "List, lock or pull the application archives."),
    "schema": ("schema", "Print the JSON Schema of site.yml."),
    "lab": ("lab", "Run a data centre in containers, to rehearse in."),
    "completion": ("completion", "Print the shell's completion script."),
    "version": ("version", "Print the version, and with -v the catalogue."),
}


class VerbGroup(click.Group):
    """A click group whose verbs are imported when they are called."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the verbs in the order of a first deployment."""
        return list(VERBS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Import and return the verb's command, or None for an unknown verb."""
        if name not in VERBS:
            return None
        module = importlib.import_module(f"collab_stack.cli.{VERBS[name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, and name the nearest one for a typo."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else f" Verbs: {', '.join(VERBS)}."
            raise click.UsageError(f"No such verb '{args[0]}'.{hint}", context)
        return super().resolve_command(context, args)

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs without importing any of them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(
    cls=VerbGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: collab-stack init my-site --domain agency.example",
)
def program() -> None:
    """Run meetings, chat and documents behind one login, in your own data centre."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end the process with the exit code of the contract (docs/cli.md).

    :param arguments: the words after the program's name; the process's own when None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(words))


def run(words: list[str]) -> int:
    """Run the program and return its exit code; with ``--json`` a failure is one JSON object on stdout."""
    as_json = "--json" in words[: words.index("--")] if "--" in words else "--json" in words
    try:
        outcome = program.main(args=words, prog_name="collab-stack", standalone_mode=False)
    except click.UsageError as error:
        message = error.format_message()
        return _fail(as_json, "usage", message, f"see '{_help_path(error)} --help'", ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _fail(as_json, "interrupted", "Interrupted.", "run the same command again", ExitCode.INTERRUPTED)
    except CollabError as error:
        return _fail(as_json, error.code, error.message, error.mend, error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback reaches an operator
        return _defect(as_json, error)
    return int(outcome) if isinstance(outcome, int) else ExitCode.OK


def _help_path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "collab-stack"


def _fail(as_json: bool, code: str, message: str, mend: str, exit_code: int) -> int:
    if as_json:
        failure: dict[str, Any] = {"ok": False, "error": {"code": code, "message": message, "mend": mend}}
        click.echo(json.dumps(failure, ensure_ascii=False))
    else:
        color = False if os.environ.get("NO_COLOR") else None  # None: as the terminal can
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {message}", err=True, color=color)
        click.echo(f"{click.style('Mend: ', bold=True)} {mend}", err=True, color=color)
    return int(exit_code)


def _defect(as_json: bool, error: Exception) -> int:
    """Put the traceback in a private file and say where it is."""
    handle, path = tempfile.mkstemp(prefix="collab-stack-error-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as log:
        traceback.print_exception(error, file=log)
    message = f"collab-stack itself failed ({type(error).__name__}: {error})."
    return _fail(as_json, "defect", message, f"report it with the log {path}", ExitCode.DEFECT)
