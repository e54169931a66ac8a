"""Valkey as its clients see it: who gets in, what they may do, and that nothing is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.backend.base import CommandResult
    from testinfra.host import Host

    from molecule.conftest import Scenario

    Command = Callable[..., CommandResult]

NAME = "valkey.collab.internal"


@pytest.fixture(scope="module")
def secret(scenario: Scenario) -> str:
    """Return Nextcloud's password."""
    return str(scenario.variables["collab_secrets"]["valkey_nextcloud_password"])


@pytest.fixture(scope="module")
def command(host: Host, secret: str) -> Command:
    """Return a function that sends a command as Nextcloud does."""

    def run(words: str, password: str = secret, user: str = "nextcloud", options: str = "") -> CommandResult:
        tls = f"--tls --cacert /etc/collab/tls/ca.pem --sni {NAME}"
        login = f"--user {user} --no-auth-warning -e" if user else "-e"
        return host.run(f"REDISCLI_AUTH={password} timeout 10 valkey-cli -p 6380 {tls} {login} {options} {words}")

    return run


def test_nextcloud_reads_and_writes_over_tls(command: Command) -> None:
    assert command("SET lock 1 PX 600000").stdout.strip() == "OK"
    assert command("GET lock").stdout.strip() == "1"


@pytest.mark.parametrize("words", ["KEYS '*'", "SCAN 0", "UNLINK none", "FLUSHDB", "INFO memory", "EVAL 'return 1' 0"])
def test_nextcloud_may_do_what_it_needs(command: Command, words: str) -> None:
    assert command(words, options="-n 7").rc == 0


@pytest.mark.parametrize(
    "words",
    ["CONFIG GET dir", "ACL LIST", "SHUTDOWN", "FLUSHALL", "REPLICAOF NO ONE", "CLIENT LIST", "MODULE LIST", "SAVE"],
)
def test_nextcloud_may_do_nothing_with_the_server(command: Command, words: str) -> None:
    assert "NOPERM" in command(words).stderr + command(words).stdout


def test_nobody_else_gets_in(command: Command, host: Host) -> None:
    for password, user in (("wrong", "nextcloud"), ("wrong", "default"), ("''", "eve")):
        answer = command("PING", password=password, user=user)
        assert answer.rc != 0 or "WRONGPASS" in answer.stdout + answer.stderr
    answer = host.run("timeout 5 valkey-cli -e -p 6380 --tls --cacert /etc/collab/tls/ca.pem PING")
    assert "NOAUTH" in answer.stdout + answer.stderr


def test_it_answers_over_tls_alone(host: Host) -> None:
    assert host.run("timeout 5 valkey-cli -e -p 6380 PING").rc != 0
    check = f"openssl s_client -connect localhost:6380 -verify_return_error -verify_hostname {NAME} -CAfile"
    assert "Verification: OK" in host.run(f"{check} /etc/collab/tls/ca.pem </dev/null").stdout
    assert host.run(f"{check} /etc/ssl/certs/ISRG_Root_X1.pem </dev/null").rc != 0
    assert host.run("ss -Hltn 'sport = :6379'").stdout == ""


def test_a_full_memory_refuses_and_forgets_nothing(command: Command, host: Host) -> None:
    assert command("SET lock kept").stdout.strip() == "OK"
    try:
        assert command("SETRANGE big 280000000 x").rc == 0  # more than the limit in one stroke
        assert "OOM" in command("SET one more").stderr
        assert command("GET lock").stdout.strip() == "kept"
    finally:
        assert command("FLUSHDB").stdout.strip() == "OK"


def test_sessions_survive_a_crash_of_the_server(command: Command, host: Host) -> None:
    assert command("SET session alive").stdout.strip() == "OK"
    host.run_expect([0], "sleep 1.5; systemctl kill -s KILL valkey-server@collab")
    host.run_expect([0], "timeout 30 sh -c 'until systemctl is-active -q valkey-server@collab; do sleep 0.2; done'")
    assert command("GET session").stdout.strip() == "alive"


def test_the_password_is_nowhere_in_clear(host: Host, secret: str) -> None:
    assert host.run("grep -rlF %s /etc /var/log /srv/collab /var/lib/collab", secret).stdout == ""
    assert secret not in host.run_expect([0], "journalctl --no-pager").stdout
    acl = host.file("/etc/valkey/collab.acl")
    assert (acl.user, acl.group, acl.mode) == ("root", "valkey", 0o640)
