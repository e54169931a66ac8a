"""Look at a host for the probes. Runs as root; prints one JSON object; changes nothing.

What is good is decided on the controller; this only reports. All looks are taken at the same time, each within its own
time, so that one that hangs hides no other. A look that failed has ``error``.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

Facts = dict[str, Any]

SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL's message that asks for TLS

DATABASE_QUERY = """
SELECT json_build_object(
  'connections', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
  'most', current_setting('max_connections')::int,
  'clear', (SELECT coalesce(json_agg(DISTINCT a.usename), '[]') FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)
            WHERE a.client_addr IS NOT NULL AND NOT s.ssl))
"""

CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def run(seconds: float, command: list[str], text: str | None = None) -> str:
    """Return a command's output; raise OSError with its first words when it fails."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=seconds, env=CLEAN, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"no answer within {seconds:g} s") from None
    if done.returncode:
        raise OSError((done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[0])
    return done.stdout


def describe(error: Exception) -> str:
    """Return in one line what went wrong."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate does not verify: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def units(seconds: float, names: list[str]) -> Facts:
    """Return unit -> state. systemctl prints a block per unit, in the order asked for."""
    try:
        text = run(seconds, ["systemctl", "show", "--property=Id,LoadState,ActiveState,SubState", "--", *names])
    except OSError as error:
        return {name: {"active": f"unknown: {error}", "sub": ""} for name in names}
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.strip().split("\n\n")]
    there = {name: block for name, block in zip(names, blocks, strict=False) if block.get("LoadState") != "not-found"}
    missing = {name: {"active": "not there", "sub": ""} for name in names if name not in there}
    return missing | {name: {"active": block["ActiveState"], "sub": block["SubState"]} for name, block in there.items()}


class Engine(http.client.HTTPConnection):
    """HTTP to Docker's own socket: cheaper than its client program."""

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect("/run/docker.sock")


def containers(seconds: float, names: list[str]) -> Facts:
    """Return container -> state."""
    return {name: container(seconds, name) for name in names}


def container(seconds: float, name: str) -> Facts:
    """Return the state of one container."""
    try:
        connection = Engine("docker", timeout=seconds)
        connection.request("GET", f"/containers/{name}/json")
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return {"error": f"Docker does not answer: {describe(error)}"}
    if answer.status != 200:
        return {"error": "not there" if answer.status == 404 else str(body.get("message", answer.status))}
    return {
        "running": bool(body["State"]["Running"]),
        "status": body["State"]["Status"],
        "memory_bytes": body["HostConfig"]["Memory"],
        "started": datetime.fromisoformat(body["State"]["StartedAt"][:19] + "+00:00").timestamp(),
    }


def disks(_seconds: float, paths: list[str]) -> Facts:
    """Return directory -> free and total bytes; one directory per file system."""
    found: dict[int, tuple[str, Facts]] = {}
    for path in paths:
        if Path(path).is_dir():
            at = os.statvfs(path)
            sizes = {"free": at.f_bavail * at.f_frsize, "total": at.f_blocks * at.f_frsize}
            found.setdefault(Path(path).stat().st_dev, (path, sizes))
    return dict(found.values())


def clock(seconds: float, _wanted: object) -> Facts:
    """Return how far off the clock is; chronyc's CSV has source, stratum, offset and leap as fields 2, 3, 5 and 14."""
    try:
        fields = run(seconds, ["chronyc", "-n", "-c", "tracking"]).strip().split(",")
        return {"source": fields[1], "stratum": int(fields[2]), "offset": float(fields[4]), "leap": fields[13]}
    except (OSError, ValueError, IndexError) as error:
        return {"error": f"chronyc: {describe(error)}"}


def database(seconds: float, port: int) -> Facts:
    """Ask the local server, as its superuser over the Unix socket."""
    psql = ["psql", "-XqAt", "-h", "/run/postgresql", "-p", str(port), "-d", "postgres", "-f", "-"]
    try:
        found: Facts = json.loads(run(seconds, ["runuser", "-u", "postgres", "--", *psql], DATABASE_QUERY))
    except (OSError, ValueError) as error:
        return {"error": f"psql: {describe(error)}"}
    return found


def cron(seconds: float, name: str) -> Facts:
    """Return when background jobs last ran and since when they can, in seconds since 1970 by this host's clock."""
    occ = ["docker", "exec", "-u", "33", name, "php", "/var/www/html/occ", "--no-warnings"]
    state = container(seconds, name)
    if state.get("error") or not state["running"]:
        return {"error": f"{name} does not run"}
    try:
        text = run(seconds, [*occ, "config:app:get", "--default-value=0", "core", "lastcron"]).strip()
    except OSError as error:
        return {"error": f"occ: {describe(error)}"}
    if not text.isdigit():  # occ can say what is wrong with exit 0
        return {"error": f"occ: {(text or 'no answer').splitlines()[0]}"}
    return {"last": int(text), "since": int(state["started"]), "now": int(time.time())}


def https(seconds: float, end: Facts) -> Facts:
    """GET a health address with a verified certificate."""
    said = {key: end[key] for key in ("address", "port", "path")}
    began = time.monotonic()
    try:
        status, body = get(seconds, end, end["path"])
    except (OSError, http.client.HTTPException) as error:
        return {**said, "error": describe(error)}
    text = " ".join(body.decode(errors="replace").split())[:400]
    return {**said, "status": status, "body": text, "milliseconds": int((time.monotonic() - began) * 1000)}


def denied(seconds: float, end: Facts) -> Facts:
    """Return the status that each path gives this host, or why there is none."""
    found: Facts = {}
    for path in end["paths"]:
        try:
            found[path] = get(seconds, end, path)[0]
        except (OSError, http.client.HTTPException) as error:
            found[path] = describe(error)
    return found


def get(seconds: float, end: Facts, path: str) -> tuple[int, bytes]:
    """Return the status and the beginning of the body of a GET over TLS."""
    connection = http.client.HTTPConnection(end["name"], end["port"], timeout=seconds)
    connection.sock = verified(seconds, end)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(2000)
    finally:
        connection.close()


def verified(seconds: float, end: Facts) -> ssl.SSLSocket:
    """Return a TLS connection as a careful client opens it; PostgreSQL is asked for it inside its protocol.

    Without ``ca`` the system's list counts. Python 3.13 alone also refuses CA certificates that lack what RFC 5280
    wants of them, which an agency's old CA may.
    """
    context = ssl.create_default_context(cafile=end.get("ca"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    raw = socket.create_connection((end["address"], end["port"]), seconds)
    try:
        if end.get("kind") == "postgresql":
            ask_for_tls(raw)
        return context.wrap_socket(raw, server_hostname=end["name"])
    except BaseException:
        raw.close()
        raise


def ask_for_tls(raw: socket.socket) -> None:
    """Ask a PostgreSQL server to go on under TLS."""
    raw.sendall(SSL_REQUEST)
    if raw.recv(1) != b"S":
        raise OSError("the server offers no TLS")


def tls(seconds: float, end: Facts) -> Facts:
    """Open TLS, and hear an answer over it."""
    said = {key: end[key] for key in ("address", "port", "name")}
    try:
        with verified(seconds, end) as connection:
            answer = startup(connection) if end["kind"] == "postgresql" else ping(connection, end)
            return {**said, "version": connection.version(), "answer": answer}
    except OSError as error:
        return {**said, "error": describe(error)}


def startup(connection: ssl.SSLSocket) -> str:
    """Begin a session without finishing it: the server has to ask for a password, or to say that none may come.

    A user that does not exist is asked too, and which hosts may log in at all is the access rules' affair; so either
    answer shows a server that works (messages: PostgreSQL's documentation, chapter 55).
    """
    words = b"user\0collab_probe\0database\0postgres\0\0"
    connection.sendall(struct.pack("!ii", 8 + len(words), 196608) + words)
    kind = connection.recv(1)
    if kind == b"R":
        return "it asks for a password"
    if kind != b"E":
        raise OSError("the server does not speak PostgreSQL's protocol")
    fields = {
        field[:1]: field[1:].decode(errors="replace") for field in connection.recv(2000)[4:].split(b"\0") if field
    }
    if fields.get(b"C") == "28000":  # no access rule for this host and user
        return "it knows who may come"
    raise OSError(f"the server refuses: {fields.get(b'M', 'no reason')}")


def ping(connection: ssl.SSLSocket, end: Facts) -> str:
    """Log in when there is a user, and ping (Valkey's protocol, RESP 2)."""
    if end.get("user"):
        answer = say(connection, "AUTH", end["user"], end["password"])
        if answer != "+OK":
            raise OSError(f"login of {end['user']} refused: {answer.lstrip('-')}")
    answer = say(connection, "PING")
    if answer != "+PONG" and not answer.startswith("-NOAUTH"):
        raise OSError(f"PING is answered by {answer[:100]!r}")
    return f"PONG for {end['user']}" if answer == "+PONG" else "it asks for a login"


def say(connection: ssl.SSLSocket, *words: str) -> str:
    """Send a command and return the one line that answers it."""
    text = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    connection.sendall(text.encode())
    line = b""
    while not line.endswith(b"\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise OSError("the server hung up")
        line += byte
    return line.decode(errors="replace").strip()


LOOKS: dict[str, Callable[..., Facts]] = {
    look.__name__: look for look in (units, containers, disks, clock, database, cron, denied)
}


def main(text: str) -> None:
    """Print what was seen.

    :param text: JSON object: ``seconds`` for each look, and for each look what it is about (see the functions);
        ``tls`` and ``https`` are objects by service.
    """
    wanted = json.loads(text)
    jobs: dict[tuple[str, str], Callable[[], Facts]] = {
        (name, ""): partial(LOOKS[name], wanted["seconds"], wanted[name]) for name in LOOKS if wanted.get(name)
    }
    for kind, look in (("tls", tls), ("https", https)):
        for service, end in wanted.get(kind, {}).items():
            jobs[kind, service] = partial(look, wanted["seconds"], end)
    with ThreadPoolExecutor(max_workers=max(len(jobs), 1)) as pool:
        futures = {key: pool.submit(job) for key, job in jobs.items()}
    health: Facts = {}
    for (kind, service), future in futures.items():
        if service:
            health.setdefault(kind, {})[service] = future.result()
        else:
            health[kind] = future.result()
    sys.stdout.write(json.dumps({"health": health}) + "\n")
