"""The lab's verbs: what `collab-stack lab` does, callable from Python."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from docker.errors import DockerException

from collab_stack.lab import Lab, LabError, Progress, engine, state
from collab_stack.lab.layout import OPERATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from collab_stack.lab.applications import Choice


@contextmanager
def _mendable() -> Iterator[None]:
    """Turn what the engine refuses into an error with a mend."""
    try:
        yield
    except DockerException as error:
        raise LabError(
            f"Docker Engine refused: {error}",
            mend="run the same command again; if it stays: docker info, and the engine's log",
            code="docker",
        ) from error


def up(
    name: str,
    say: Callable[[str], None],
    *,
    hosts: int | None,
    choice: Choice,
    site: Path | None,
    packages: bool,
    start_engine: bool,
) -> dict[str, Any]:
    """Make or mend a lab; return its status.

    :param say: takes one line of progress at a time.
    :param start_engine: install and start Docker Engine when none answers.
    :raises LabError: with what is missing.
    """
    progress = Progress(say)
    with _mendable():
        lab = Lab(name, progress, engine.start(progress) if start_engine else None)
        lab.up(hosts=hosts, choice=choice, site=site, packages=packages)
        return lab.status()


def down(name: str | None, say: Callable[[str], None], *, keep_cache: bool) -> list[str]:
    """Remove a lab, or all of this user's when no name is given; return the names."""
    names = [name] if name is not None else list(state.names())
    with _mendable():
        for one in names:
            Lab(one, Progress(say)).down(keep_cache=keep_cache)
    return names


def status(name: str) -> dict[str, Any]:
    """Return the object of `lab status --json`."""
    with _mendable():
        return Lab(name, Progress(lambda _: None)).status()


def write_site(name: str, target: Path) -> dict[str, Any]:
    """Write the lab's example site into a folder; return where, and the secrets that go with it."""
    lab = Lab(name, Progress(lambda _: None))
    return {"ok": True, "directory": str(lab.write_site(target)), "secrets": lab.site_secrets()}


def secret(name: str, wanted: str) -> str:
    """Return one of the secrets that a human gives to the lab's example site.

    :raises LabError: when the lab has none of that name.
    """
    known = Lab(name, Progress(lambda _: None)).site_secrets()
    if wanted not in known:
        raise LabError(
            f"the lab {name} has no secret called {wanted!r}",
            mend=f"one of: {', '.join(sorted(known))}",
            code="lab-secret",
        )
    return known[wanted]


def shell(name: str, short: str, command: Sequence[str]) -> list[str]:
    """Return the command that opens a shell on one of the lab's machines, as its operator comes there.

    :param short: host1, ops, infra, …
    :param command: what to run there instead of a shell.
    :raises LabError: for a machine that the lab has not.
    """
    memory = Lab(name, Progress(lambda _: None)).state
    layout = memory.layout
    if short not in layout.containers:
        raise LabError(
            f"the lab {name} has no {short!r}",
            mend=f"one of: {', '.join(layout.containers)}",
            code="lab-machine",
        )
    if short in {"gateway", "outside"}:
        terminal = ["-it"] if os.isatty(0) else ["-i"]
        return ["docker", "exec", *terminal, layout.container(short), *(command or ("bash",))]
    options = ["-i", str(memory.operator_key), "-o", f"UserKnownHostsFile={memory.known_hosts}"]
    return ["ssh", *options, f"{OPERATOR}@{layout.address(short)}", *command]


def replace_process(command: list[str]) -> None:
    """Become another program.

    :raises LabError: when it is not installed.
    """
    program = shutil.which(command[0])
    if program is None:
        raise LabError(
            f"{command[0]} is missing on this machine",
            mend="apt-get install openssh-client docker-cli",
            code="lab-tool",
        )
    os.execv(program, command)  # noqa: S606 - no shell is wanted
