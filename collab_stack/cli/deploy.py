"""`collab-stack deploy`: make the hosts what the site says, then probe."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import emit_json, say
from collab_stack.errors import CollabError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from collab_stack.cli.options import Common
    from collab_stack.operations.deploy import Options
    from collab_stack.operations.result import Result


@click.command(epilog="Example: collab-stack deploy --site my-site --limit host1 -- --forks 5")
@click.option("--limit", multiple=True, metavar="HOST|GROUP", help="Only these hosts (comma, or given several times).")
@click.option("--only", multiple=True, metavar="SERVICE", help="Only these services (comma, or given several times).")
@click.option("--check", "check_mode", is_flag=True, help="Change nothing; say what would change.")
@click.option(
    "--accept-no-backup",
    multiple=True,
    metavar="SERVICE",
    help="Let a new version of this service migrate its data without a backup.",
)
@click.argument("ansible", nargs=-1, type=click.UNPROCESSED)
@common_options
def command(
    common: Common,
    limit: tuple[str, ...],
    only: tuple[str, ...],
    check_mode: bool,
    accept_no_backup: tuple[str, ...],
    ansible: tuple[str, ...],
) -> int:
    """Validate the site, look at the hosts, make them what the site says, and probe what people use.

    Each step must succeed before the next begins. Safe to interrupt, and to run again. What follows -- goes to Ansible
    as it is. Ansible's own words go to a log in the site's runs/, more of them with -v, -vv.
    """
    from collab_stack.operations.deploy import Options

    if ansible and not ansible[0].startswith("-"):
        raise click.UsageError(f"Unexpected argument '{ansible[0]}'. Did you mean '--only {ansible[0]}'?")
    options = Options(
        limit=_words(limit),
        only=_words(only),
        check=check_mode,
        accept_no_backup=_words(accept_no_backup),
        verbosity=common.verbosity,
        extra=ansible,
    )
    with interruptible():
        return run(common, options)


def run(common: Common, options: Options) -> int:
    """Deploy, show how it goes and went, and return the exit code; `images pull` is a deploy of less."""
    from collab_stack.cli.progress import progress
    from collab_stack.operations.deploy import deploy
    from collab_stack.operations.opened import open_site

    began = time.monotonic()
    try:
        site = open_site(common.site, common.vault_password_file, complete=not options.check)
        with progress() as watch:
            result = deploy(site, options, watch, began)
    except KeyboardInterrupt:
        return _ended(
            common,
            began,
            CollabError(
                "Interrupted; Ansible has been stopped.",
                mend="run the same command again: it goes on where this one ended",
                code="interrupted",
                exit_code=ExitCode.INTERRUPTED,
            ),
        )
    except CollabError as error:
        return _ended(common, began, error)
    if common.json:
        emit_json(_json(result))
    else:
        _show(result)
    return result.exit_code


def _words(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for value in values for word in value.split(",") if word)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a pipeline that is cancelled, or a terminal that is closed, end a run as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ended(common: Common, began: float, error: CollabError) -> int:
    """Say why a deploy ended before Ansible had an outcome; in JSON with all keys of the contract."""
    from collab_stack.operations.result import PreflightError

    if not common.json:
        raise error
    said: dict[str, Any] = {
        "ok": False,
        "seconds": round(time.monotonic() - began, 1),
        "hosts": {},
        "remote_tasks": 0,
        "failed_task": None,
        "probe": None,
        "error": {"code": error.code, "message": error.message, "mend": error.mend},
    }
    if isinstance(error, PreflightError):
        said["preflight"] = error.as_json()
    emit_json(said)
    return error.exit_code


def _json(result: Result) -> dict[str, Any]:
    said = result.as_json()
    if failed := result.failed_task:
        message = f"{failed['host']}: {failed['role']}: {failed['task']}: {failed['message']}"
        said["error"] = {"code": "change-failed", "message": message, "mend": failed["mend"]}
    elif result.probe is not None and not result.probe["ok"]:
        said["error"] = result.probe.get("error")
    return said


def _show(result: Result) -> None:
    """Say on standard output what was done, and on standard error what went wrong."""
    changes = result.outcome.summary.changes if result.outcome else []
    for change in changes:
        click.echo(f"{change.host}  {change.role}  {change.action}  {change.object}")
    if failed := result.failed_task:
        where = f"{failed['host']}, role {failed['role']}: {failed['task']}" if failed["host"] else "Ansible"
        _say_wrong("Failed:", f"{where}\n  {failed['message']}", failed["mend"])
    for probe in result.probe["results"] if result.probe else ():
        if probe["state"] == "fail":
            _say_wrong("Probe failed:", f"{probe['id']} {probe['host'] or ''}: {probe['saw']}", probe["mend"])
    word = click.style("Done.", fg="green", bold=True) if result.exit_code == ExitCode.OK else "Not done."
    click.echo(
        f"{word} {_count(len(changes), 'change')} on {_count(len(result.hosts), 'host')}, "
        f"{_count(result.remote_tasks, 'remote task')}, {result.seconds:.1f} s; log: {result.run.files.log}"
    )


def _say_wrong(label: str, what: str, mend: str) -> None:
    say(f"{click.style(label, fg='red', bold=True)} {what}")
    say(f"{click.style('Mend:', bold=True)} {mend}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
