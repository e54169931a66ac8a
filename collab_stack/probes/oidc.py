"""The one login of a probe run, and the checks of what it gave.

One user never logs in twice at the same time: Keycloak takes that for an attack and locks the account for a while.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import jwt

from collab_stack.probes.codeflow import ACCOUNT, Attempt
from collab_stack.probes.model import ProbeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_stack.probes.target import Login
    from collab_stack.probes.web import Session as WebSession
    from collab_stack.probes.web import Web

SKEW_SECONDS: Final = 10
"""Keycloak's own default since 26.6; a clock that is further off breaks logins in applications."""

ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"]
"""What Nextcloud's user_oidc accepts too. Never `none`, never a symmetric one."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login gave; kept out of every message."""

    access: str = field(repr=False)
    identity: str = field(repr=False)
    refresh: str = field(repr=False)
    access_claims: Mapping[str, Any] = field(repr=False)
    identity_claims: Mapping[str, Any] = field(repr=False)


class Session:
    """One login of the probe user, made when it is first asked for and shared by all who need it."""

    def __init__(self, web: Web, login: Login) -> None:
        self.login = login
        self._web = web
        self._browser: WebSession | None = None
        self._tokens: Tokens | None = None
        self._discovery: dict[str, Any] | None = None
        self._keys: list[dict[str, Any]] | None = None
        self._lock = Lock()

    def discovery(self) -> dict[str, Any]:
        """Return the discovery document, read once."""
        with self._lock:
            if self._discovery is None:
                self._discovery = self._json(f"{self.login.issuer}/.well-known/openid-configuration")
            return self._discovery

    def signing_keys(self) -> list[dict[str, Any]]:
        """Return the realm's signing keys as they are published, read once."""
        address = self.discovery()["jwks_uri"]
        with self._lock:
            if self._keys is None:
                self._keys = [key for key in self._json(address).get("keys", []) if key.get("use", "sig") == "sig"]
            return self._keys

    def _json(self, url: str) -> dict[str, Any]:
        answer = self._web.request("GET", url)
        if answer.status_code != 200:
            raise ProbeError(
                f"GET {url}: {answer.status_code}",
                "look at `journalctl -u collab-keycloak` on its host; run `collab-stack deploy --only keycloak,sso`",
            )
        found = answer.json()
        if not isinstance(found, dict):
            raise ProbeError(f"GET {url}: not a JSON object", "see whether something else answers under this name")
        return found

    @property
    def tokens(self) -> Tokens | None:
        """The tokens, or None while nobody is logged in."""
        return self._tokens

    def open(self) -> Tokens:
        """Log in, unless that is done.

        :raises ProbeError: saying at which step it ended.
        """
        if self._tokens is None:
            self._browser = self._browser or self._web.session()
            attempt = Attempt(
                self._browser, self.discovery(), self.login.client, self.login.redirect, self.login.scopes
            )
            code = attempt.code(self.login.user, self.login.password)
            self._tokens = self._checked(attempt.exchange(code), attempt.nonce)
        return self._tokens

    def token_of(self, client: str, redirect: str) -> str | None:
        """Return an access token that another public client gets for the user who is logged in, or None."""
        if self._browser is None:
            return None
        attempt = Attempt(self._browser, self.discovery(), client, redirect, "openid")
        code = attempt.silent_code()
        if code is None:
            return None
        return str(attempt.exchange(code)["access_token"])

    def _checked(self, answer: Mapping[str, Any], nonce: str) -> Tokens:
        identity, access = str(answer["id_token"]), str(answer["access_token"])
        claims = self.verify(identity, self.login.client)
        if claims.get("nonce") != nonce:
            raise ProbeError("the ID token carries another nonce than this login's", "report it: it is not for us")
        if "at_hash" in claims and claims["at_hash"] != at_hash(identity, access):
            raise ProbeError("the ID token's at_hash does not fit the access token", "report it: tokens were mixed up")
        return Tokens(access, identity, str(answer.get("refresh_token", "")), self.verify(access, None), claims)

    def verify(self, token: str, audience: str | None) -> dict[str, Any]:
        """Return a token's claims after checking signature, issuer, expiry and (when given) audience.

        :raises ProbeError: when it does not hold.
        """
        try:
            wanted = jwt.get_unverified_header(token).get("kid")
            key = next((key for key in self.signing_keys() if key.get("kid") == wanted), None)
            if key is None:
                raise ProbeError("a token is signed by a key that the realm does not publish", ACCOUNT)
            return jwt.decode(
                token,
                jwt.PyJWK.from_dict(key),
                algorithms=ALGORITHMS,
                audience=audience,
                issuer=self.login.issuer,
                leeway=SKEW_SECONDS,
                options={"require": ["exp", "iat", "iss"], "verify_aud": audience is not None},
            )
        except jwt.PyJWTError as error:
            raise ProbeError(
                f"a token does not hold: {error}",
                "compare the clocks (host.clock); compare the issuer with the public name of Keycloak",
            ) from error

    def close(self) -> tuple[int, int]:
        """End the session at Keycloak; return the status of that, and of a refresh afterwards, which should be 400."""
        tokens, self._tokens = self._tokens, None
        if tokens is None or self._browser is None:
            raise ProbeError("there is no session to end", "see keycloak.login")
        ended = self._browser.request(
            "GET",
            self.discovery()["end_session_endpoint"],
            params={"id_token_hint": tokens.identity, "client_id": self.login.client},
        )
        again = self._web.request(
            "POST",
            self.discovery()["token_endpoint"],
            data={"grant_type": "refresh_token", "refresh_token": tokens.refresh, "client_id": self.login.client},
        )
        self._browser.close()
        return ended.status_code, again.status_code


def at_hash(identity: str, access: str) -> str:
    """Return what ``at_hash`` of an ID token has to be for an access token (OpenID Connect Core §3.1.3.6)."""
    algorithm = jwt.get_algorithm_by_name(jwt.get_unverified_header(identity)["alg"])
    digest = algorithm.compute_hash_digest(access.encode())
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
