"""PostgreSQL as its clients see it: who gets in, from where, and what they may do there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.backend.base import CommandResult
    from testinfra.host import Host

    from molecule.conftest import Scenario

    Query = Callable[..., CommandResult]

CLIENTS = {"keycloak": "172.30.1.10", "nextcloud": "172.30.2.10"}
"""Service -> an address of its container network."""

NAME = "postgresql.collab.internal"
CA = "/etc/collab/tls/ca.pem"


@pytest.fixture(scope="module", autouse=True)
def networks(host: Host) -> Iterator[None]:
    """Give the host an address in each container network: what connects to it comes from there."""
    for service, address in CLIENTS.items():
        host.run_expect([0], f"ip link add t-{service} type bridge && ip addr add {address}/24 dev t-{service}")
        host.run_expect([0], f"ip link set t-{service} up")
    yield
    for service in CLIENTS:
        host.run(f"ip link del t-{service}")


@pytest.fixture(scope="module")
def query(host: Host, scenario: Scenario) -> Query:
    """Return a function that runs SQL as a client of a service does."""

    def run(sql: str, role: str = "nextcloud", **more: str) -> CommandResult:
        options = {
            "hostaddr": CLIENTS.get(role, CLIENTS["nextcloud"]),
            "host": NAME,
            "user": role,
            "dbname": role,
            "password": password(scenario, role),
            "sslmode": "verify-full",
            "sslrootcert": CA,
            "connect_timeout": "5",
            **more,
        }
        words = " ".join(f"{key}={value}" for key, value in options.items())
        return host.run("psql -X -At -c %s %s", sql, words)

    return run


def password(scenario: Scenario, role: str) -> str:
    secrets: dict[str, Any] = scenario.variables["collab_secrets"]
    return str(secrets.get(f"postgresql_{role}_password", "none"))


@pytest.mark.parametrize("role", sorted(CLIENTS))
def test_a_service_reaches_its_database_with_verified_tls_and_scram(query: Query, role: str) -> None:
    sql = (
        "SELECT current_database(), version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl "
        "UNION SELECT system_user, ''"
    )
    answer = query(sql, role)
    assert set(answer.stdout.split()) == {f"{role}|TLSv1.3", f"scram-sha-256:{role}|"}, answer.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sslmode": "disable"}, "no encryption"),
        ({"password": "wrong"}, "password authentication failed"),
        ({"dbname": "keycloak"}, "pg_hba.conf rejects"),
        ({"user": "postgres", "dbname": "postgres"}, "pg_hba.conf rejects"),
        ({"hostaddr": CLIENTS["keycloak"]}, "pg_hba.conf rejects"),
        ({"hostaddr": "127.0.0.1"}, "pg_hba.conf rejects"),
        ({"host": "elsewhere.collab.internal"}, "does not match host name"),
        ({"sslrootcert": "/etc/ssl/certs/ISRG_Root_X1.pem"}, "certificate verify failed"),
    ],
)
def test_nobody_else_gets_in(query: Query, more: dict[str, str], said: str) -> None:
    answer = query("SELECT 1", **more)
    assert answer.rc != 0
    assert said in answer.stderr


def test_the_owner_makes_tables_and_nothing_beyond(query: Query) -> None:
    assert query("CREATE TABLE t (a text); INSERT INTO t VALUES ('å'); SELECT a FROM t; DROP TABLE t").rc == 0
    for sql in ("CREATE DATABASE other", "CREATE ROLE other", "COPY (SELECT 1) TO PROGRAM 'id'"):
        assert "permission denied" in query(sql).stderr


def test_text_sorts_alike_on_every_debian(query: Query) -> None:
    sql = "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'nextcloud'"
    assert query(sql).stdout.strip() == "b|C.UTF-8|UTF8"


def test_passwords_are_nowhere_in_clear(host: Host, scenario: Scenario) -> None:
    assert (
        host.run_expect([0], "runuser -u postgres -- psql -Atc 'SHOW password_encryption'").stdout.strip()
        == "scram-sha-256"
    )
    for role in CLIENTS:
        secret = password(scenario, role)
        found = host.run("grep -rlF %s /etc /var/log /srv/collab /var/lib/collab", secret)
        assert found.stdout == ""
        assert secret not in host.run_expect([0], "journalctl --no-pager").stdout


def test_what_users_typed_is_not_in_the_log_of_a_failing_statement(query: Query, host: Host) -> None:
    query("SELECT 1/0")
    assert "division by zero" in host.run_expect([0], "journalctl -t collab-postgresql --no-pager").stdout


def test_debians_own_cluster_is_off_and_ours_listens_on_no_bridge(host: Host) -> None:
    clusters = host.run_expect([0], "pg_lsclusters --no-header").stdout.splitlines()
    assert {tuple(line.split()[:4]) for line in clusters} == {
        ("17", "collab", "5432", "online"),
        ("17", "main", "5432", "down"),
    }
    addresses = {line.split()[3] for line in host.run_expect([0], "ss -Hltn 'sport = :5432'").stdout.splitlines()}
    assert addresses == {"0.0.0.0:5432", "[::]:5432"}


def test_a_server_that_was_killed_comes_back(host: Host, query: Query) -> None:
    host.run_expect([0], "kill -9 $(head -1 /srv/collab/postgresql/17/main/postmaster.pid)")
    host.run_expect([0], "timeout 30 sh -c 'until systemctl is-active -q postgresql@17-collab; do sleep 0.2; done'")
    assert query("SELECT 1").stdout.strip() == "1"


def test_a_lost_disk_is_not_taken_for_a_new_host(host: Host) -> None:
    cluster = "/srv/collab/postgresql/17/main"
    host.run_expect([0], f"systemctl stop postgresql@17-collab && mv {cluster} {cluster}.away")
    try:
        assert host.run("systemctl start postgresql@17-collab").rc != 0
        said = host.run_expect([0], "journalctl -u postgresql@17-collab --no-pager -n 50").stdout
        assert "remove the marker" in said
        assert not host.file(cluster).exists
    finally:
        host.run_expect([0], f"systemctl stop postgresql@17-collab; mv {cluster}.away {cluster}")
        host.run_expect([0], "systemctl reset-failed postgresql@17-collab; systemctl start postgresql@17-collab")
