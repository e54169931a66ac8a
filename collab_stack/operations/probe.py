"""`probe`: do what a user does on a deployed site, look at its hosts, and say whether it works."""

from __future__ import annotations

import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from collab_stack.errors import CollabError, ExitCode
from collab_stack.operations.reach import reach
from collab_stack.plan import health, make_context, sso
from collab_stack.probes import run as running
from collab_stack.probes.oidc import Session
from collab_stack.probes.registry import IDS, PROBES
from collab_stack.probes.target import HostExpectation, HostReport, Login, Target
from collab_stack.probes.waivers import apply
from collab_stack.probes.web import Web, site_resolver
from collab_stack.runner import ssh
from collab_stack.runner.rootsession import RootSessionError
from collab_stack.site import authority, waivers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from collab_stack.operations.opened import Opened
    from collab_stack.operations.reach import Reach
    from collab_stack.plan.context import Context
    from collab_stack.probes.model import Result

PROGRAM: Final = "host_health"

LOOK_SECONDS: Final = 10.0
"""For each look on a host; a healthy one takes well under a second, on a busy machine a few."""

SESSION_SECONDS: Final = 25.0
"""For a host's whole answer, sudo included."""

SETTLE_SECONDS: Final = 60.0
"""What has just been started may be slow at first: caches are empty, code is not compiled yet."""

SETTLE_PAUSE_SECONDS: Final = 3.0

TURN_SECONDS: Final = 60.0
"""How long to wait for another probe of the same site on this machine."""


@dataclass(frozen=True)
class Report:
    """What the probes saw.

    :param seconds: wall time.
    """

    results: tuple[Result, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing failed that is not waived."""
        return not any(result.state == "fail" for result in self.results)

    def as_json(self) -> dict[str, Any]:
        """Return what ``collab-stack probe --json`` prints (docs/cli.md)."""
        said: dict[str, Any] = {
            "ok": self.ok,
            "seconds": round(self.seconds, 2),
            "results": [result.as_json() for result in self.results],
        }
        if not self.ok:
            failed = [result for result in self.results if result.state == "fail"]
            first = failed[0]
            message = f"{len(failed)} of {len(self.results)} probes failed, first {first.id}: {first.saw}"
            said["error"] = {"code": "probe-failed", "message": message, "mend": first.mend}
        return said


def probe(
    site: Opened,
    only: Collection[str] = (),
    ways: Reach | None = None,
    said: Callable[[Result], None] = lambda _result: None,
) -> Report:
    """Probe a site.

    :param only: services to report on; empty is all (:func:`services` lists them).
    :param ways: connections that are open already; otherwise new ones are made.
    :param said: told each result as it comes, from several threads; waivers are not applied to it yet.
    :raises CollabError: when a service of ``only`` is not known, or waivers.yml is wrong; nothing was sent.
    """
    began = time.monotonic()
    _known(only)
    accepted = waivers.read(site.site.directory, IDS)
    context = make_context(site.site, site.catalogue)
    with ExitStack() as stack:
        stack.enter_context(_turn(site.site.directory))
        ways = ways or stack.enter_context(reach(site.site, site.secrets))
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=max(len(ways.variables), 1)))
        answers = {host: pool.submit(_look, context, ways, host, site.secrets) for host in ways.variables}

        def reports() -> dict[str, HostReport]:
            return {host: answer.result() for host, answer in answers.items()}

        target = make_target(site, context, reports)
        stack.callback(target.web.close)
        results = running.run(target, only, said)
    today = datetime.now(ZoneInfo(site.site.config.time.zone)).date()
    marked = apply(results, accepted, today)
    return Report(
        tuple(result for result in marked if not only or result.service in {*only, "site"}), time.monotonic() - began
    )


def settled(site: Opened, ways: Reach | None = None) -> Report:
    """Probe until nothing fails any more, for a minute at most; return the last report.

    For the end of a deploy. What is broken stays so, and costs that minute.

    :param ways: connections that are open already.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        report = probe(site, ways=ways)
        if report.ok or time.monotonic() > deadline:
            return report
        time.sleep(SETTLE_PAUSE_SECONDS)


def services() -> tuple[str, ...]:
    """Return every word that ``--only`` takes."""
    return (*dict.fromkeys(probe.service for probe in PROBES), "web")


def make_target(site: Opened, context: Context, reports: Callable[[], Mapping[str, HostReport]]) -> Target:
    """Return what is probed, as plain values."""
    placement = context.placement
    urls = {service.name: service.url for service in site.plan.services if service.url}
    web = Web(site_resolver(site.site.config.dns.resolvers), trusted(site))
    login = _login(site, context)
    return Target(
        services=frozenset(placement.services()),
        urls=urls,
        behind_edge=tuple(name for name in urls if placement.hosts("edge") and placement.hosts(name)),
        edge_addresses=tuple(placement.address(host) for host in placement.hosts("edge")),
        management=tuple(site.site.config.networks.management),
        web=web,
        login=login,
        session=Session(web, login) if login else None,
        hosts={
            host: HostExpectation(
                services=context.host_services(host),
                units=health.units(context, host),
                containers=health.containers(context, host),
            )
            for host in placement.addresses
        },
        reports=reports,
    )


def trusted(site: Opened) -> list[str]:
    """Return the CA certificates, in PEM, that the site trusts besides everybody's: its internal one and ``tls.ca``."""
    names = (authority.FILE, site.site.config.tls.ca)
    files = [site.site.directory / name for name in names if name]
    return [file.read_text(encoding="ascii") for file in files if file.is_file()]


def _login(site: Opened, context: Context) -> Login | None:
    """Return the login, when the stack carries it: in the agency's own Keycloak we have no account."""
    if not context.hosts("keycloak"):
        return None
    return Login(
        issuer=sso.issuer(context),
        client=sso.PROBE_CLIENT,
        redirect=sso.probe_redirect_uri(context),
        scopes=sso.SCOPES,
        user=sso.PROBE_USER,
        password=site.secrets["probe_user_password"],
        audience=sso.NEXTCLOUD_CLIENT,
        identity_claim=sso.IDENTITY_CLAIM,
    )


def _look(context: Context, ways: Reach, host: str, secrets: Mapping[str, str]) -> HostReport:
    """Ask a host how it is."""
    wanted = health.looks(context, host) | {"seconds": LOOK_SECONDS}
    for end in wanted["tls"].values():
        if "password" in end:
            end["password"] = secrets[end["password"]]
    try:
        answer = ways.run(host, PROGRAM, wanted, SESSION_SECONDS)
    except RootSessionError as error:
        meaning = ssh.reason(str(error))[0] if error.kind == "ssh" else str(error)
        return HostReport(error=meaning)
    return HostReport(health=answer["health"])


def _known(only: Collection[str]) -> None:
    unknown = [name for name in only if name not in services()]
    if unknown:
        raise CollabError(
            f"There are no probes of '{unknown[0]}'.",
            mend=f"use one of: {', '.join(services())}",
            code="probe-unknown-service",
            exit_code=ExitCode.USAGE,
        )


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """Wait until no other probe of this site runs on this machine: parallel logins of one user lock it out.

    :raises CollabError: LOCKED when the other one does not end.
    """
    runs = directory / "runs"
    runs.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(runs / "probe.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock = partial(fcntl.flock, handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        deadline = time.monotonic() + TURN_SECONDS
        while True:
            try:
                lock()
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CollabError(
                        f"Another probe of {directory} has been running for {TURN_SECONDS:g} s.",
                        mend="wait until it has ended, and run the same command again",
                        code="locked",
                        exit_code=ExitCode.LOCKED,
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)
