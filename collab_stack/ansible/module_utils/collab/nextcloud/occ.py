# GNU General Public License v3.0 or later (see LICENSE)
"""Nextcloud's command line, called inside its container."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

UID = "33"
"""www-data in Debian-based images. occ under another uid leaves files that PHP cannot write."""

SECONDS = 120
"""Limit of an ordinary call; one takes 0.5 to 1 s. Without a limit a call hangs for ever while Valkey is down."""

LONG_SECONDS = 3600
"""Limit of an installation or upgrade."""

OCC = "/var/www/html/occ"

Runner = Callable[..., tuple[int, str, str]]
"""AnsibleModule.run_command: takes argv, ``data`` for stdin and ``environ_update``."""


class OccError(Exception):
    """A command of Nextcloud's that failed; the text says which and what it printed."""


class Occ:
    """Calls occ by ``docker exec``.

    :param run: runs a command without a shell; AnsibleModule.run_command is one.
    :param container: the container's name.
    """

    def __init__(self, run: Runner, container: str) -> None:
        self._run = run
        self._container = container

    def running(self) -> bool:
        """Say whether the container runs."""
        argv = ["docker", "container", "inspect", "--format", "{{.State.Running}}", self._container]
        try:
            code, out, _ = self._run(argv, handle_exceptions=False)
        except OSError:  # no docker on this host
            return False
        return code == 0 and out.strip() == "true"

    def wait(self, seconds: int = LONG_SECONDS) -> None:
        """Wait until PHP listens, which it does after the entrypoint has copied the code and upgraded.

        :raises OccError: when the container ends or takes longer.
        """
        probe = ["php", "-r", "exit(@fsockopen('127.0.0.1', 9000) ? 0 : 1);"]
        deadline = time.monotonic() + seconds
        while self._exec(probe, None, {}, SECONDS)[0]:
            if not self.running() or time.monotonic() >= deadline:
                name = self._container
                raise OccError(f"the container {name} did not get ready; read: journalctl -u {name}")
            time.sleep(1)

    def call(
        self,
        *arguments: str,
        stdin: str | None = None,
        secrets: Mapping[str, str] | None = None,
        seconds: int = SECONDS,
        interactive: bool = False,
    ) -> str:
        """Run a command and return what it printed.

        :param stdin: for commands that read passwords there.
        :param secrets: environment variables; only their names are on the command line.
        :param interactive: without ``--no-interaction``, for commands that ask.
        :raises OccError: when it ends with another code than 0.
        """
        flags = [] if interactive else ["--no-interaction"]
        return self.execute(
            ["php", OCC, *arguments, *flags, "--no-warnings"], stdin=stdin, secrets=secrets, seconds=seconds
        )

    def execute(
        self,
        command: Sequence[str],
        *,
        stdin: str | None = None,
        secrets: Mapping[str, str] | None = None,
        seconds: int = SECONDS,
    ) -> str:
        """Run any command in the container as Nextcloud's user and return what it printed.

        :raises OccError: when it ends with another code than 0.
        """
        code, out, err = self._exec(command, stdin, secrets or {}, seconds)
        if code:
            # The prompts of an installation are on one of the two, the reason of its failure on the other.
            said = "\n".join(part for part in (out.strip(), err.strip()) if part)[-1500:] or "no output"
            words = " ".join(word for word in command if word not in ("php", OCC, "--no-interaction", "--no-warnings"))
            ended = f"gave no answer within {seconds} s" if code == 124 else f"ended with {code}"
            raise OccError(f"{self._container}: occ {words} {ended}: {said}")
        return out

    def _exec(
        self, command: Sequence[str], stdin: str | None, secrets: Mapping[str, str], seconds: int
    ) -> tuple[int, str, str]:
        # The run's mark: what goes on in the container after a kill is what the next run waits for (preflight).
        argv = ["timeout", "--kill-after=10", str(seconds), "docker", "exec", "--user", UID, "--env", "COLLAB_RUN"]
        argv += ["--interactive"] if stdin is not None else []
        for name in secrets:
            argv += ["--env", name]
        argv += [self._container, *command]
        return self._run(argv, data=stdin, environ_update=dict(secrets), binary_data=True)

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run a command with ``--output=json`` and return what it says.

        The exit code is no help: ``occ status`` as the wrong user prints an error and ends with 0.

        :raises OccError: when the output is no JSON object.
        """
        out = self.call(*arguments, "--output=json")
        # Some commands print a notice before the JSON, which is on one line of its own.
        for line in reversed(out.strip().splitlines()):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                return found
        raise OccError(f"{self._container}: occ {' '.join(arguments)} printed no JSON object: {out.strip()[-500:]}")
