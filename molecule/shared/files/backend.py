#!/usr/bin/python3
"""An application behind the edge, for the edge's own scenario: says what it received, and behaves badly on request.

usage: backend.py PORT CERTIFICATE KEY

``/status/<code>`` answers with that status, ``/slow/<seconds>`` after that time, an upgrade to WebSocket echoes one
frame. Everything else gets 200 and a JSON object: method, path, headers, bytes of the body.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer a request of any method."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo()
            return
        kind, _, argument = self.path.strip("/").partition("/")
        if kind == "slow":
            time.sleep(float(argument))
        said = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": len(body)}
        content = json.dumps(said).encode()
        self.send_response(int(argument) if kind == "status" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_HEAD = do_PROPFIND = answer  # noqa: N815 - names that http.server asks for

    def echo(self) -> None:
        """Take the upgrade and send one masked frame of less than 126 bytes back, unmasked."""
        digest = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + WEBSOCKET_GUID).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        start, length = self.rfile.read(2)
        mask = self.rfile.read(4)
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.rfile.read(length & 0x7F)))
        self.wfile.write(bytes([start, len(payload)]) + payload)
        self.close_connection = True


def main() -> None:
    """Serve for ever."""
    port, certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
