"""The steps of a login as a browser takes them: authorization code with PKCE (RFC 7636) through Keycloak's own form.

What a page is, is read from ``data-page-id`` of its body, which no language and no theme changes; a login has worked
only when the browser is sent to the redirect URI with a code.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

from collab_stack.probes.model import ProbeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from collab_stack.probes.web import Session as WebSession

_LOGIN_FORM: Final = "/login-actions/authenticate"

ACCOUNT: Final = (
    "run `collab-stack deploy --only sso`, which sets the probe user's password and takes away what is required"
)


@dataclass(frozen=True, slots=True)
class Page:
    """What a login page shows a machine.

    :param page_id: such as ``login-login``; empty when the theme does not say.
    :param action: where the login form goes; empty without one.
    :param hidden: the form's hidden fields.
    :param failed: the page complains about what was entered.
    """

    page_id: str
    action: str
    hidden: Mapping[str, str]
    failed: bool


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page_id = self.action = ""
        self.hidden: dict[str, str] = {}
        self.failed = self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "body":
            self.page_id = found.get("data-page-id", "")
        elif tag == "form" and _LOGIN_FORM in found.get("action", ""):
            self.action, self._inside = found["action"], True
        elif tag == "input" and self._inside and found.get("type") == "hidden":
            self.hidden[found.get("name", "")] = found.get("value", "")
        if found.get("id", "").startswith("input-error"):
            self.failed = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def read_page(html: str) -> Page:
    """Return what a page of Keycloak is."""
    reader = _Reader()
    reader.feed(html)
    return Page(reader.page_id, reader.action, reader.hidden, reader.failed)


class Attempt:
    """One run of the code flow for one client."""

    def __init__(
        self, browser: WebSession, discovery: Mapping[str, Any], client: str, redirect: str, scopes: str
    ) -> None:
        self._browser, self._discovery, self._client, self._redirect = browser, discovery, client, redirect
        self.state, self.nonce, self._verifier = (secrets.token_urlsafe(32) for _ in range(3))
        self._parameters = authorization(client, redirect, scopes, self._verifier) | {
            "state": self.state,
            "nonce": self.nonce,
        }

    def code(self, user: str, password: str) -> str:
        """Return the code, after filling in the login form when one is shown."""
        answer = self._browser.request("GET", self._discovery["authorization_endpoint"], params=self._parameters)
        if answer.status_code == 302:  # still logged in from before
            return self._code(answer)
        page = self._page(answer, "the login form")
        if not page.action:
            raise ProbeError(f"no login form but the page {page.page_id or 'without a name'}", ACCOUNT)
        form = {**page.hidden, "username": user, "password": password}
        answer = self._browser.request("POST", urljoin(str(answer.url), page.action), data=form)
        if answer.status_code == 302:
            return self._code(answer)
        raise _refused(self._page(answer, "the answer to the login form"), user)

    def silent_code(self) -> str | None:
        """Return a code without asking anybody (``prompt=none``), None when the client gets none that way."""
        parameters = {**self._parameters, "prompt": "none"}
        answer = self._browser.request("GET", self._discovery["authorization_endpoint"], params=parameters)
        where = answer.headers.get("Location", "")
        if answer.status_code != 302 or not where.startswith(self._redirect) or "code" not in _query(where):
            return None
        return self._code(answer)

    def exchange(self, code: str) -> dict[str, Any]:
        """Return the token endpoint's answer."""
        answer = self._browser.request(
            "POST",
            self._discovery["token_endpoint"],
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._redirect,
                "client_id": self._client,
                "code_verifier": self._verifier,
            },
        )
        if answer.status_code != 200:
            error = answer.json().get("error", "") if "json" in answer.headers.get("Content-Type", "") else ""
            # Keycloak says unauthorized_client also when its database is away.
            raise ProbeError(f"the token endpoint answers {answer.status_code} {error}".rstrip(), ACCOUNT)
        found: dict[str, Any] = answer.json()
        return found

    @staticmethod
    def _page(answer: requests.Response, what: str) -> Page:
        if answer.status_code >= 500:
            mend = "look at `journalctl -u collab-keycloak` on the sso host, and at postgresql.tls"
            raise ProbeError(f"{what}: {answer.status_code}", mend)
        return read_page(answer.text)

    def _code(self, answer: requests.Response) -> str:
        where = answer.headers.get("Location", "")
        query = _query(where)
        if not where.startswith(self._redirect) or "code" not in query:
            asked = query.get("execution") or query.get("error") or [urlsplit(where).path]
            raise ProbeError(f"sent to {asked[0]} instead of back with a code", ACCOUNT)
        if query.get("state") != [self.state]:
            raise ProbeError("sent back with another state than this login's", "report it: it is not for us")
        return query["code"][0]


def authorization(client: str, redirect: str, scopes: str, verifier: str) -> dict[str, str]:
    """Return the parameters of an authorization request with PKCE S256."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {
        "client_id": client,
        "redirect_uri": redirect,
        "response_type": "code",
        "scope": scopes,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def _refused(page: Page, user: str) -> ProbeError:
    if page.page_id == "login-login" or (page.failed and not page.page_id):
        return ProbeError(
            f"Keycloak does not let {user} in: wrong password, or locked for a while (it says the same for both)",
            "wait a minute and try again; then run `collab-stack deploy --only sso`, which sets the password anew",
        )
    if page.page_id == "login-error":
        return ProbeError("Keycloak shows its error page", "look at `journalctl -u collab-keycloak` on the sso host")
    return ProbeError(f"after the password Keycloak wants something more: {page.page_id or 'an unnamed page'}", ACCOUNT)


def _query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)
