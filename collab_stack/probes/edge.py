"""The edge: names lead to it, it wants TLS, and it keeps inside what is not for everybody."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from collab_stack.plan.health import PRIVATE_PATHS
from collab_stack.probes.model import Probe, ProbeError, Seen
from collab_stack.probes.web import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collab_stack.probes.target import Target

LEAST_HSTS_SECONDS: Final = 15552000
"""180 days: what Nextcloud's own setup check asks for."""

_REFUSALS: Final = frozenset({400, 403, 404, 421})

_DEPLOY: Final = "run `collab-stack deploy --only edge`"


class Names(Probe):
    """The public names lead to the edge."""

    id = "edge.dns"
    service = "edge"
    severity = "critical"
    lane = "edge"
    did = "asked the site's resolvers for the public names"
    mend = "create the records that `collab-stack plan --dns` prints"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per public name that leads to our edge."""
        for service in target.behind_edge:
            name = target.name(service)
            did = f"asked the site's resolvers for {name}"
            try:
                found = sorted(target.web.addresses(name))
            except ProbeError as error:
                yield Seen("fail", did, error.saw, error.mend, host=name)
                continue
            strange = [address for address in found if address not in target.edge_addresses]
            saw = ", ".join(found)
            # An IPv6 address of an edge is nowhere declared, so it is not called wrong.
            wrong = [address for address in strange if ip_address(address).version == 4]
            if target.edge_addresses and wrong:
                wanted = ", ".join(target.edge_addresses)
                yield Seen(
                    "fail", did, f"{', '.join(wrong)} is no address of the edge ({wanted})", self.mend, host=name
                )
            else:
                yield Seen("pass", did, saw, host=name)


class Redirect(Probe):
    """A typed http:// address leads to https."""

    id = "edge.redirect"
    service = "edge"
    severity = "major"
    lane = "edge"
    did = "asked for http:// and looked for the redirect"
    mend = _DEPLOY

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per public name that leads to our edge."""
        for service in target.behind_edge:
            name = target.name(service)
            url = f"http://{_with_port(name, target.http_port)}/some/page?x=1"
            did = f"GET {url}"
            try:
                answer = target.web.request("GET", url)
            except OSError as error:
                yield Seen("fail", did, describe(error), f"see whether haproxy runs on the edge; {_DEPLOY}", host=name)
                continue
            where = answer.headers.get("Location", "")
            saw = f"{answer.status_code} to {where or 'nowhere'}"
            good = answer.status_code in (301, 308) and where == f"https://{name}/some/page?x=1"
            yield Seen("pass" if good else "fail", did, saw, "" if good else self.mend, host=name)


class StrictTransport(Probe):
    """Browsers are told to come by TLS only (RFC 6797)."""

    id = "edge.hsts"
    service = "edge"
    severity = "major"
    lane = "edge"
    did = "looked for Strict-Transport-Security"
    mend = _DEPLOY

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per public name that leads to our edge."""
        for service in target.behind_edge:
            name, did = target.name(service), f"GET {target.urls[service]}/ and looked for Strict-Transport-Security"
            try:
                value = target.web.request("GET", f"{target.urls[service]}/").headers.get(
                    "Strict-Transport-Security", ""
                )
            except OSError as error:
                yield Seen("fail", did, describe(error), "see tls.certificate", host=name)
                continue
            age = re.search(r"max-age=(\d+)", value)
            if age and int(age[1]) >= LEAST_HSTS_SECONDS:
                yield Seen("pass", did, value, host=name)
            else:
                saw = f"{value or 'no such header'}; at least max-age={LEAST_HSTS_SECONDS} is wanted"
                yield Seen("fail", did, saw, self.mend, host=name)


class UnknownHost(Probe):
    """A name that is not ours gets nothing: neither an application nor a redirect to somewhere."""

    id = "edge.unknown-host"
    service = "edge"
    severity = "major"
    lane = "edge"
    did = "asked for a name that is not ours"
    mend = _DEPLOY

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per address that is asked."""
        service = target.behind_edge[0]
        name, stranger = target.name(service), "not-ours.invalid"
        # Paths that the applications answer: an edge that hands on what it does not know would show them.
        paths = ["/status.php", *([urlsplit(target.login.issuer).path] if target.login else [])]
        plain = f"http://{_with_port(name, target.http_port)}/"
        for url in (*(f"{target.urls[service]}{path}" for path in paths), plain):
            did = f"GET {url} with Host: {stranger}"
            try:
                answer = target.web.request("GET", url, headers={"Host": stranger})
            except OSError as error:
                yield Seen("fail", did, describe(error), "see edge.redirect and tls.certificate", host=name)
                continue
            good = answer.status_code in _REFUSALS
            saw = str(answer.status_code) + (
                f" to {answer.headers['Location']}" if "Location" in answer.headers else ""
            )
            yield Seen("pass" if good else "fail", did, saw, "" if good else self.mend, host=name)

    def applies(self, target: Target) -> bool:
        """It needs some name that is ours, to get to the edge by."""
        return "edge" in target.services and bool(target.behind_edge)


class Administration(Probe):
    """Keycloak's administration, metrics and health are not for everybody (flow ``management -> edge``).

    Asked from here, when here is not a management network, and from the hosts that are none either (they report it).
    """

    id = "edge.admin"
    service = "keycloak"
    severity = "critical"
    lane = "edge"
    did = "asked for the administration paths from outside the management networks"
    mend = f"{_DEPLOY}; look at networks.management in site.yml and at services.edge.extra.configuration"

    def applies(self, target: Target) -> bool:
        """An external Keycloak is not behind our edge."""
        return "keycloak" in target.behind_edge

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation from here, and one per host that asked."""
        name = target.name("keycloak")
        did = f"GET {', '.join(PRIVATE_PATHS)} at {name} from this machine"
        with target.web.socket(name, target.http_port) as connection:
            own = connection.getsockname()[0]
        if any(ip_address(own) in network for network in target.management):
            saw = f"this machine ({own}) is in a management network, from where they may be opened"
            yield Seen("skip", did, saw, "run the probe from a machine outside of the management networks", host=name)
        else:
            answers = {
                path: target.web.request("GET", f"{target.urls['keycloak']}{path}").status_code
                for path in PRIVATE_PATHS
            }
            yield self._judged(did, answers, name)
        for host, report in target.reports().items():
            answers = report.health.get("denied", {})
            if answers:
                yield self._judged(f"GET {', '.join(answers)} at {name} from {host}", answers, host)

    def _judged(self, did: str, answers: Mapping[str, object], host: str) -> Seen:
        """``answers``: path -> status code, or the text of an error."""
        saw = ", ".join(f"{path}: {answer}" for path, answer in answers.items())
        good = all(answer in _REFUSALS for answer in answers.values())
        return Seen("pass" if good else "fail", did, saw, "" if good else self.mend, host=host)


def _with_port(name: str, port: int) -> str:
    return name if port == 80 else f"{name}:{port}"
