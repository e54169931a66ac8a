"""Send a request and print what came back; runs on a machine of the lab.

usage: fetch.py REQUEST, a JSON object with ``address``, ``port``, ``host``, ``ca`` (PEM; without it, clear),
``method``, ``path``, ``headers``, ``body`` (bytes to send), ``frame`` (text to send over WebSocket), ``h2`` (only say
what TLS agrees on), ``times`` (send it so often, each on a connection of its own, and print the last answer).
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import sys
from http.client import HTTPConnection
from typing import Any


class Connection(HTTPConnection):
    """A connection to an address, in the name of a host."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__(request["host"], request.get("port", 443), timeout=30)
        self.request_data = request

    def connect(self) -> None:
        """Connect, with TLS and a verified name when there is a CA."""
        plain = socket.create_connection((self.request_data["address"], self.port), timeout=30)
        self.sock = self.secured(plain) if self.request_data.get("ca") else plain

    def secured(self, plain: socket.socket) -> ssl.SSLSocket:
        """Return TLS over a connection."""
        context = ssl.create_default_context(cadata=self.request_data["ca"])
        context.set_alpn_protocols(["h2", "http/1.1"] if self.request_data.get("h2") else ["http/1.1"])
        return context.wrap_socket(plain, server_hostname=self.host)


def fetch(request: dict[str, Any]) -> dict[str, Any]:
    """Send one request and return what came back."""
    connection = Connection(request)
    headers = {"Host": request["host"], **request.get("headers", {})}
    if request.get("h2"):
        connection.connect()
        if not isinstance(connection.sock, ssl.SSLSocket):
            raise ValueError("h2 is agreed on by TLS, which needs a ca")
        return {"alpn": connection.sock.selected_alpn_protocol(), "tls": connection.sock.version()}
    if request.get("frame"):
        return websocket(connection, request, headers)
    connection.request(request.get("method", "GET"), request["path"], b"x" * request.get("body", 0), headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    return {"status": answer.status, "headers": {k.lower(): v for k, v in answer.getheaders()}, "body": text}


def websocket(connection: Connection, request: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """Upgrade to WebSocket (RFC 6455), send one frame, and return the one that comes back."""
    connection.connect()
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    }
    lines = [f"GET {request['path']} HTTP/1.1", *(f"{key}: {value}" for key, value in {**headers, **upgrade}.items())]
    connection.sock.sendall("\r\n".join([*lines, "", ""]).encode())
    stream = connection.sock.makefile("rb")
    status = int(stream.readline().split()[1])
    while stream.readline().strip():
        pass
    payload, mask = request["frame"].encode(), os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    connection.sock.sendall(bytes([0x81, 0x80 | len(payload)]) + mask + masked)
    return {"status": status, "frame": stream.read(2 + len(payload))[2:].decode()}


def main() -> None:
    """Send what the command line asks for."""
    request = json.loads(sys.argv[1])
    answers = [fetch(request) for _ in range(request.get("times", 1))]
    print(json.dumps(answers[-1]))  # noqa: T201 - this is its output


if __name__ == "__main__":
    main()
