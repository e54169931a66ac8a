"""A small OpenID Connect provider, so that a test can also hand out tokens that Keycloak never would."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from pathlib import Path

EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Provider:
    """Serves discovery, keys and the token endpoint over HTTPS; the "login form" is :meth:`log_in`.

    :param address: where to listen; containers reach it there.
    :param name: the DNS name in its URLs and certificate.
    :param certificate: chain and key files.
    """

    def __init__(self, address: str, name: str, certificate: tuple[Path, Path]) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._codes: dict[str, dict[str, Any]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(200, provider.document(self.path))

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self._send(*provider.exchange({key: values[0] for key, values in form.items()}))

            def _send(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer((address, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.issuer = f"https://{name}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def document(self, path: str) -> dict[str, Any]:
        """Return what a GET answers: the key set, or discovery for any other path."""
        if path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
            return {"keys": [{**public, "kid": "bench", "use": "sig", "alg": "RS256"}]}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def token(self, **claims: object) -> str:
        """Return a signed token; ``exp`` and ``iss`` are filled in, None leaves a claim out."""
        now = int(time.time())
        complete = {"iss": self.issuer, "iat": now, "exp": now + 300, **claims}
        kept = {key: value for key, value in complete.items() if value is not None}
        return jwt.encode(kept, self._key, "RS256", headers={"kid": "bench"})

    def log_in(self, authorization_url: str, **claims: object) -> str:
        """Play the person at the login form; return the path and query to which the browser is sent back."""
        query = {key: values[0] for key, values in parse_qs(urlsplit(authorization_url).query).items()}
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self._codes[code] = {"query": query, "claims": claims}
        back = urlsplit(query["redirect_uri"])
        return f"{back.path}?state={query['state']}&code={code}"

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer the token endpoint: the code once, with the right secret, redirect URI and PKCE verifier."""
        flow = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            flow is None
            or form.get("client_secret") != "client-secret"
            or form.get("redirect_uri") != flow["query"]["redirect_uri"]
            or challenge != flow["query"]["code_challenge"]
        ):
            return 400, {"error": "invalid_grant", "error_description": "Code not valid"}
        claims = {"aud": flow["query"]["client_id"], "nonce": flow["query"]["nonce"], **flow["claims"]}
        return 200, {"id_token": self.token(**claims), "access_token": self.token(**claims), "token_type": "Bearer"}
