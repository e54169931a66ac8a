#!/usr/bin/python3
"""Wait until what a container offers answers: ``ExecStartPost`` of a ``collab-<name>.service``.

Exits with 0 as soon as it does, with 1 when the time is over or the unit's main process (``$MAINPID``) has ended.
Needs Python's standard library alone.
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.5
ATTEMPT_SECONDS = 10.0
HTTP_OK = 200


class Named(http.client.HTTPSConnection):
    """HTTPS to one address, with the certificate checked against another name."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, server_name: str) -> None:
        super().__init__(host, port, timeout=ATTEMPT_SECONDS, context=context)
        self._tls = context
        self._server_name = server_name

    def connect(self) -> None:
        """Open the connection."""
        plain = socket.create_connection((self.host, self.port), ATTEMPT_SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._server_name)


def ask(url: str, ca: str, server_name: str) -> str:
    """Return an empty text when the URL answers 200, else what it did instead."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca or None)
            connection = Named(host, parts.port or 443, context, server_name or host)
        else:
            connection = http.client.HTTPConnection(host, parts.port or 80, timeout=ATTEMPT_SECONDS)
        try:
            connection.request("GET", parts.path or "/", headers={"Host": server_name or parts.netloc})
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        return f"{url}: {error}"
    return "" if status == HTTP_OK else f"{url} answers {status}"


def execute(name: str, command: list[str]) -> str:
    """Return an empty text when the command succeeds in the container, else what it said."""
    try:
        done = subprocess.run(
            ["docker", "exec", name, *command],
            capture_output=True,
            text=True,
            timeout=ATTEMPT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} took longer than {ATTEMPT_SECONDS:.0f} s"
    return "" if done.returncode == 0 else f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}"


def ended() -> bool:
    """Say whether the unit's main process is gone, so that waiting is in vain."""
    main = os.environ.get("MAINPID", "")
    return bool(main) and not Path(f"/proc/{main}").exists()


def wait(arguments: argparse.Namespace) -> str:
    """Return an empty text when the service answers in time, else why not."""
    deadline = time.monotonic() + arguments.seconds
    while True:
        if arguments.url:
            problem = ask(arguments.url, arguments.ca, arguments.server_name)
        else:
            problem = execute(arguments.name, arguments.command)
        if not problem:
            return ""
        if ended():
            return f"the container ended before it was ready; last: {problem}"
        if time.monotonic() >= deadline:
            return f"not ready after {arguments.seconds} s; last: {problem}"
        time.sleep(PAUSE_SECONDS)


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description="Wait until a container answers.")
    parser.add_argument("name", help="the container")
    parser.add_argument("--seconds", type=int, required=True, help="how long to wait")
    parser.add_argument("--url", default="", help="must answer 200")
    parser.add_argument("--ca", default="", help="CA of an https URL")
    parser.add_argument("--server-name", default="", help="name in the certificate")
    parser.add_argument("command", nargs="*", help="or: must exit with 0 in the container")
    arguments = parser.parse_args()
    if bool(arguments.url) == bool(arguments.command):
        parser.error("give either --url or a command")
    problem = wait(arguments)
    if problem:
        sys.stderr.write(f"{arguments.name}: {problem}\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
