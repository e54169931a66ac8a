"""Nextcloud: says it is well, takes and gives files with an SSO token, refuses other tokens, and does its chores."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urljoin

from collab_stack.probes.model import Probe, ProbeError, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.probes.target import Target

CRON_SECONDS: Final = 900
"""The timer runs every five minutes; three times that is what Nextcloud's own status page calls too long."""

LEFTOVER_SECONDS: Final = 600
"""A file of a probe that is older belongs to none that still runs."""

OTHERS: Final = (("account-console", "/account/"), ("security-admin-console", ""))
"""Public clients that every realm has, and where below the issuer their codes may go."""

_LOOK: Final = "look at `journalctl -u collab-nextcloud` on the nextcloud host"


class Status(Probe):
    """Nextcloud's own word: installed, not in maintenance, no upgrade pending."""

    id = "nextcloud.status"
    service = "nextcloud"
    severity = "critical"
    lane = "nextcloud"
    did = "read /status.php through the edge"
    mend = _LOOK

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation. The body counts: the status stays 200 in maintenance."""
        url = f"{target.urls['nextcloud']}/status.php"
        answer = target.web.request("GET", url)
        if answer.status_code != 200:
            raise ProbeError(f"{answer.status_code}", f"{_LOOK}; see postgresql.tls and host.units")
        body: dict[str, Any] = answer.json()
        mends = {
            "installed": (True, "run `collab-stack deploy --only nextcloud`"),
            "maintenance": (
                False,
                "a deploy or an operator is at work; else run `collab-stack deploy --only nextcloud`",
            ),
            "needsDbUpgrade": (False, "run `collab-stack deploy --only nextcloud`, which runs `occ upgrade`"),
        }
        wrong = {key: mend for key, (wanted, mend) in mends.items() if body.get(key) is not wanted}
        if wrong:
            saw = ", ".join(f"{key} is {str(body.get(key)).lower()}" for key in wrong)
            raise ProbeError(saw, "; ".join(dict.fromkeys(wrong.values())))
        yield Seen("pass", f"GET {url}", f"{body.get('versionstring')}, well", host=target.name("nextcloud"))


class LoginPage(Probe):
    """Who opens Nextcloud is shown Keycloak's login form: address, client and redirect URI fit on both sides."""

    id = "nextcloud.login-page"
    service = "nextcloud"
    severity = "critical"
    lane = "nextcloud"
    did = "opened /login and followed it to Keycloak's form"
    mend = "run `collab-stack deploy --only sso,nextcloud`"

    _STEPS: Final = 5

    def applies(self, target: Target) -> bool:
        """Both have to be there."""
        return "nextcloud" in target.urls and target.login is not None

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation."""
        issuer = target.login.issuer if target.login else ""
        url = f"{target.urls['nextcloud']}/login"
        with target.web.session() as browser:
            for _ in range(self._STEPS):
                answer = browser.request("GET", url)
                if answer.status_code not in (301, 302, 303, 307):
                    break
                url = urljoin(url, answer.headers.get("Location", ""))
                if not url.startswith((target.urls["nextcloud"], issuer)):
                    raise ProbeError(f"sent to {url.partition('?')[0]}", self.mend)
        there = str(answer.url).startswith(f"{issuer}/")
        if not there or answer.status_code != 200 or 'type="password"' not in answer.text:
            where = str(answer.url).partition("?")[0]
            raise ProbeError(
                f"ended at {where} with {answer.status_code}, which is no login form of Keycloak", self.mend
            )
        yield Seen("pass", self.did, "the login form, for Nextcloud's client", host=target.name("nextcloud"))


class Files(Probe):
    """A file can be put, fetched and deleted, with the token of a login."""

    id = "nextcloud.webdav"
    service = "nextcloud"
    severity = "critical"
    lane = "login"
    did = "put a file by WebDAV with the SSO token, fetched it, compared it and deleted it"
    mend = f"{_LOOK}; run `collab-stack deploy --only sso,nextcloud`"

    def applies(self, target: Target) -> bool:
        """Both have to be there."""
        return "nextcloud" in target.urls and target.session is not None

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation; skip when nobody is logged in."""
        tokens = target.session.tokens if target.session else None
        if tokens is None or target.login is None:
            yield Seen("skip", self.did, "nobody is logged in", "see keycloak.login", host=target.name("nextcloud"))
            return
        person = quote(str(tokens.access_claims[target.login.identity_claim]), safe="")
        base = f"{target.urls['nextcloud']}/remote.php/dav"
        folder = f"{base}/files/{person}/"
        # No cookies: with the session of an earlier request, user_oidc 8.7 to 8.10 answers 401.
        authorised = {"Authorization": f"Bearer {tokens.access}"}
        url = f"{folder}.collab-probe-{int(time.time())}-{secrets.token_hex(4)}.txt"
        content = secrets.token_hex(512)
        try:
            self._round(target, url, authorised, content)
        except BaseException:
            # A request that timed out may have been carried out all the same.
            with suppress(OSError):
                target.web.request("DELETE", url, headers=authorised)
            raise
        self._sweep(target, folder, authorised)
        # What is deleted goes to the trash, and would stay there for weeks.
        target.web.request("DELETE", f"{base}/trashbin/{person}/trash", headers=authorised)
        yield Seen("pass", self.did, f"{len(content)} bytes there and back", host=target.name("nextcloud"))

    def _round(self, target: Target, url: str, headers: dict[str, str], content: str) -> None:
        self._expect(target, "PUT", url, headers, (201, 204), content)
        if self._expect(target, "GET", url, headers, (200,)) != content:
            raise ProbeError("the file came back with another content", _LOOK)
        self._expect(target, "DELETE", url, headers, (204,))

    @staticmethod
    def _sweep(target: Target, folder: str, headers: dict[str, str]) -> None:
        """Remove what earlier probes could not; those of the last minutes may be another machine's."""
        listed = target.web.request("PROPFIND", folder, headers={**headers, "Depth": "1"}).text
        for name, made in set(re.findall(r"(\.collab-probe-(\d+)-[0-9a-f]+\.txt)", listed)):
            if int(made) < time.time() - LEFTOVER_SECONDS:
                target.web.request("DELETE", f"{folder}{name}", headers=headers)

    def _expect(
        self,
        target: Target,
        method: str,
        url: str,
        headers: dict[str, str],
        wanted: tuple[int, ...],
        body: str | None = None,
    ) -> str:
        answer = target.web.request(method, url, headers=headers, data=body)
        if answer.status_code not in wanted:
            saw = f"{method}: {answer.status_code} instead of {' or '.join(map(str, wanted))}"
            mends = {
                401: "run `collab-stack deploy --only sso,nextcloud`; compare the clocks (host.clock)",
                423: "see valkey.tls: file locks are kept there",
                503: "see nextcloud.status: maintenance or a pending upgrade",
                507: "see host.disk, and the quota of the probe user",
            }
            raise ProbeError(saw, mends.get(answer.status_code, self.mend))
        return answer.text


class ForeignTokens(Probe):
    """A token that is not meant for Nextcloud opens nothing there.

    user_oidc lets in a token of the realm that has no ``aud`` at all; so every client of the realm has to give one,
    also those that a realm always has, which anybody who is logged in can use.
    """

    id = "nextcloud.foreign-token"
    service = "nextcloud"
    severity = "critical"
    lane = "login"
    did = "tried tokens at WebDAV that are not meant for Nextcloud"
    mend = (
        "run `collab-stack deploy --only sso`: a client of the realm lacks its audience, or Nextcloud does not check it"
    )

    def applies(self, target: Target) -> bool:
        """Both have to be there."""
        return "nextcloud" in target.urls and target.session is not None

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation; skip when nobody is logged in."""
        session = target.session
        tokens = session.tokens if session else None
        if session is None or tokens is None:
            yield Seen("skip", self.did, "nobody is logged in", "see keycloak.login", host=target.name("nextcloud"))
            return
        login = session.login
        person = quote(str(tokens.access_claims[login.identity_claim]), safe="")
        url = f"{target.urls['nextcloud']}/remote.php/dav/files/{person}/"
        tried: dict[str, str] = {
            f"the ID token of {login.client}": tokens.identity,
            "a token with a broken signature": broken(tokens.access),
        }
        for client, path in OTHERS:
            base = login.issuer if path else login.issuer.replace("/realms/", "/admin/")
            token = session.token_of(client, f"{base}{path or '/console/'}")
            if token is not None:
                tried[f"the token of {client}"] = token
        answers = {
            what: target.web.request(
                "PROPFIND", url, headers={"Authorization": f"Bearer {token}", "Depth": "0"}
            ).status_code
            for what, token in tried.items()
        }
        open_to = [f"{what}: {status}" for what, status in answers.items() if status != 401]
        if open_to:
            raise ProbeError("; ".join(open_to), self.mend)
        yield Seen("pass", self.did, f"401 for {', '.join(answers)}", host=target.name("nextcloud"))


class Cron(Probe):
    """Background jobs run: without them nothing is cleaned up, sent or scanned."""

    id = "nextcloud.cron"
    service = "nextcloud"
    severity = "major"
    lane = "hosts"
    did = "read when background jobs last ran"
    mend = "look at `systemctl list-timers` and `journalctl -u collab-nextcloud-cron` on the host"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per host that carries Nextcloud."""
        for host, found in target.health("cron"):
            did = f"occ config:app:get core lastcron on {host}"
            if found.get("error"):
                yield Seen("fail", did, found["error"], f"{_LOOK}; see postgresql.tls", host=host)
                continue
            # The first run after a start, of a new Nextcloud too, is up to the timer.
            waited = found["now"] - max(found["last"], found["since"])
            ago = f"{found['now'] - found['last']} s ago" if found["last"] else "never"
            saw = ago if found["last"] >= found["since"] else f"{ago}; up for {found['now'] - found['since']} s"
            good = waited <= CRON_SECONDS
            yield Seen("pass" if good else "fail", did, saw, "" if good else self.mend, host=host)


def broken(token: str) -> str:
    """Return a token whose signature does not fit: its first character is another one."""
    head, _, signature = token.rpartition(".")
    other = "B" if signature.startswith("A") else "A"
    return f"{head}.{other}{signature[1:]}"
