"""`collab-stack completion`: the shell's completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from collab_stack.errors import CollabError, ExitCode


@click.command(epilog='Example: eval "$(collab-stack completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL."""
    from collab_stack.cli.main import program

    kind = get_completion_class(shell)
    if kind is None:
        raise CollabError(
            f"No completion for the shell '{shell}'.",
            mend="use bash, zsh or fish",
            code="completion-unknown-shell",
            exit_code=ExitCode.USAGE,
        )
    click.echo(kind(program, {}, "collab-stack", "_COLLAB_STACK_COMPLETE").source())
