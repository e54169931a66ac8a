"""The connection to Keycloak, against a real TLS server that is not always there."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.collab.keycloak_api import Api, KeycloakError, UnreachableError

from collab_stack.lab import ca


class Handler(http.server.BaseHTTPRequestHandler):
    """A Keycloak that knows one realm."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/realms/agency" else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Port:
    """A port that takes connections and ends them, as Docker does for a container that does not listen yet."""

    def __init__(self, folder: Path) -> None:
        certificate, key = ca.make_ca("Test")
        leaf, leaf_key = ca.make_leaf(certificate, key, ["localhost"], 1)
        self.ca = folder / "ca.pem"
        self.ca.write_text(certificate)
        self._pair = folder / "pair.pem"
        self._pair.write_text(leaf + leaf_key)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.number = self.socket.getsockname()[1]
        self.url = f"https://localhost:{self.number}"

    def hang_up(self, seconds: float) -> None:
        """End every connection for some time."""
        end = time.monotonic() + seconds
        self.socket.settimeout(0.1)
        while time.monotonic() < end:
            try:
                self.socket.accept()[0].close()
            except TimeoutError:
                continue

    def serve(self) -> http.server.HTTPServer:
        """Answer from now on."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._pair)
        self.socket.close()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.number), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    made = Port(tmp_path)
    yield made
    made.socket.close()


def test_a_server_that_comes_late_is_waited_for(port: Port) -> None:
    servers = []

    def come_late() -> None:
        port.hang_up(1)
        servers.append(port.serve())

    late = threading.Thread(target=come_late)
    late.start()
    api = Api(port.url, str(port.ca), patience=20)
    assert api.exists("agency")
    assert not api.exists("other")
    late.join()
    servers[0].shutdown()
    servers[0].server_close()


def test_one_that_does_not_come_is_told(port: Port) -> None:
    gone = threading.Thread(target=port.hang_up, args=(2,))
    gone.start()
    with pytest.raises(UnreachableError, match=f"localhost:{port.number}: no connection"):
        Api(port.url, str(port.ca)).exists("agency")
    gone.join()
    port.socket.close()
    with pytest.raises(UnreachableError, match="connection refused"):
        Api(port.url, str(port.ca)).exists("agency")


def test_a_certificate_of_somebody_else_is_not_waited_for(port: Port, tmp_path: Path) -> None:
    server = port.serve()
    other = tmp_path / "other.pem"
    other.write_text(ca.make_ca("Other")[0])
    begin = time.monotonic()
    with pytest.raises(KeycloakError, match=r"unable to get local issuer|signature") as caught:
        Api(port.url, str(other), patience=20).exists("agency")
    assert not isinstance(caught.value, UnreachableError)
    assert time.monotonic() - begin < 10
    server.shutdown()
    server.server_close()
