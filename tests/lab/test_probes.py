"""Each probe against a deployed site: green, then really broken on the host and saying so, then green again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from collab_stack.operations import opened, probe
from collab_stack.probes import nextcloud
from collab_stack.site import password
from tests.lab.stack import Stack

BUDGET_SECONDS = 5.0
"""What a probe of a site that works may take."""

PATIENCE_SECONDS = 240
"""How long Keycloak may take to come back on a busy machine."""

HAPROXY = "/etc/haproxy/haproxy.cfg"
OCC = "docker exec -u 33 collab-nextcloud php /var/www/html/occ"


@dataclass(frozen=True)
class Break:
    """Something that is broken, and what has to notice.

    :param fails: (probe, service) that fail.
    :param holds: probes that have to go on passing: the failure is told where it is.
    """

    name: str
    do: str
    undo: str
    fails: frozenset[tuple[str, str]]
    holds: frozenset[str] = frozenset()


def stop(service: str, unit: str, *fails: tuple[str, str], holds: tuple[str, ...] = ()) -> Break:
    """Return a stopped unit."""
    noticed = frozenset({("host.units", service), *fails})
    return Break(f"{unit} stopped", f"systemctl stop {unit}", f"systemctl start {unit}", noticed, frozenset(holds))


def edit(name: str, sed: str, *fails: tuple[str, str], holds: tuple[str, ...] = ()) -> Break:
    """Return an edit of the edge's configuration by somebody's hand."""
    return Break(
        name,
        f"cp -p {HAPROXY} {HAPROXY}.kept && sed -i '{sed}' {HAPROXY} && ! cmp -s {HAPROXY} {HAPROXY}.kept"
        " && systemctl reset-failed haproxy && systemctl restart haproxy",
        f"mv {HAPROXY}.kept {HAPROXY} && systemctl reset-failed haproxy && systemctl restart haproxy",
        frozenset(fails),
        frozenset(holds),
    )


TLS_PROBES = ("tls.certificate", "tls.days", "tls.protocol")

BREAKS = [
    stop(
        "valkey",
        "valkey-server@collab.service",
        ("valkey.tls", "valkey"),
        ("nextcloud.webdav", "nextcloud"),
        # Its status stays well while the cache is away; that is why the cache is asked itself.
        holds=("nextcloud.status", "keycloak.login", "postgresql.tls"),
    ),
    stop(
        "postgresql",
        "postgresql@17-collab.service",
        ("postgresql.tls", "postgresql"),
        ("postgresql.query", "postgresql"),
        ("keycloak.health", "keycloak"),
        ("nextcloud.status", "nextcloud"),
        holds=("valkey.tls", "tls.certificate"),
    ),
    stop(
        "keycloak",
        "collab-keycloak.service",
        ("host.containers", "keycloak"),
        ("keycloak.health", "keycloak"),
        ("keycloak.discovery", "keycloak"),
        ("keycloak.keys", "keycloak"),
        ("keycloak.redirect-uri", "keycloak"),
        ("keycloak.login", "keycloak"),
        ("nextcloud.login-page", "nextcloud"),
        holds=("tls.certificate", "nextcloud.status", "postgresql.tls"),
    ),
    stop("nextcloud", "collab-nextcloud-cron.timer", holds=("nextcloud.status", "nextcloud.webdav")),
    stop(
        "nextcloud",
        "collab-nextcloud.service",
        ("host.containers", "nextcloud"),
        ("nextcloud.status", "nextcloud"),
        ("nextcloud.webdav", "nextcloud"),
        ("nextcloud.cron", "nextcloud"),
        holds=("keycloak.login", "valkey.tls"),
    ),
    stop("web", "collab-web.service", ("nextcloud.status", "nextcloud"), holds=("keycloak.login",)),
    stop(
        "edge",
        "haproxy.service",
        ("tls.certificate", "edge"),
        ("tls.protocol", "edge"),
        ("edge.redirect", "edge"),
        ("edge.hsts", "edge"),
        ("edge.unknown-host", "edge"),
        ("keycloak.discovery", "keycloak"),
        ("nextcloud.status", "nextcloud"),
        holds=("edge.dns", "keycloak.health", "valkey.tls", "nextcloud.cron"),
    ),
    stop("hosts", "chrony.service", ("host.clock", "hosts"), holds=("keycloak.login",)),
    edit("no HSTS", "/Strict-Transport-Security/d", ("edge.hsts", "edge"), holds=TLS_PROBES),
    edit("no redirect", "/redirect location https:\\/\\/%\\[var/d", ("edge.redirect", "edge"), holds=("edge.hsts",)),
    edit("open administration", "/deny_status 403 if !management/d", ("edge.admin", "keycloak"), holds=("edge.hsts",)),
    edit(
        "TLS 1.0",
        "s/ssl-min-ver TLSv1.2/ssl-min-ver TLSv1.0/; s/bind-ciphers .*/bind-ciphers ALL:@SECLEVEL=0/",
        ("tls.protocol", "edge"),
        holds=("tls.certificate", "keycloak.login"),
    ),
    edit(
        "every name",
        "/deny_status 404 unless/d; s/^backend logins/    default_backend nextcloud\\n\\nbackend logins/",
        ("edge.unknown-host", "edge"),
        holds=("nextcloud.status",),
    ),
    Break(
        "a certificate of nobody",
        "cd /etc/collab/tls/public && cp -p combined.pem kept.pem && openssl req -x509 -newkey rsa:2048 -nodes -days 1"
        " -subj /CN=nobody -keyout /run/k.pem -out /run/c.pem 2>/dev/null && cat /run/c.pem /run/k.pem > combined.pem"
        " && rm /run/k.pem /run/c.pem && systemctl reset-failed haproxy && systemctl restart haproxy",
        "cd /etc/collab/tls/public && mv kept.pem combined.pem"
        " && systemctl reset-failed haproxy && systemctl restart haproxy",
        frozenset({("tls.certificate", "edge"), ("keycloak.discovery", "keycloak"), ("nextcloud.status", "nextcloud")}),
        frozenset({"edge.dns", "edge.redirect", "keycloak.health"}),
    ),
    Break(
        "maintenance",
        f"{OCC} maintenance:mode --on",
        f"{OCC} maintenance:mode --off",
        frozenset({("nextcloud.status", "nextcloud"), ("nextcloud.webdav", "nextcloud")}),
        frozenset({"keycloak.login", "valkey.tls"}),
    ),
    Break(
        "a full disk",
        "mount -t tmpfs -o size=1m none /mnt && mount --bind /mnt /srv/collab",
        "umount /srv/collab; umount /mnt",
        frozenset({("host.disk", "hosts")}),
        frozenset({"host.clock", "keycloak.login"}),
    ),
]


class Bench:
    """The deployed site, probed within this process, so that a test may look at results and change a limit."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        environment = {"HOME": str(stack.program.home)}
        self._site = opened.open_site(stack.directory, password.find(stack.directory, None, environment).path)

    def look(self) -> probe.Report:
        """Probe it."""
        return probe.probe(self._site)

    def green(self) -> probe.Report:
        """Return a report without failures, as soon as there is one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            report = self.look()
            if report.ok:
                return report
            assert time.monotonic() < deadline, [r for r in report.results if r.state == "fail"]
            time.sleep(2)

    def root(self, script: str) -> str:
        """Run a script as root on the host."""
        return self._stack.host.sh(f"set -e; {script}")

    @contextmanager
    def broken(self, case: Break) -> Iterator[None]:
        """Break something, and mend it whatever happens."""
        self.root(case.do)
        try:
            yield
        finally:
            self._stack.host.sh(case.undo)


@pytest.fixture(scope="module")
def bench(stack: Stack) -> Bench:
    """Return the deployed site, in which everything works."""
    made = Bench(stack)
    made.green()
    return made


def test_a_site_that_works_passes_every_probe_in_time(bench: Bench) -> None:
    reports = [bench.green() for _ in range(3)]
    seconds = min(report.seconds for report in reports)
    assert {result.state for result in reports[0].results} <= {"pass", "skip"}
    skipped = [result for result in reports[0].results if result.state == "skip"]
    assert {result.id for result in skipped} <= {"edge.admin"}, "the operator's machine is in a management network"
    assert "edge.admin" in {result.id for result in reports[0].results if result.state == "pass"}
    assert seconds <= BUDGET_SECONDS * float(os.environ.get("COLLAB_SLOWNESS", "1"))


@pytest.mark.parametrize("case", BREAKS, ids=[case.name for case in BREAKS])
def test_what_is_broken_is_told_and_nothing_else(bench: Bench, case: Break) -> None:
    with bench.broken(case):
        report = bench.look()
    failed = {(result.id, result.service): result for result in report.results if result.state == "fail"}
    assert case.fails <= set(failed), f"not noticed: {case.fails - set(failed)}"
    assert all(result.saw and result.mend for result in failed.values())
    assert not case.holds & {name for name, _ in failed}, "it tells of more than is broken"
    assert not report.ok
    bench.green()


def test_old_background_jobs_are_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # The container has to have been up for as long; a minute instead of a quarter of an hour.
    monkeypatch.setattr(nextcloud, "CRON_SECONDS", 60)
    case = Break(
        "old jobs",
        f"systemctl stop collab-nextcloud-cron.timer; {OCC} config:app:set core lastcron --value=$(($(date +%s)-4000))",
        "systemctl start collab-nextcloud-cron.timer collab-nextcloud-cron.service",
        frozenset({("nextcloud.cron", "nextcloud")}),
    )
    time.sleep(61)
    with bench.broken(case):
        report = bench.look()
    (cron,) = [result for result in report.results if result.id == "nextcloud.cron"]
    assert cron.state == "fail"
    assert "s ago" in cron.saw
    bench.green()


def test_the_probe_leaves_no_file(bench: Bench) -> None:
    bench.green()
    old = bench.root("find /srv/collab/containers/nextcloud -name '.collab-probe*' -mmin +10")
    assert old == ""
    fresh = set(bench.root("find /srv/collab/containers/nextcloud -name '.collab-probe*'").split())
    bench.green()
    assert set(bench.root("find /srv/collab/containers/nextcloud -name '.collab-probe*'").split()) <= fresh
