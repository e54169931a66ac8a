"""Things altered by hand: the plan names exactly these before, the deploy names exactly these and mends them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.keycloak import administer
from tests.lab.stack import Stack, named

VALKEY = "valkey-cli --tls --cacert /etc/collab/tls/ca.pem -h valkey.collab.internal -p 6380"
OCC = "docker exec --user 33 collab-nextcloud php /var/www/html/occ"
CUSTOM_APP = "/srv/collab/containers/nextcloud/html/custom_apps/user_oidc/appinfo/info.xml"


@dataclass(frozen=True)
class Alteration:
    """Something that somebody did on a host.

    :param do: a shell script that runs there as root, or what does it from here.
    :param objects: role and name of everything that a deploy has to mend for it.
    """

    name: str
    do: str | Callable[[Stack], None]
    objects: frozenset[tuple[str, str]]


def by_hand(name: str, do: str | Callable[[Stack], None], role: str, *objects: str) -> Alteration:
    """Return an alteration of one role's objects."""
    return Alteration(name, do, frozenset((role, item) for item in objects))


def append(path: str, line: str = "# of somebody") -> str:
    """Return a script that adds a line to a file."""
    return f"echo '{line}' >> {path}"


def shorten_sessions(stack: Stack) -> None:
    """Alter an attribute of the realm."""
    administer(stack, "admin/realms/agency", lambda realm: realm.update(ssoSessionIdleTimeout=61))


def open_client(stack: Stack) -> None:
    """Let another address have people's codes."""
    administer(
        stack,
        "admin/realms/agency/clients?clientId=nextcloud",
        lambda client: client["redirectUris"].append("https://files.agency.example/elsewhere"),
    )


def units(*names: str) -> str:
    """Return a script that stops and disables units."""
    return "systemctl disable --now --quiet " + " ".join(names)


ALTERATIONS = (
    by_hand("a package", "apt-get -qq remove --yes socat >/dev/null", "base", "package socat"),
    by_hand("a file", append("/etc/systemd/journald.conf.d/collab.conf"), "base",
            "/etc/systemd/journald.conf.d/collab.conf", "systemd-journald.service"),
    by_hand("a mode", "chmod 0666 /etc/sysctl.d/60-collab.conf", "base", "/etc/sysctl.d/60-collab.conf"),
    by_hand("a kernel setting", "sysctl -qw net.ipv4.conf.all.send_redirects=1", "base", "kernel settings"),
    by_hand("a firewall rule", "nft insert rule inet collab inbound accept", "base", "packet filter"),
    by_hand("a trusted CA", "rm /usr/local/share/ca-certificates/collab-internal-ca.crt && update-ca-certificates "
            ">/dev/null", "tls", "/usr/local/share/ca-certificates/collab-internal-ca.crt", "trust store"),
    by_hand("a certificate's key", "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
            "-out /etc/collab/tls/web/key.pem 2>/dev/null", "tls", "certificate web"),
    by_hand("a database role", "runuser -u postgres -- psql -qc 'alter role nextcloud createdb'", "postgresql",
            "role nextcloud"),
    by_hand("a database's rights", "runuser -u postgres -- psql -qc 'grant connect on database keycloak to public'",
            "postgresql", "database keycloak"),
    by_hand("a cache's user", append("/etc/valkey/collab.acl", "user stray on nopass ~* &* +@all"), "valkey",
            "/etc/valkey/collab.acl", "valkey-server@collab.service"),
    by_hand("a container's environment", append("/etc/collab/keycloak/environment", "KC_LOG_LEVEL=debug"), "keycloak",
            "/etc/collab/keycloak/environment", "collab-keycloak.service"),
    by_hand("the realm", shorten_sessions, "sso", "realm agency"),
    by_hand("a client", open_client, "sso", "client nextcloud"),
    by_hand("a setting", f"{OCC} config:app:set -q core shareapi_allow_links --value=maybe", "nextcloud",
            "setting shareapi_allow_links of app core"),
    by_hand("a system setting", f"{OCC} config:system:set -q loglevel --value=0 --type=integer", "nextcloud",
            "system setting loglevel"),
    by_hand("an app's file", append(CUSTOM_APP, "<!-- of somebody -->"), "nextcloud", "files of app user_oidc"),
    by_hand("a timer", units("collab-nextcloud-cron.timer"), "nextcloud", "collab-nextcloud-cron.timer"),
    by_hand("a unit's file", append("/etc/systemd/system/collab-web.service", "# of somebody")
            + "; systemctl daemon-reload", "web", "/etc/systemd/system/collab-web.service", "collab-web.service"),
    by_hand("the edge's configuration", append("/etc/haproxy/haproxy.cfg"), "edge", "/etc/haproxy/haproxy.cfg",
            "haproxy.service"),
)  # fmt: skip

FOLLOWS = {("nextcloud", "collab-nextcloud.service")}
"""What a deploy restarts because of another role's alteration: Nextcloud has the host's list of trusted CAs."""

EXPECTED = FOLLOWS.union(*(alteration.objects for alteration in ALTERATIONS))


@pytest.fixture(scope="module")
def altered(stack: Stack) -> Stack:
    """The stack with all of it altered."""
    assert stack.deploy()["changes"] == [], "something was altered before"
    for alteration in ALTERATIONS:
        if callable(alteration.do):
            alteration.do(stack)
        else:
            stack.host.sh(f"set -e; {alteration.do}")
    return stack


@pytest.fixture(scope="module")
def planned(altered: Stack) -> set[tuple[str, str]]:
    """What the plan says then."""
    return altered.changes()


@pytest.fixture(scope="module")
def mended(altered: Stack, planned: set[tuple[str, str]]) -> dict[str, Any]:
    """The deploy after that plan."""
    return altered.deploy()


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=[alteration.name for alteration in ALTERATIONS])
def test_the_plan_names_what_was_altered(planned: set[tuple[str, str]], alteration: Alteration) -> None:
    assert alteration.objects <= planned


def test_the_plan_names_exactly_these(planned: set[tuple[str, str]]) -> None:
    assert planned == EXPECTED


def test_the_deploy_mends_exactly_what_was_planned(planned: set[tuple[str, str]], mended: dict[str, Any]) -> None:
    assert named(mended["changes"]) == planned
    assert mended["probe"]["ok"]


def test_it_is_mended(stack: Stack, mended: dict[str, Any]) -> None:
    assert stack.host.sh("stat -c %a /etc/sysctl.d/60-collab.conf") == "644\n"
    assert stack.host.sh("runuser -u postgres -- psql -Atqc \"select rolcreatedb from pg_roles where rolname='nextcloud'\"") == "f\n"  # fmt: skip # noqa: E501 - one command
    assert "stray" not in stack.host.sh("cat /etc/valkey/collab.acl")
    assert "somebody" not in stack.host.sh(f"cat {CUSTOM_APP} /etc/haproxy/haproxy.cfg")
    assert stack.host.sh("nft list chain inet collab inbound | sed -n 4p").strip() != "accept"
    assert stack.host.sh("systemctl is-active collab-nextcloud-cron.timer") == "active\n"


def test_then_nothing_is_left_to_do(stack: Stack, mended: dict[str, Any]) -> None:
    assert stack.deploy()["changes"] == []
