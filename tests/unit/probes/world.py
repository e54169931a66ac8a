"""What an agency's stack shows to the outside, on loopback: an edge, a login, a Nextcloud."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt

from collab_stack.probes.oidc import Session
from collab_stack.probes.target import HostExpectation, HostReport, Login, Target
from collab_stack.probes.web import Web
from tests.unit.probes.idp import CLIENT, PASSWORD, USER, Answer, Idp, fields

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.unit.probes.authority import Authority

ID, FILES = "id.agency.example", "files.agency.example"


@dataclass
class Behaviour:
    """Everything that a test may break."""

    idp: Idp
    status: dict[str, Any] = field(
        default_factory=lambda: {
            "installed": True,
            "maintenance": False,
            "needsDbUpgrade": False,
            "versionstring": "34.0.2",
        }
    )
    files: dict[str, str] = field(default_factory=dict)
    trash: list[str] = field(default_factory=list)

    @property
    def broken(self) -> set[str]:
        """What does not work, of the login too."""
        return self.idp.broken


class World:
    """The servers, and a target that leads to them."""

    def __init__(self, authority: Authority, certificate: Path) -> None:
        self._servers: list[ThreadingHTTPServer] = []
        self.authority = authority
        self.https_port = self._serve(certificate)
        self.http_port = self._serve(None)
        issuer = f"https://{ID}:{self.https_port}/realms/agency"
        admin = issuer.replace("/realms/", "/admin/")
        redirects = {
            CLIENT: [f"{issuer}/collab-probe/callback"],
            "nextcloud": [f"https://{FILES}:{self.https_port}/apps/user_oidc/code"],
            "account-console": [f"{issuer}/account/"],
            "security-admin-console": [f"{admin}/console/"],
        }
        self.behaviour = Behaviour(Idp(issuer, redirects))
        self.addresses: dict[str, Sequence[str]] = {ID: ["127.0.0.1"], FILES: ["127.0.0.1"]}
        self.reports: dict[str, HostReport] = {}
        self.hosts: dict[str, HostExpectation] = {}
        self.password = PASSWORD
        self.management = ("192.0.2.0/24",)

    def _serve(self, certificate: Path | None) -> int:
        world = self

        class Handler(_Handler):
            behaviour = property(lambda _self: world.behaviour)
            secure = certificate is not None

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake is left to the connection's own thread: a refused one must not end the server's loop.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self._servers.append(server)
        return int(server.server_address[1])

    def close(self) -> None:
        """Stop the servers."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def target(self) -> Target:
        """Return the world as probes are given it, with a login of its own."""
        web = Web(lambda name: self.addresses.get(name, []), [self.authority.pem])
        issuer = self.behaviour.idp.issuer
        login = Login(
            issuer=issuer,
            client=CLIENT,
            redirect=f"{issuer}/collab-probe/callback",
            scopes="openid profile email",
            user=USER,
            password=self.password,
            audience="nextcloud",
            identity_claim="collab_identity",
        )
        return Target(
            services=frozenset({"edge", "keycloak", "nextcloud", "postgresql", "valkey", "web"}),
            urls={"keycloak": f"https://{ID}:{self.https_port}", "nextcloud": f"https://{FILES}:{self.https_port}"},
            behind_edge=("keycloak", "nextcloud"),
            edge_addresses=("127.0.0.1",),
            management=tuple(ip_network(text) for text in self.management),
            web=web,
            login=login,
            session=Session(web, login),
            hosts=self.hosts,
            reports=lambda: self.reports,
            http_port=self.http_port,
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour
    secure: bool

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Shake hands first, and take a refused handshake as the end of the connection."""
        try:
            if self.secure:
                self.connection.do_handshake()
            super().handle()
        except OSError:
            self.close_connection = True

    def do(self) -> None:
        """Answer any method."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode() if length else ""
        answer = self._https(body) if self.secure else self._http()
        content = answer.body.encode()
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        if self.secure and "hsts" not in self.behaviour.broken:
            self.send_header("Strict-Transport-Security", "max-age=31536000")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PROPFIND = do  # noqa: N815 - http.server's names

    def _host(self) -> str:
        return (self.headers.get("Host") or "").partition(":")[0]

    def _http(self) -> Answer:
        if self._host() not in (ID, FILES) and "open-redirect" not in self.behaviour.broken:
            return Answer(404)
        if "redirect" in self.behaviour.broken:
            return Answer(200, "hello")
        return Answer(301, headers={"Location": f"https://{self._host()}{self.path}"})

    def _https(self, body: str) -> Answer:
        if self._host() == ID:
            return self._keycloak(body)
        if self._host() == FILES or "default-host" in self.behaviour.broken:
            return self._nextcloud(body)
        return Answer(404)

    def _keycloak(self, body: str) -> Answer:
        idp, path, query = self.behaviour.idp, urlsplit(self.path).path, fields(urlsplit(self.path).query)
        cookies = {key: morsel.value for key, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()}
        base = "/realms/agency/protocol/openid-connect"
        if "down" in self.behaviour.broken:
            return Answer(503, "<html>the service is down</html>")
        routes = {
            "/realms/agency/.well-known/openid-configuration": idp.discovery,
            f"{base}/certs": idp.certs,
            f"{base}/auth": lambda: idp.authorize(query, cookies.get("KEYCLOAK_IDENTITY", "")),
            "/realms/agency/login-actions/authenticate": lambda: idp.authenticate(query, fields(body), cookies),
            f"{base}/token": lambda: idp.token(fields(body)),
            f"{base}/logout": idp.logout,
            f"{base}/userinfo": self._userinfo,
        }
        if path in routes:
            return routes[path]()
        private = path.startswith(("/admin", "/metrics", "/health", "/realms/master"))
        return Answer(200 if private and "admin" in self.behaviour.broken else 403)

    def _userinfo(self) -> Answer:
        claims = self._bearer()
        if claims is None:
            return Answer(401)
        return Answer(200, json.dumps({"sub": claims["sub"]}), {"Content-Type": "application/json"})

    def _bearer(self) -> dict[str, Any] | None:
        kind, _, token = (self.headers.get("Authorization") or "").partition(" ")
        options: Any = {"verify_aud": False}
        public = self.behaviour.idp.key.public_key()
        try:
            found: dict[str, Any] = jwt.decode(token, public, algorithms=["RS256"], options=options)
        except jwt.PyJWTError:
            return None
        return found if kind == "Bearer" else None

    def _nextcloud(self, body: str) -> Answer:
        path, broken = urlsplit(self.path).path, self.behaviour.broken
        if path == "/status.php":
            return Answer(200, json.dumps(self.behaviour.status), {"Content-Type": "application/json"})
        if path == "/login":
            return Answer(303, headers={"Location": "/apps/user_oidc/login/1"})
        if path == "/apps/user_oidc/login/1":
            idp = self.behaviour.idp
            uri = idp.redirects["nextcloud"][0] if "client" not in broken else "https://wrong.example/"
            query = f"client_id=nextcloud&redirect_uri={uri}&code_challenge=x&code_challenge_method=S256"
            return Answer(302, headers={"Location": f"{idp.issuer}/protocol/openid-connect/auth?{query}"})
        if path.startswith("/remote.php/dav/"):
            return self._dav(path, body)
        return Answer(404)

    def _dav(self, path: str, body: str) -> Answer:
        claims, state = self._bearer(), self.behaviour
        audience = claims.get("aud") if claims else None
        # As user_oidc: a token without aud passes; with one it has to name Nextcloud.
        meant = audience is None or "nextcloud" in ([audience] if isinstance(audience, str) else audience)
        if claims is None or not (meant or "any-audience" in state.broken):
            return Answer(401)
        if f"{self.command}-fails" in state.broken:
            if self.command == "PUT":
                state.files[path] = body  # carried out, though it says otherwise
            return Answer(503)
        if self.command == "PUT":
            state.files[path] = body[:10] if "truncates" in state.broken else body
            return Answer(201)
        if self.command == "GET":
            return Answer(200, state.files[path]) if path in state.files else Answer(404)
        if self.command == "PROPFIND" and self.headers.get("Depth") == "1":
            return Answer(207, "".join(f"<d:href>{name}</d:href>" for name in state.files))
        return self._delete(path) if self.command == "DELETE" else Answer(207)

    def _delete(self, path: str) -> Answer:
        if path.endswith("/trash"):
            self.behaviour.trash.clear()
        else:
            self.behaviour.trash.append(path)
            self.behaviour.files.pop(path, None)
        return Answer(204)
