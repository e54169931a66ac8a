"""The program that a container's unit waits with, against real servers on loopback."""

from __future__ import annotations

import datetime
import http.server
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PROGRAM = Path(__file__).resolve().parents[3] / "roles" / "container_service" / "files" / "container_ready.py"


def certificate(path: Path, name: str) -> None:
    """Write a self-signed certificate, which is its own CA, and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    issued = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + issued.public_bytes(serialization.Encoding.PEM)
    path.write_bytes(pem)


class Health(http.server.BaseHTTPRequestHandler):
    """Answers 503 until it has been asked a number of times."""

    failures = 0

    def do_GET(self) -> None:
        type(self).failures -= 1
        self.send_response(200 if type(self).failures < 0 and self.path == "/ready" else 503)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    Health.failures = 0
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield listening
    listening.shutdown()
    thread.join()
    listening.server_close()


def run(*arguments: str, main: str = "", path: str = "") -> tuple[int, str, float]:
    environment = {"PATH": path or os.environ["PATH"], "MAINPID": main}
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.returncode, done.stderr, time.monotonic() - start


def test_waits_until_the_url_answers_200(server: http.server.HTTPServer) -> None:
    Health.failures = 2
    code, error, seconds = run("--seconds", "10", "--url", f"http://127.0.0.1:{server.server_port}/ready", "collab-app")
    assert (code, error) == (0, "")
    assert seconds >= 1.0  # two pauses


def test_gives_up_when_the_time_is_over(server: http.server.HTTPServer) -> None:
    code, error, seconds = run("--seconds", "1", "--url", f"http://127.0.0.1:{server.server_port}/other", "collab-app")
    assert code == 1
    assert "not ready after 1 s" in error
    assert "answers 503" in error
    assert seconds < 5


def test_gives_up_at_once_when_the_container_has_ended() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    code, error, seconds = run("--seconds", "20", "--url", "http://127.0.0.1:9/", "collab-app", main=str(gone.pid))
    assert code == 1
    assert "ended before it was ready" in error
    assert seconds < 5


@pytest.mark.parametrize(("server_name", "expected"), [("app.internal", 0), ("other.internal", 1)])
def test_checks_the_certificate_by_name(
    tmp_path: Path, server: http.server.HTTPServer, server_name: str, expected: int
) -> None:
    certificate(tmp_path / "both.pem", "app.internal")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://127.0.0.1:{server.server_port}/ready"
    code, error, _ = run(
        "--seconds", "1", "--url", url, "--ca", str(tmp_path / "both.pem"), "--server-name", server_name, "collab-app"
    )
    assert code == expected
    assert ("certificate verify failed" in error) == bool(expected)


@pytest.mark.parametrize(
    ("script", "expected"), [('[ "$*" = "exec collab-app probe -x" ]', 0), ("echo broken >&2; exit 3", 1)]
)
def test_runs_a_command_in_the_container(tmp_path: Path, script: str, expected: int) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\n{script}\n")
    docker.chmod(0o755)
    code, error, _ = run("--seconds", "1", "collab-app", "--", "probe", "-x", path=f"{tmp_path}:{os.environ['PATH']}")
    assert code == expected
    assert ("probe ended with 3: broken" in error) == bool(expected)


def test_refuses_to_have_nothing_to_ask() -> None:
    assert run("--seconds", "1", "collab-app")[0] == 2
