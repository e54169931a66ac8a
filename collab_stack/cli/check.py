"""`collab-stack check`: validate the site without touching a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import emit_json
from collab_stack.errors import ExitCode

if TYPE_CHECKING:
    from collab_stack.cli.options import Common
    from collab_stack.operations.check import Report


@click.command(epilog="Example: collab-stack check --site my-site")
@common_options
def command(common: Common) -> int:
    """Validate the site's files, secrets and certificates, without touching a host."""
    from collab_stack.operations.check import check

    report = check(common.site, common.vault_password_file)
    if common.json:
        emit_json(report.as_json())
    else:
        _show(report)
    return ExitCode.OK if report.ok else ExitCode.SITE_INVALID


def _show(report: Report) -> None:
    for finding in report.findings:
        error = finding.severity == "error"
        word = click.style(finding.severity, fg="red" if error else "yellow", bold=True)
        click.echo(f"{click.style(finding.where(), bold=True)}: {word}: {finding.message}")
        click.echo(f"    {finding.mend}")
    count = sum(finding.severity == "error" for finding in report.findings) + report.more
    if report.more:
        click.echo(f"… and {report.more} more")
    if not report.ok:
        click.echo(f"{count} error{'s' if count != 1 else ''}; nothing was touched.", err=True)
    elif report.site is not None:
        hosts = len(report.site.hosts.hosts)
        click.echo(f"The site for {report.site.config.domain} is valid: {hosts} host{'s' if hosts != 1 else ''}.")
