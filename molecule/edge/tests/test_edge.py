"""The edge as people and attackers see it, from a machine that is nobody's and from one of the operators'."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

    from molecule.conftest import Scenario

    Fetch = Callable[..., dict[str, Any]]

FILES = Path(__file__).resolve().parents[2] / "shared" / "files"
ID, CLOUD = "id.agency.example", "files.agency.example"
HSTS = "max-age=31536000"


@pytest.fixture(scope="module")
def applications(scenario: Scenario, host: Host) -> Iterator[None]:
    """Put an application that says what it received behind each door."""
    subprocess.run(["docker", "cp", str(FILES / "backend.py"), f"{scenario.container}:/root/"], check=True)
    for name, port in (("keycloak", 8443), ("web", 8444)):
        keys = f"/etc/collab/tls/{name}"
        host.run_expect(
            [0],
            f"systemctl reset-failed backend-{name} 2>/dev/null; "
            f"systemd-run --unit=backend-{name} python3 /root/backend.py {port} {keys}/cert.pem {keys}/key.pem",
        )
    wait(host, "UP")
    yield
    host.run("systemctl stop backend-keycloak backend-web")


def wait(host: Host, state: str) -> None:
    """Wait until HAProxy's health checks see all servers in a state."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        lines = host.run_expect([0], "echo show stat | socat /run/haproxy/admin.sock -").stdout.splitlines()
        states = {
            tuple(line.split(",")[:2]): line.split(",")[17] for line in lines if line.startswith(("keyc", "next"))
        }
        if all(found.startswith(state) for (_, server), found in states.items() if server == "host2"):
            return
        time.sleep(0.3)
    raise AssertionError(f"after 30 s not all servers are {state}: {states}")


@pytest.fixture(scope="module")
def send(scenario: Scenario) -> Fetch:
    """Return a function that sends a request from a machine: ``host1``, which is nobody's, or ``ops``, an operator's.

    Sent several ``times``, it returns the last answer.
    """
    ca = (Path(scenario.variables["collab_site_dir"]) / "tls" / "internal-ca.pem").read_text()
    script = (FILES / "fetch.py").read_text()

    def one(host: str, path: str, source: str = "host1", **more: object) -> dict[str, Any]:
        request = {"address": scenario.address, "host": host, "path": path, "ca": ca, **more}
        done = subprocess.run(
            ["docker", "exec", "-i", f"collab-lab-molecule-{source}", "python3", "-", json.dumps(request)],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return one


def test_it_speaks_http2_and_tls_1_3_and_refuses_tls_1_1(send: Fetch, scenario: Scenario) -> None:
    assert send(CLOUD, "/", h2=True) == {"alpn": "h2", "tls": "TLSv1.3"}
    for version, expected in (("-tls1_2", "TLSv1.2"), ("-tls1_1", "alert protocol version")):
        command = ["openssl", "s_client", "-connect", f"{scenario.address}:443", "-servername", CLOUD, version]
        done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
        assert expected in done.stdout + done.stderr


@pytest.mark.parametrize("ca", [True, False])
def test_ipv6_leads_to_the_same_door(send: Fetch, host: Host, applications: None, ca: bool) -> None:
    (address,) = [
        text.split("/")[0] for text in host.run("ip -6 -o addr show scope global").stdout.split() if "::" in text
    ]
    more = {} if ca else {"ca": "", "port": 80}
    assert send(CLOUD, "/x", address=address, **more)["status"] == (200 if ca else 301)


def test_http_redirects_and_does_nothing_else(send: Fetch) -> None:
    answer = send(ID, "/realms/agency?code=1", ca="", port=80)
    assert (answer["status"], answer["headers"]["location"]) == (301, f"https://{ID}/realms/agency?code=1")
    assert send("elsewhere.example", "/", ca="", port=80)["status"] == 404


def test_a_name_that_is_nobodys_gets_nothing(send: Fetch) -> None:
    assert send(CLOUD, "/", headers={"Host": "elsewhere.example"})["status"] == 404


@pytest.mark.parametrize("host_name", [ID, CLOUD])
def test_every_answer_asks_for_https_for_a_year(send: Fetch, applications: None, host_name: str) -> None:
    for path in ("/realms/agency", "/admin", "/.well-known/x"):
        assert send(host_name, path)["headers"]["strict-transport-security"] == HSTS


@pytest.mark.parametrize("path", ["/realms/agency", "/realms/agency/account", "/resources/a.js", "/.well-known/x"])
def test_people_reach_their_realm(send: Fetch, applications: None, path: str) -> None:
    assert send(ID, path)["status"] == 200


@pytest.mark.parametrize(
    "path",
    ["/admin", "/admin/master/console/", "/realms/master", "/realms/master/account", "/realms", "/metrics", "/health"],
)
def test_administration_is_open_to_operators_only(send: Fetch, applications: None, path: str) -> None:
    assert send(ID, path)["status"] == 403
    assert send(ID, path, source="ops")["status"] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/realms/agency/../master",
        "/realms/agency/%2e%2e/master",
        "/resources/..%2fadmin",
        "/resources/..;/admin",
        "/resources//../admin",
        "/realms/agency/%252e%252e/master",
        "/realms/agency/..\\master",
    ],
)
def test_a_disguised_path_does_not_get_round_the_rule(send: Fetch, applications: None, path: str) -> None:
    assert send(ID, path)["status"] == 400


def test_the_bare_login_name_leads_to_ones_account(send: Fetch) -> None:
    answer = send(ID, "/")
    assert (answer["status"], answer["headers"]["location"]) == (302, f"https://{ID}/realms/agency/account/")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/.well-known/carddav", "/remote.php/dav/"),
        ("/.well-known/caldav", "/remote.php/dav/"),
        ("/.well-known/webfinger?resource=x", "/index.php/.well-known/webfinger?resource=x"),
    ],
)
def test_clients_find_their_way_by_well_known(send: Fetch, path: str, location: str) -> None:
    answer = send(CLOUD, path)
    assert (answer["status"], answer["headers"]["location"]) == (301, f"https://{CLOUD}{location}")


def test_who_the_client_is_comes_from_the_edge_alone(send: Fetch, applications: None) -> None:
    lies = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Host": "elsewhere.example",
        "X-Forwarded-Prefix": "/admin",
        "Forwarded": "for=192.0.2.1",
        "X-Real-IP": "192.0.2.1",
        "X-Original-URL": "/admin",
    }
    received = dict(json.loads(send(CLOUD, "/x", headers=lies)["body"])["headers"])
    told = {name.lower(): value for name, value in received.items()}
    assert told["x-forwarded-host"] == CLOUD
    assert told["x-forwarded-proto"] == "https"
    assert "192.0.2.1" not in told.values()
    assert not {"forwarded", "x-real-ip", "x-original-url", "x-forwarded-prefix"} & set(told)


def test_websocket_passes(send: Fetch, applications: None) -> None:
    assert send(CLOUD, "/push/ws", frame="hello") == {"status": 101, "frame": "hello"}


def test_a_body_over_the_limit_is_refused_and_one_below_passes(send: Fetch, applications: None) -> None:
    assert send(ID, "/realms/agency", method="POST", body=3 * 1024**2)["status"] == 413
    assert json.loads(send(CLOUD, "/x", method="PUT", body=3 * 1024**2)["body"])["body"] == 3 * 1024**2


def test_a_machine_that_tries_passwords_is_slowed_and_others_are_not(send: Fetch, applications: None) -> None:
    login = "/realms/agency/login-actions/authenticate"
    assert send(ID, login, method="POST", times=302)["status"] == 429
    assert send(ID, login)["status"] == 200  # reading the form is no attempt
    assert send(ID, login, source="ops", method="POST")["status"] == 200


def test_no_query_is_in_the_log(send: Fetch, host: Host, applications: None) -> None:
    send(CLOUD, "/seen?token=verysecret")
    send(ID, "/realms/agency?code=verysecret")
    send(ID, "/admin?x=verysecret")
    send(CLOUD, "/seen?token=verysecret", ca="", port=80)
    log = host.run_expect([0], "journalctl -u haproxy --no-pager").stdout
    assert '"/seen"' in log
    assert "verysecret" not in log


def test_php_that_is_down_gives_the_friendly_page(send: Fetch, applications: None) -> None:
    assert "Tjänsten är inte tillgänglig just nu" in send(CLOUD, "/status/502")["body"]
    assert send(CLOUD, "/status/503")["body"].startswith("{")  # Nextcloud's own word in maintenance passes


def test_a_service_that_is_down_gives_the_friendly_page(send: Fetch, host: Host, applications: None) -> None:
    host.run_expect([0], "systemctl stop backend-keycloak backend-web")
    wait(host, "DOWN")
    for name in (ID, CLOUD):
        answer = send(name, "/realms/agency")
        assert (answer["status"], answer["headers"]["retry-after"]) == (503, "60")
        assert "Tjänsten är inte tillgänglig just nu" in answer["body"]
        assert "it@agency.example" in answer["body"]
        assert "http" not in answer["body"]


def test_a_reload_that_cannot_take_over_fails(host: Host) -> None:
    host.run_expect([0], "cp /etc/haproxy/haproxy.cfg /root/good.cfg")
    try:
        host.run_expect([0], r"printf 'listen taken\n    bind 0.0.0.0:22\n' >> /etc/haproxy/haproxy.cfg")
        assert host.run("systemctl reload haproxy").rc != 0
    finally:
        host.run_expect([0], "cat /root/good.cfg > /etc/haproxy/haproxy.cfg; rm /root/good.cfg")
    host.run_expect([0], "systemctl reload haproxy")
