"""Docker Engine on this machine: reach it, or install and start it when nothing else did."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import docker

from collab_stack.lab import state
from collab_stack.lab.errors import LabError

if TYPE_CHECKING:
    from docker import DockerClient

    from collab_stack.lab.progress import Progress

_STARTED: Final = "dockerd.pid"
_WAIT_SECONDS: Final = 60.0
_CALL_SECONDS: Final = 900
"""For one answer of the engine; a build or a push streams longer than the SDK's 60 s without a byte."""


def connect() -> DockerClient:
    """Return a client of the engine that DOCKER_HOST or the usual socket leads to.

    :raises LabError: when none answers.
    """
    try:
        client = docker.from_env(timeout=_CALL_SECONDS)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise LabError(
            f"no Docker Engine answers on this machine ({_short(error)})",
            mend="collab-stack lab up --start-engine (installs Debian's docker.io when there is none, and starts it)",
            code="docker-missing",
        ) from error
    return client


def start(progress: Progress) -> DockerClient:
    """Return a client; install and start Docker Engine first when none answers.

    :raises LabError: when it cannot be installed or does not answer in time.
    """
    try:
        return connect()
    except LabError:
        pass
    if shutil.which("dockerd", path=_path()) is None:
        with progress.step("install Docker Engine from Debian"):
            as_root_do(["apt-get", "-qq", "update"])
            as_root_do(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "install", "-y", *_packages()])
    with progress.step("start Docker Engine"):
        if Path("/run/systemd/system").is_dir():
            as_root_do(["systemctl", "start", "docker"])
        else:
            _spawn()
        return _wait()


def _packages() -> tuple[str, ...]:
    """Return Debian's packages; since Debian 13 the client is one of its own, which the lab does not need."""
    return ("docker.io", "iptables")


def _spawn() -> None:
    """Start dockerd as a process of its own, for a machine whose PID 1 starts no services."""
    folder = state.root()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "dockerd.log").open("ab") as log:
        process = subprocess.Popen(
            [*as_root(), "dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PATH": _path()},
        )
    (folder / _STARTED).write_text(f"{process.pid}\n")


def _wait() -> DockerClient:
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return connect()
        except LabError as error:
            if time.monotonic() > end:
                raise LabError(
                    f"Docker Engine was started and did not answer within {_WAIT_SECONDS:.0f} s: {error.message}",
                    mend=f"read {state.root() / 'dockerd.log'}, or: journalctl -u docker",
                    code="docker-silent",
                ) from error
            time.sleep(0.3)


def as_root() -> tuple[str, ...]:
    """Return the words that go before a command which needs root."""
    return () if os.geteuid() == 0 else ("sudo", "-n")


def as_root_do(command: list[str]) -> None:
    """Run a command as root.

    :raises LabError: when it fails, or sudo would ask.
    """
    done = subprocess.run([*as_root(), *command], capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise LabError(
            f"'{' '.join(command)}' failed: {lines[-1] if lines else 'no message'}",
            mend="run it by hand as root, then the same command again",
            code="lab-root",
        )


def _path() -> str:
    """Return PATH with the folders of administration tools, which an ordinary login lacks."""
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def _short(error: Exception) -> str:
    text = str(error)
    return text if len(text) < 160 else text[:157] + "…"


def main() -> None:
    """Make sure that an engine answers: what the Makefile calls before tests that need one."""
    from collab_stack.lab.progress import Progress  # noqa: PLC0415 - needed only when run as a program

    start(Progress(lambda line: print(line, flush=True)))  # noqa: T201 - the program's own output
