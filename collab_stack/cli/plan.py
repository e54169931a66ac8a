"""`collab-stack plan`: services, flows, and what a deploy would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import console, emit_json, say
from collab_stack.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from collab_stack.cli.options import Common
    from collab_stack.operations.plan import HostChanges
    from collab_stack.operations.planned import Planned


@click.command(epilog="Example: collab-stack plan --site my-site --no-hosts --diagram flows.svg")
@click.option("--no-hosts", is_flag=True, help="Ask no host; nothing is sent.")
@click.option("--dns", "only_dns", is_flag=True, help="Print the records to create, and nothing else; nothing is sent.")
@click.option(
    "--diagram",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the data-flow diagram, .svg or .mmd (Mermaid), and nothing else; nothing is sent.",
)
@common_options
def command(common: Common, no_hosts: bool, only_dns: bool, diagram: Path | None) -> int:
    """Print which service runs where, every URL and permitted flow, and what a deploy would change on the hosts.

    Changes nothing. With -v also the law behind each flow and the difference of each object. Ends with 4 when a host
    could not be asked.
    """
    from collab_stack.operations import planned

    if diagram is not None and diagram.suffix not in (".svg", ".mmd"):
        raise click.UsageError(f"--diagram writes .svg or .mmd, not '{diagram.name}'.")
    if diagram is not None or only_dns or no_hosts:
        plan = planned.offline(common.site)
        if diagram is not None:
            _draw(plan, diagram)
        if common.json:
            emit_json({"ok": True, **plan.as_json(), "changes": None, "reason": "no host was asked"})
        elif only_dns:
            _dns(plan)
        elif diagram is None:
            _show(plan, common.verbosity)
        return ExitCode.OK
    return _with_hosts(common)


def _with_hosts(common: Common) -> int:
    from collab_stack.cli.progress import progress
    from collab_stack.operations import plan as operation
    from collab_stack.operations import planned
    from collab_stack.operations.opened import open_site

    site = open_site(common.site, common.vault_password_file)
    plan = planned.of(site.site)
    if not common.json:
        _show(plan, common.verbosity)
    with progress() as watch:
        watch.phase("plan")
        watch.roles(site.plan.roles)
        answers = operation.host_changes(site, verbosity=max(common.verbosity - 1, 0), on_event=watch.event)
    lost = [answer for answer in answers if answer.changes is None]
    if common.json:
        emit_json(_json(plan, answers))
    else:
        _changes(answers, common.verbosity)
        for answer in lost:
            if answer.reason is not None:
                say(f"{click.style('Not asked:', fg='red', bold=True)} {answer.reason.message}")
                say(f"{click.style('Mend:', bold=True)} {answer.reason.mend}")
    return ExitCode.PREFLIGHT_FAILED if lost else ExitCode.OK


def _json(plan: Planned, answers: Sequence[HostChanges]) -> dict[str, Any]:
    """Return the object of the contract; ``changes`` is null when no host at all could be asked."""
    changes = [
        {"host": c.host, "role": c.role, "object": c.object, "action": c.action, "diff": c.diff}
        for answer in answers
        for c in answer.changes or ()
    ]
    hosts = {
        answer.host: {
            "changes": None if answer.changes is None else len(answer.changes),
            "reason": answer.reason.message if answer.reason else None,
        }
        for answer in answers
    }
    lost = [answer.reason for answer in answers if answer.changes is None and answer.reason is not None]
    said = {"ok": not lost, **plan.as_json(), "changes": changes, "hosts": hosts}
    if lost:
        said["changes"] = changes if len(lost) < len(answers) else None
        said["reason"] = lost[0].message
        said["error"] = {"code": lost[0].check, "message": lost[0].message, "mend": lost[0].mend}
    return said


def _draw(plan: Planned, file: Path) -> None:
    from collab_stack.errors import CollabError

    try:
        plan.draw(file)
    except OSError as error:
        raise CollabError(
            f"{file} cannot be written: {error.strerror}.",
            mend=f"look at `ls -ld {file.parent}`, or give another file",
            code="diagram-not-written",
            exit_code=ExitCode.USAGE,
        ) from error
    say(f"Wrote {file}.")


def _dns(plan: Planned) -> None:
    """Print the records as a zone file has them."""
    for record in plan.plan.dns:
        value = f"{record.value}." if record.kind == "CNAME" else record.value
        click.echo(f"{record.name}. IN {record.kind} {value}")


def _show(plan: Planned, verbosity: int) -> None:
    from rich.text import Text

    services = _table("service", "hosts", "URL", "version", "image")
    for service in plan.plan.services:
        external = service.external
        where = f"the agency's own, {external.address}:{external.port}" if external else ", ".join(service.hosts)
        services.add_row(service.name, where, service.url or "", service.version or "", service.image or "")
    flows = _table("from", "to", "port", "protected by", "reason", *(["law"] if verbosity else []))
    for flow in plan.plan.flows:
        port = f"{flow.port}/{flow.protocol}"
        row = (flow.source, flow.destination, port, flow.transport + (" (same host)" if flow.same_host else ""))
        flows.add_row(*row, flow.reason, *([flow.legal] if verbosity else []))
    out = console()
    out.print(services)
    out.print()
    out.print(flows)
    if plan.overrides:
        extra = _table("override in site.yml", "value")
        for item in plan.overrides:
            extra.add_row(item.key, Text(str(item.value)))  # not rich's markup
        out.print()
        out.print(extra)
    if plan.plan.unlocked:
        say(f"Not locked yet: {', '.join(plan.plan.unlocked)}. `collab-stack images lock` reads their digests.")


def _changes(answers: Sequence[HostChanges], verbosity: int) -> None:
    from rich.text import Text

    found = [change for answer in answers for change in answer.changes or ()]
    asked = [answer.host for answer in answers if answer.changes is not None]
    if asked and not found:
        click.echo(f"\nA deploy would change nothing on {', '.join(asked)}.")
    if not found:
        return
    table = _table("host", "role", "action", "object")
    for change in found:
        what = Text(change.object)
        if verbosity and change.diff:
            what.append("\n")
            for row in change.diff.splitlines():
                what.append(f"{row}\n", style={"+": "green", "-": "red"}.get(row[:1], "dim"))
        table.add_row(change.host, change.role, change.action, what)
    out = console()
    out.print()
    out.print(table)
    click.echo(f"\n{len(found)} objects would change.")


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
