"""`collab-stack probe`: do what a user does, and say whether it works."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import console, emit_json, say
from collab_stack.errors import ExitCode

if TYPE_CHECKING:
    from collab_stack.cli.options import Common
    from collab_stack.operations.probe import Report
    from collab_stack.probes.model import Result

_COLOURS = {"pass": "green", "fail": "bold red", "skip": "yellow", "waived": "magenta"}


@click.command(epilog="Example: collab-stack probe --site my-site --only nextcloud")
@click.option("--only", multiple=True, metavar="SERVICE", help="Report on this service; may be given several times.")
@common_options
def command(common: Common, only: tuple[str, ...]) -> int:
    """Log in, move a file, look at certificates and hosts; end with 6 when something does not work for a user.

    Known failures are accepted by waivers.yml in the site, each with a reason and a last day. With -v also what was
    done, and what passed.
    """
    from collab_stack.operations import opened, probe

    site = opened.open_site(common.site, common.vault_password_file)
    wanted = tuple(name for text in only for name in text.split(","))
    report = probe.probe(site, wanted)
    if common.json:
        emit_json(report.as_json())
    elif sys.stdout.isatty():
        _table(report, common.verbosity)
    else:
        for result in report.results:
            click.echo(line(result))
    if not common.json:
        say(summary(report))
    return ExitCode.OK if report.ok else ExitCode.PROBE_FAILED


def line(result: Result) -> str:
    """Return a result as one line for pipes."""
    where = f" {result.host}" if result.host else ""
    text = f"{result.state:<6} {result.id}{where} ({result.service}, {result.seconds:.2f} s): {result.saw}"
    return f"{text}. Mend: {result.mend}" if result.state in ("fail", "waived") else text


def summary(report: Report) -> str:
    """Return how it went, in a line."""
    counts = {state: sum(result.state == state for result in report.results) for state in _COLOURS}
    words = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return f"{words or 'nothing was probed'} in {report.seconds:.1f} s"


def _table(report: Report, verbosity: int) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "probe", "host", "saw", box=None, pad_edge=False)
    for result in report.results:
        saw = Text(result.saw)
        if verbosity:
            saw.append(f"\n{result.did}, {result.seconds:.2f} s", style="dim")
        if result.mend and result.state != "pass":
            saw.append(f"\n{result.mend}", style="italic")
        table.add_row(Text(result.state, style=_COLOURS[result.state]), result.id, result.host or "", saw)
    console().print(table)
