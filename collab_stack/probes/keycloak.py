"""Keycloak: alive, says the truth about itself, lets in who may come in, and nobody else."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from collab_stack.probes.codeflow import authorization, read_page
from collab_stack.probes.model import Probe, ProbeError, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.probes.oidc import Session
    from collab_stack.probes.target import Login, Target

SIGNING: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})

_REALM: Final = "run `collab-stack deploy --only sso`"
_LOOK: Final = "look at `journalctl -u collab-keycloak` on the host"


class _KeycloakProbe(Probe):
    service = "keycloak"

    def applies(self, target: Target) -> bool:
        """A site without a login of its own has nothing to ask."""
        return target.session is not None


class Health(Probe):
    """Keycloak calls itself ready, its database included."""

    id = "keycloak.health"
    service = "keycloak"
    severity = "critical"
    lane = "hosts"
    did = "asked for /health/ready on the host"
    mend = _LOOK

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per host that carries Keycloak."""
        for host, report in target.reports().items():
            answer = report.health.get("https", {}).get("keycloak")
            if answer is None:
                continue
            did = f"GET https://{answer['address']}:{answer['port']}{answer['path']} on {host}"
            if answer.get("error"):
                yield Seen("fail", did, answer["error"], _LOOK, host=host)
            elif answer["status"] == 200:
                yield Seen("pass", did, f"200, {answer['milliseconds']} ms", host=host)
            else:
                yield Seen(
                    "fail", did, f"{answer['status']}: {answer['body']}", f"{_LOOK}; see postgresql.tls", host=host
                )


class Discovery(_KeycloakProbe):
    """What applications read about the login is right."""

    id = "keycloak.discovery"
    severity = "critical"
    lane = "keycloak"
    did = "read the discovery document"
    mend = "run `collab-stack deploy --only keycloak,sso`"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation."""
        session, login = _session(target)
        did = f"GET {login.issuer}/.well-known/openid-configuration"
        found = session.discovery()
        wrong = []
        if found.get("issuer") != login.issuer:
            wrong.append(f"the issuer is {found.get('issuer')}, not {login.issuer}")
        if "S256" not in found.get("code_challenge_methods_supported", ()):
            wrong.append("PKCE with S256 is not offered")
        ends = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint", "userinfo_endpoint")
        origin = urlsplit(login.issuer)[:2]
        wrong += [f"{end} is {found.get(end)}" for end in ends if urlsplit(str(found.get(end)))[:2] != origin]
        if wrong:
            raise ProbeError("; ".join(wrong), self.mend)
        yield Seen("pass", did, "issuer, endpoints and PKCE S256 are right", host=target.name("keycloak"))


class Keys(_KeycloakProbe):
    """The realm publishes keys that applications can check tokens with."""

    id = "keycloak.keys"
    severity = "critical"
    lane = "keycloak"
    did = "read the published keys"
    mend = _REALM

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation."""
        session, _ = _session(target)
        algorithms = sorted({str(key.get("alg")) for key in session.signing_keys() if key.get("alg") in SIGNING})
        if not algorithms:
            raise ProbeError("no signing key is published", self.mend)
        yield Seen("pass", self.did, ", ".join(algorithms), host=target.name("keycloak"))


class LoginForm(_KeycloakProbe):
    """A person can log in: form, password, code, tokens; and the tokens hold."""

    id = "keycloak.login"
    severity = "critical"
    lane = "login"
    did = "logged in through the login form (code with PKCE) and checked the tokens"
    mend = _REALM

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation; the session stays open for the probes that follow."""
        session, login = _session(target)
        tokens = session.open()
        userinfo = target.web.request(
            "GET", session.discovery()["userinfo_endpoint"], headers={"Authorization": f"Bearer {tokens.access}"}
        )
        if userinfo.status_code != 200 or userinfo.json().get("sub") != tokens.identity_claims["sub"]:
            raise ProbeError(f"userinfo answers {userinfo.status_code}, or about somebody else", self.mend)
        audiences = audience(tokens.access_claims)
        if login.audience not in audiences:
            saw = f"the access token is for {', '.join(audiences) or 'nobody'}, not for {login.audience}"
            raise ProbeError(saw, f"{_REALM}: the client {login.client} lacks its audience mapper")
        if not tokens.access_claims.get(login.identity_claim):
            raise ProbeError(f"the access token has no {login.identity_claim}", f"{_REALM}: a claim is not mapped")
        saw = f"{login.user} is in; signature, issuer, audience, nonce, at_hash hold"
        yield Seen("pass", self.did, saw, host=target.name("keycloak"))


class WrongRedirect(_KeycloakProbe):
    """Codes go to registered addresses only."""

    id = "keycloak.redirect-uri"
    severity = "critical"
    lane = "keycloak"
    did = "asked to be sent to an address that is not registered"
    mend = f"{_REALM}: a redirect URI of the client is too wide"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation."""
        session, login = _session(target)
        asked = authorization(login.client, f"{login.redirect}/../elsewhere", login.scopes, token_urlsafe(32))
        answer = target.web.request("GET", session.discovery()["authorization_endpoint"], params=asked)
        page = read_page(answer.text) if answer.status_code < 500 else None
        saw = f"{answer.status_code} {page.page_id if page else ''}".rstrip()
        if answer.status_code != 400:
            raise ProbeError(f"{saw}, not 400", self.mend if answer.status_code < 500 else _LOOK)
        yield Seen("pass", self.did, saw, host=target.name("keycloak"))


class Logout(_KeycloakProbe):
    """A logout ends the session: its refresh token is dead. Also takes away what the other probes used."""

    id = "keycloak.logout"
    severity = "major"
    lane = "login"
    did = "ended the session and tried its refresh token"
    mend = _REALM

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation; skip when nobody is logged in."""
        session, _ = _session(target)
        if session.tokens is None:
            yield Seen("skip", self.did, "nobody is logged in", "see keycloak.login", host=target.name("keycloak"))
            return
        ended, again = session.close()
        if ended not in (200, 204, 302) or again != 400:
            raise ProbeError(f"the end of the session answers {ended}, a refresh afterwards {again}", self.mend)
        saw = f"ended ({ended}), and the refresh token is refused ({again})"
        yield Seen("pass", self.did, saw, host=target.name("keycloak"))


def audience(claims: object) -> list[str]:
    """Return ``aud`` of a token's claims as a list; one value comes as a bare string (RFC 7519 §4.1.3)."""
    found = claims.get("aud", []) if isinstance(claims, dict) else []
    return [found] if isinstance(found, str) else [str(name) for name in found]


def _session(target: Target) -> tuple[Session, Login]:
    if target.session is None:
        raise ProbeError("the site has no login of its own", "enable services.keycloak")
    return target.session, target.session.login
