# GNU General Public License v3.0 or later (see LICENSE)
"""Keycloak's Admin REST API over one verified TLS connection."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from urllib.parse import quote, urlencode, urlsplit

from ansible.module_utils.collab.keycloak_compare import Json

LOGIN_PATH = "/realms/master/protocol/openid-connect/token"

RETRY_SECONDS = 0.5

_AGAIN = frozenset({"GET", "PUT", "DELETE"})
"""Methods that may be sent twice (RFC 9110, 9.2.2)."""


class KeycloakError(Exception):
    """Keycloak refused or did not answer. The message never holds a request's body, so no secret."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class UnreachableError(KeycloakError):
    """Nothing answers at the address."""


class _NotConnectedError(Exception):
    """No connection came about, so nothing was sent."""


class Api:
    """One connection, and the token of one service account of the realm ``master``.

    :param url: ``https://host:port``.
    :param ca_file: the CA that must have signed the server's certificate, in PEM.
    :param patience: seconds to wait for a server that does not answer yet.

    ``rights`` are those of the account that logged in last: client -> its roles, as the token has them.
    """

    def __init__(self, url: str, ca_file: str, patience: float = 0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise KeycloakError(f"{url!r} is not an https URL")
        self._name = f"{parts.hostname}:{parts.port or 443}"
        context = ssl.create_default_context(cafile=ca_file)
        self._connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=60, context=context)
        self._patience = patience
        self._account: tuple[str, str] | None = None
        self._token = ""
        self.rights: dict[str, set[str]] = {}
        self.requests = 0

    def login(self, client_id: str, secret: str) -> bool:
        """Get a token for a service account; False when Keycloak knows no such account or secret.

        :raises KeycloakError: when the server is ill. Without its database it answers 400 to any token request.
        """
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, answer = self._send("POST", LOGIN_PATH, urlencode(form).encode(), headers)
        if status == http.client.OK:
            self._token, self._account = str(answer["access_token"]), (client_id, secret)
            self.rights = rights(self._token)
            return True
        if status == http.client.UNAUTHORIZED:
            return False
        raise KeycloakError(f"{self._name}: asked for a token and got {status} {reason(answer)}", status)

    def get(self, path: str, **query: str) -> Json:
        """Return what is at a path below /admin/realms.

        :raises KeycloakError: on any answer but 200.
        """
        return self.call("GET", path + ("?" + urlencode(query) if query else ""))

    def find(self, path: str) -> Json | None:
        """Return what is at a path, or None when there is nothing."""
        try:
            return self.get(path)
        except KeycloakError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """Send one request below /admin/realms and return the answer; of a creation, the new id.

        :raises KeycloakError: when it is refused; the message names method, path and Keycloak's reason.
        """
        data = None if body is None else json.dumps(body).encode()
        return self._authorised(method, "/admin/realms" + path, data, "application/json")

    def put_text(self, path: str, text: str) -> None:
        """Write a plain text below /admin/realms."""
        self._authorised("PUT", "/admin/realms" + path, text.encode(), "text/plain;charset=utf-8")

    def exists(self, realm: str) -> bool:
        """Say whether a realm is there, which needs no token."""
        status, _ = self._send("GET", f"/realms/{quote(realm)}", None, {})
        return status != http.client.NOT_FOUND

    def _authorised(self, method: str, path: str, data: bytes | None, kind: str) -> Json:
        for attempt in (1, 2):
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
            status, answer = self._send(method, path, data, headers)
            if status == http.client.UNAUTHORIZED and attempt == 1 and self._account:
                self.login(*self._account)  # a token lives for a minute
                continue
            break
        if status >= http.client.BAD_REQUEST:
            code = str(answer.get("error", "")) if isinstance(answer, dict) else ""
            raise KeycloakError(f"{self._name}: {method} {path}: {status} {reason(answer)}", status, code)
        return answer

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, Json]:
        deadline = time.monotonic() + self._patience
        again = method in _AGAIN
        while True:
            try:
                if self._connection.sock is None:
                    self._connect()
                return self._exchange(method, path, data, headers)
            except _NotConnectedError as error:
                self._connection.close()
                if time.monotonic() > deadline:
                    raise UnreachableError(f"{self._name}: {error}") from None
                time.sleep(RETRY_SECONDS)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if not again:
                    raise UnreachableError(f"{self._name}: {method} {path}: {type(error).__name__} {error}") from None
                again = False

    def _connect(self) -> None:
        try:
            self._connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise KeycloakError(f"{self._name}: {error.verify_message}") from None
        except ConnectionRefusedError:
            raise _NotConnectedError("connection refused") from None
        except OSError as error:
            # Docker takes connections for a container that does not listen yet, and ends them at once.
            raise _NotConnectedError(f"no connection: {type(error).__name__} {error}") from None

    def _exchange(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, Json]:
        self.requests += 1
        self._connection.request(method, path, body=data, headers=headers)
        response = self._connection.getresponse()
        text = response.read()
        location = response.getheader("Location", "")
        if response.status == http.client.CREATED and location:
            return response.status, location.rsplit("/", 1)[-1]
        try:
            return response.status, json.loads(text) if text else None
        except ValueError:
            return response.status, text.decode(errors="replace")


def rights(token: str) -> dict[str, set[str]]:
    """Return which roles of which clients a token carries. It comes straight from Keycloak, so nothing is verified."""
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return {client: set(held["roles"]) for client, held in claims.get("resource_access", {}).items()}


def reason(answer: Json) -> str:
    """Return Keycloak's words for a refusal, in one line of at most 300 characters."""
    if isinstance(answer, dict):
        words = [str(answer[key]) for key in ("error", "errorMessage", "error_description") if answer.get(key)]
        words += [str(item.get("errorMessage", "")) for item in answer.get("errors", []) if isinstance(item, dict)]
        answer = ": ".join(words)
    return " ".join(str(answer or "without a reason").split())[:300]


def segment(text: str) -> str:
    """Return a name as one segment of a path."""
    return quote(text, safe="")
