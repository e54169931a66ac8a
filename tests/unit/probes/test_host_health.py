"""The program that looks at a host, against servers that speak the real protocols."""

from __future__ import annotations

import json
import socket
import ssl
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from collab_stack.plan.health import HOST_UNITS
from collab_stack.runner.programs import host_health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.probes.authority import Authority


class Serve(Protocol):
    """Starts a server."""

    def __call__(self, name: str, talk: Callable[[ssl.SSLSocket], None], before: bytes = b"") -> int:
        """Return the port of a server with a certificate for ``name``."""


@pytest.fixture
def serve(authority: Authority, tmp_path: Path) -> Iterator[Serve]:
    """Yield a function that starts a TLS server on loopback; ``before`` is its answer in clear to the wish for TLS."""
    listeners: list[socket.socket] = []

    def start(name: str, talk: Callable[[ssl.SSLSocket], None], before: bytes = b"") -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.leaf(tmp_path / f"{len(listeners)}.pem", (name,)))
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def work() -> None:
            with listener.accept()[0] as raw:
                raw.settimeout(5)
                if before:
                    raw.recv(8)
                    raw.sendall(before)
                try:
                    with context.wrap_socket(raw, server_side=True) as connection:
                        talk(connection)
                except OSError:
                    return

        Thread(target=work, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


def report(capsys: pytest.CaptureFixture[str], **wanted: object) -> dict[str, Any]:
    host_health.main(json.dumps({"seconds": 3, **wanted}))
    found: dict[str, Any] = json.loads(capsys.readouterr().out)["health"]
    return found


@pytest.fixture
def ca(authority: Authority, tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    file.write_text(authority.pem)
    return str(file)


def test_postgresql_is_asked_for_tls_in_its_protocol(serve: Serve, ca: str, capsys: pytest.CaptureFixture[str]) -> None:
    def asks(connection: ssl.SSLSocket) -> None:
        connection.recv(1000)
        connection.sendall(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0")

    def refuses(connection: ssl.SSLSocket) -> None:
        connection.recv(1000)
        connection.sendall(b"E\0\0\0\x30SFATAL\0C57P03\0Mthe database system is starting up\0\0")

    name = "postgresql.collab.internal"
    end = {"kind": "postgresql", "address": "127.0.0.1", "name": name, "ca": ca}
    seen = report(capsys, tls={"postgresql": end | {"port": serve(name, asks, b"S")}})["tls"]["postgresql"]
    assert (seen["version"], seen["answer"]) == ("TLSv1.3", "it asks for a password")
    seen = report(capsys, tls={"postgresql": end | {"port": serve(name, refuses, b"S")}})["tls"]["postgresql"]
    assert seen["error"] == "the server refuses: the database system is starting up"
    seen = report(capsys, tls={"postgresql": end | {"port": serve(name, asks, b"N")}})["tls"]["postgresql"]
    assert seen["error"] == "the server offers no TLS"
    seen = report(capsys, tls={"postgresql": end | {"port": serve("other.internal", asks, b"S")}})["tls"]["postgresql"]
    assert "not valid for 'postgresql.collab.internal'" in seen["error"]


def test_valkey_is_logged_in_to(serve: Serve, ca: str, capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[bytes] = []

    def talk(*answers: bytes) -> Callable[[ssl.SSLSocket], None]:
        def speak(connection: ssl.SSLSocket) -> None:
            for answer in answers:
                heard.append(connection.recv(1000))
                connection.sendall(answer)

        return speak

    name = "valkey.collab.internal"
    end = {"kind": "valkey", "address": "127.0.0.1", "name": name, "ca": ca, "user": "nextcloud", "password": "geheim"}

    def see(*answers: bytes) -> dict[str, Any]:
        seen: dict[str, Any] = report(capsys, tls={"valkey": end | {"port": serve(name, talk(*answers))}})["tls"][
            "valkey"
        ]
        return seen

    assert see(b"+OK\r\n", b"+PONG\r\n")["answer"] == "PONG for nextcloud"
    assert heard[0] == b"*3\r\n$4\r\nAUTH\r\n$9\r\nnextcloud\r\n$6\r\ngeheim\r\n"
    refused = see(b"-WRONGPASS invalid username-password pair\r\n")
    assert refused["error"] == "login of nextcloud refused: WRONGPASS invalid username-password pair"
    assert "geheim" not in json.dumps(refused)
    assert "LOADING" in see(b"+OK\r\n", b"-LOADING dataset\r\n")["error"]


def test_the_program_reports_what_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    end = {"address": "127.0.0.1", "port": 1, "name": "x"}
    found = report(
        capsys,
        units=list(HOST_UNITS),
        containers=["collab-nothing"],
        disks=[str(tmp_path), "/nowhere"],
        cron="collab-nothing",
        https={"keycloak": end | {"path": "/health/ready"}},
        denied=end | {"paths": ["/metrics"]},
    )
    assert set(found["units"]) == set(HOST_UNITS)
    assert found["containers"]["collab-nothing"]["error"]
    assert list(found["disks"]) == [str(tmp_path)]
    assert found["cron"]["error"] == "collab-nothing does not run"
    assert found["https"]["keycloak"]["error"] == "Connection refused"
    assert found["denied"] == {"/metrics": "Connection refused"}
