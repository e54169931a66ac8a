"""Run one of our programs as root on a host, over ssh and sudo, and read its answer."""

from __future__ import annotations

import json
import os
import secrets
import select
import shlex
import subprocess
import tempfile
import time
from typing import IO, TYPE_CHECKING, Any, Final

from collab_stack.runner import programs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_READ: Final = 65536


class RootSessionError(Exception):
    """The program could not be run.

    :param kind: ``ssh`` (the message is ssh's own), ``sudo-password-wrong``, ``sudo-password-missing``,
        ``sudo-refused``, ``timeout`` or ``failed``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def run_as_root(
    command: Sequence[str],
    program: str,
    parameters: Mapping[str, Any],
    *,
    sudo: bool = True,
    password: str | None = None,
    timeout: float = 60,
) -> dict[str, Any]:
    """Run a program of :mod:`collab_stack.runner.programs` and return the JSON object that it prints.

    The password is written only when sudo really asks for it, and neither it nor the program is in a command line.

    :param command: the ssh command line that reaches the host.
    :param parameters: handed to the program's ``main``.
    :param sudo: become root by sudo; else the login is root's.
    :param timeout: seconds for all of it.
    :raises RootSessionError: when it could not be run, or did not answer.
    """
    with tempfile.TemporaryFile() as errors:
        dialogue = _Dialogue([*command], sudo, errors, time.monotonic() + timeout)
        try:
            dialogue.become(password)
            text = f"{programs.source(program)}\n\nmain({json.dumps(json.dumps(parameters))})\n"
            output = dialogue.talk(text)
        finally:
            dialogue.end()
        try:
            answer: dict[str, Any] = json.loads(output.splitlines()[-1])
        except (ValueError, IndexError):
            errors.seek(0)
            said = (errors.read().decode(errors="replace") or output).strip()
            raise RootSessionError("failed", said[-2000:] or "the program gave no answer") from None
    return answer


class _Dialogue:
    """What is said between us and sudo, until python3 listens."""

    def __init__(self, command: list[str], sudo: bool, errors: IO[bytes], deadline: float) -> None:
        token = secrets.token_hex(8)
        self._prompt, self._ready = f"[collab-{token}] password:", f"collab-{token}-ready"
        inner = ["sh", "-c", f"echo {self._ready}; exec python3 -"]
        remote = shlex.join(["sudo", "-S", "-p", self._prompt, *inner] if sudo else inner)
        # sudo asks on standard error; merged, its words and those of the program come in one stream. Messages of ssh
        # itself stay apart.
        self._process = subprocess.Popen(
            [*command, f"{{ {remote}; }} 2>&1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        self._errors = errors
        self._deadline = deadline
        self._heard = ""

    def become(self, password: str | None) -> None:
        """Answer sudo's question, if it asks one, until the program can be sent."""
        asked = 0
        while self._ready not in self._heard:
            if self._heard.count(self._prompt) > asked:
                asked += 1
                if asked > 1:
                    raise RootSessionError("sudo-password-wrong", "sudo refuses the password")
                if password is None:
                    raise RootSessionError("sudo-password-missing", "sudo asks for a password")
                self._write(password + "\n")
            if not self._listen():
                raise self._refusal()
        self._heard = self._heard.partition(self._ready)[2]

    def _refusal(self) -> RootSessionError:
        self._process.wait(5)
        self._errors.seek(0)
        ssh = self._errors.read().decode(errors="replace").strip()
        heard = self._heard.replace(self._prompt, "").strip()
        if "incorrect password" in heard or "Sorry, try again" in heard:
            return RootSessionError("sudo-password-wrong", "sudo refuses the password")
        if heard:
            return RootSessionError("sudo-refused", heard[-500:])
        return RootSessionError("ssh", ssh)

    def talk(self, text: str) -> str:
        """Send the program and return all that it says."""
        self._write(text)
        if self._process.stdin:
            self._process.stdin.close()
        while self._listen():
            pass
        return self._heard

    def end(self) -> None:
        """Leave nothing running on this side."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write(self, text: str) -> None:
        if self._process.stdin:
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()

    def _listen(self) -> bool:
        """Wait for more words; False at their end."""
        if self._process.stdout is None:
            return False
        descriptor = self._process.stdout.fileno()
        left = self._deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            raise RootSessionError("timeout", "the host did not answer in time")
        heard = os.read(descriptor, _READ)
        self._heard += heard.decode(errors="replace")
        return bool(heard)
