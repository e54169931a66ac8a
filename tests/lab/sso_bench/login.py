"""A person's browser, as far as a login needs one."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.lab.sso_bench.bench import NEXTCLOUD, REALM

if TYPE_CHECKING:
    from tests.lab.sso_bench.bench import Bench


@dataclass
class Outcome:
    """How a login ended.

    :param page: Keycloak's name of the page that was shown last; empty when the login succeeded.
    :param text: what that page says.
    """

    page: str = ""
    text: str = ""
    access: dict[str, Any] = field(default_factory=dict)
    identity: dict[str, Any] = field(default_factory=dict)


class Browser:
    """One cookie jar."""

    def __init__(self, bench: Bench) -> None:
        self.base = f"{bench.url}/realms/{REALM}/protocol/openid-connect"
        self.callback = f"{bench.url}/realms/{REALM}/collab-probe/callback"
        self.session = requests.Session()
        self.session.trust_env = False  # REQUESTS_CA_BUNDLE would win over the bench's CA
        self.session.verify = str(bench.ca_file)

    def login(self, username: str, password: str, client: str = "nextcloud", **query: str) -> Outcome:
        """Log in by the page, unless a cookie does, and exchange the code."""
        redirect = NEXTCLOUD["redirect_uris"][0] if client == "nextcloud" else self.callback
        verifier = secrets.token_urlsafe(40)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": client,
            "redirect_uri": str(redirect),
            "response_type": "code",
            "scope": "openid profile email",
            "state": "s",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **query,
        }
        page = self.session.get(f"{self.base}/auth", params=asked, allow_redirects=False, timeout=60)
        form = re.search(r'<form[^>]*action="([^"]+/login-actions/authenticate[^"]*)"', page.text)
        if form:
            data = {"username": username, "password": password, "credentialId": ""}
            page = self.session.post(html.unescape(form[1]), data=data, allow_redirects=False, timeout=60)
        target = page.headers.get("Location", "")
        if target.startswith(str(redirect)) and "code=" in target:
            code = parse_qs(urlsplit(target).query)["code"][0]
            return self._exchange(client, str(redirect), code, verifier)
        if target:
            page = self.session.get(target, timeout=60)
        found = re.search(r'data-page-id="([^"]+)"', page.text)
        return Outcome(found[1] if found else f"status {page.status_code}", html.unescape(page.text))

    def _exchange(self, client: str, redirect: str, code: str, verifier: str) -> Outcome:
        data = {
            "grant_type": "authorization_code",
            "client_id": client,
            "redirect_uri": redirect,
            "code": code,
            "code_verifier": verifier,
        }
        if client == "nextcloud":
            data["client_secret"] = str(NEXTCLOUD["secret"])
        answer = self.session.post(f"{self.base}/token", data=data, timeout=60)
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        return Outcome(access=claims(tokens["access_token"]), identity=claims(tokens["id_token"]))


def claims(token: str) -> dict[str, Any]:
    """Return what a token says; its signature is not this test's affair."""
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return found
