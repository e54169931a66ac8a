"""A small identity provider with Keycloak's outside: discovery, login form, code with PKCE, tokens, logout."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

USER, PASSWORD = "collab-probe", "correct-horse"
CLIENT = "collab-probe"


@cache
def signing_key(_name: str) -> rsa.RSAPrivateKey:
    """Return a key, made once per name: making one takes a second on a busy machine."""
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Answer:
    """What is sent back."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def page(page_id: str, inner: str = "", status: int = 200) -> Answer:
    """Return a page as Keycloak's theme makes it."""
    return Answer(status, f'<html lang="sv"><body id="x" data-page-id="{page_id}">{inner}</body></html>')


@dataclass
class Idp:
    """Its behaviour; tests break one thing at a time."""

    issuer: str
    redirects: dict[str, list[str]]
    broken: set[str] = field(default_factory=set)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: signing_key("real"))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh: set[str] = field(default_factory=set)
    logged_in: set[str] = field(default_factory=set)
    logins: int = 0

    def discovery(self) -> Answer:
        """Return the discovery document."""
        base = f"{self.issuer}/protocol/openid-connect"
        body: dict[str, Any] = {
            "issuer": "https://elsewhere.example" if "issuer" in self.broken else self.issuer,
            "authorization_endpoint": f"{base}/auth",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/certs",
            "userinfo_endpoint": f"{base}/userinfo",
            "end_session_endpoint": f"{base}/logout",
            "code_challenge_methods_supported": ["plain"] if "pkce" in self.broken else ["plain", "S256"],
        }
        return Answer(200, json.dumps(body), {"Content-Type": "application/json"})

    def certs(self) -> Answer:
        """Return the published keys."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        keys = [] if "keys" in self.broken else [public | {"kid": "k1", "alg": "RS256", "use": "sig"}]
        return Answer(200, json.dumps({"keys": keys}), {"Content-Type": "application/json"})

    def authorize(self, query: dict[str, str], cookie: str) -> Answer:
        """Show the form, or send back at once whoever is logged in."""
        client, redirect = query.get("client_id", ""), query.get("redirect_uri", "")
        wide = "wide-redirect" in self.broken and redirect.startswith(self.issuer)
        if redirect not in self.redirects.get(client, []) and not wide:
            return page("login-error", "<p>fel</p>", 400)
        if query.get("code_challenge_method") != "S256":
            return Answer(302, headers={"Location": f"{redirect}?error=invalid_request"})
        if cookie in self.logged_in:
            return self._back(query)
        if query.get("prompt") == "none":
            return Answer(302, headers={"Location": f"{redirect}?error=login_required"})
        session = secrets.token_hex(8)
        self.codes[session] = query
        action = f"{self.issuer}/login-actions/authenticate?session_code={session}&amp;client_id={client}"
        form = (
            f'<form id="kc-form-login" action="{action}" method="post"><input name="username">'
            '<input type="password" name="password"><input type="hidden" name="credentialId" value=""></form>'
        )
        answer = page("login-login", form)
        answer.headers["Set-Cookie"] = f"AUTH_SESSION_ID={session}; Path=/; Secure; HttpOnly; SameSite=None"
        return answer

    def authenticate(self, query: dict[str, str], form: dict[str, str], cookies: dict[str, str]) -> Answer:
        """Take the form."""
        session = query["session_code"]
        if cookies.get("AUTH_SESSION_ID") != session:
            return page("login-error", "<p>cookie</p>", 400)
        if "required-action" in self.broken:
            where = f"{self.issuer}/login-actions/required-action?execution=UPDATE_PASSWORD"
            return Answer(302, headers={"Location": where})
        if "otp" in self.broken:
            return page("login-login-otp", f'<form action="{self.issuer}/login-actions/authenticate?x=1"></form>')
        if (form.get("username"), form.get("password")) != (USER, PASSWORD) or "locked" in self.broken:
            return page("login-login", '<span id="input-error-username">Fel</span>')
        self.logins += 1
        identity = secrets.token_hex(8)
        self.logged_in.add(identity)
        answer = self._back(self.codes.pop(session))
        answer.headers["Set-Cookie"] = f"KEYCLOAK_IDENTITY={identity}; Path=/; Secure; HttpOnly; SameSite=None"
        return answer

    def _back(self, query: dict[str, str]) -> Answer:
        code = secrets.token_hex(8)
        self.codes[code] = query
        state = "another" if "state" in self.broken else query.get("state", "")
        return Answer(
            302, headers={"Location": query["redirect_uri"] + "?" + urlencode({"code": code, "state": state})}
        )

    def token(self, form: dict[str, str]) -> Answer:
        """Give tokens for a code, or refuse a dead refresh token."""
        if form["grant_type"] == "refresh_token":
            alive = form["refresh_token"] in self.refresh or "immortal" in self.broken
            return self._tokens({"client_id": form["client_id"]}) if alive else self._error(400, "invalid_grant")
        query = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if query is None or query["code_challenge"] != challenge or query["redirect_uri"] != form["redirect_uri"]:
            return self._error(400, "invalid_grant")
        if "token" in self.broken:
            return self._error(400, "unauthorized_client")
        return self._tokens(query)

    @staticmethod
    def _error(status: int, error: str) -> Answer:
        return Answer(status, json.dumps({"error": error}), {"Content-Type": "application/json"})

    def _tokens(self, query: dict[str, str]) -> Answer:
        client = query["client_id"]
        access: dict[str, Any] = {"sub": "u1", "azp": client, "collab_identity": "id-42"}
        if client == CLIENT and "audience" not in self.broken:
            access["aud"] = ["nextcloud", "account"]
        elif "no-aud" not in self.broken:
            access["aud"] = "account"
        token = self.sign(access)
        half = hashlib.sha256(token.encode()).digest()[:16]
        hashed = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
        identity = {
            "sub": "u1",
            "aud": client,
            "nonce": "x" if "nonce" in self.broken else query.get("nonce", ""),
            "at_hash": "x" if "at_hash" in self.broken else hashed,
        }
        refresh = secrets.token_hex(8)
        self.refresh.add(refresh)
        body = {"access_token": token, "id_token": self.sign(identity), "refresh_token": refresh}
        return Answer(200, json.dumps(body), {"Content-Type": "application/json"})

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a token with these claims."""
        now = int(time.time()) + (-900 if "clock" in self.broken else 0)
        issuer = "https://elsewhere.example" if "token-issuer" in self.broken else self.issuer
        key = signing_key("another") if "signature" in self.broken else self.key
        full = {"iss": issuer, "iat": now, "exp": now + 300} | claims
        return jwt.encode(full, key, algorithm="RS256", headers={"kid": "k1"})

    def logout(self) -> Answer:
        """End every session."""
        self.refresh.clear()
        self.logged_in.clear()
        return page("login-info")


def fields(text: str) -> dict[str, str]:
    """Return form or query fields."""
    return {key: values[0] for key, values in parse_qs(text, keep_blank_values=True).items()}
