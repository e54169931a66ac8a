"""The packet filter as other machines see it: a scan finds the ports of the plan and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from collab_stack.lab import Lab
from tests.lab.foundation import Foundation

UNLISTED = 9443
"""A port that no plan has."""

SCAN = """
import asyncio, json, sys
async def probe(limit, address, port):
    async with limit:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 2)
        except ConnectionRefusedError:
            return "refused"
        except (OSError, asyncio.TimeoutError):
            return "silent"
        writer.close()
        return "open"
async def main(targets):
    limit = asyncio.Semaphore(400)
    found = await asyncio.gather(*(probe(limit, address, port) for address, port in targets))
    print(json.dumps([[*target, state] for target, state in zip(targets, found) if state != "silent"]))
asyncio.run(main(json.loads(sys.argv[1])))
"""

LISTEN = """
import selectors, socket, sys
selector = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    selector.register(server, selectors.EVENT_READ)
    echo = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    echo.bind(("::", port))
    selector.register(echo, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj.type == socket.SOCK_DGRAM:
            data, peer = key.fileobj.recvfrom(64)
            key.fileobj.sendto(data, peer)
        else:
            key.fileobj.accept()[0].close()
"""

ASK_UDP = """
import socket, sys
for address in sys.argv[2:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(2)
        try:
            asking.sendto(b"x", (address, int(sys.argv[1])))
            asking.recv(64)
            print("answered", address)
        except OSError:
            pass
"""

IMPORT = (
    "tar -C / -c bin lib lib64 etc/ld.so.cache usr/bin/python3 usr/bin/python3.13 usr/lib64 usr/lib/python3 "
    "usr/lib/python3.13 usr/lib/x86_64-linux-gnu/*.so* 2>/dev/null | docker import - collab-trial >/dev/null"
)


def sh(lab: Lab, short: str, script: str) -> str:
    code, output = lab.execute(short, "sh", "-c", script)
    assert code == 0, f"{short}: {script}: {output}"
    return output


class Target:
    """host1 with the roles, and more listeners than its plan knows."""

    def __init__(self, foundation: Foundation) -> None:
        self.foundation = foundation
        self.lab = foundation.lab
        self.layout = self.lab.state.layout
        self.addresses = [str(self.layout.address("host1")), str(self.layout.address6("host1"))]
        self.network = self.foundation.plan.networks["keycloak"]
        self.container = self.network.subnet.replace(".0/24", ".77")

    def listen(self) -> None:
        """Listen on ports in and out of the plan, on the host and in a container, published and not."""
        permitted = [permission.port for permission in self.foundation.plan.inbound["host1"] if permission.port != 22]
        ports = [*permitted, 5432, 6380, 8444, UNLISTED]
        own = [str(port) for port in dict.fromkeys(ports) if port != permitted[-1]]
        program = f"python3 -c '{LISTEN}'"
        sh(self.lab, "host1", f"systemd-run --unit=trial-listen --collect -- {program} {' '.join(own)}")
        sh(self.lab, "host1", f"docker image inspect collab-trial >/dev/null 2>&1 || {IMPORT}")
        # The last port of the plan is offered by a container, as are one beside the plan and one that is not published.
        run = f"docker run --detach --rm --name trial --network {self.network.name} --ip {self.container}"
        publish = f"--publish {permitted[-1]}:8000 --publish 9444:8000"
        sh(self.lab, "host1", f"{run} {publish} collab-trial {program} 8000 8001")

    def expected(self, address: str) -> set[int]:
        """Return the TCP ports that the plan opens to a machine."""
        source = ip_address(address)
        found = set()
        for permission in self.foundation.plan.inbound["host1"]:
            networks = permission.sources4 if source.version == 4 else permission.sources6
            if permission.protocol == "tcp" and any(source in ip_network(network) for network in networks):
                found.add(permission.port)
        return found

    def scan(self, short: str, addresses: list[str], ports: list[int]) -> dict[str, dict[int, str]]:
        """Return address -> port -> open or refused; what stays silent is left out."""
        targets = [[address, port] for address in addresses for port in ports]
        answers = json.loads(sh(self.lab, short, f"python3 -c '{SCAN}' '{json.dumps(targets)}'"))
        found: dict[str, dict[int, str]] = {address: {} for address in addresses}
        for address, port, state in answers:
            found[address][port] = state
        return found


@pytest.fixture(scope="module")
def target(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    made = Target(Foundation(lab, tmp_path_factory.mktemp("foundation")))
    done = made.foundation.run()
    assert done.returncode == 0, done.stdout
    made.listen()
    time.sleep(1)
    yield made
    lab.execute("host1", "sh", "-c", "docker stop --time 1 trial; systemctl stop trial-listen")


PORTS = [*range(1, 1025), 5000, 5432, 6379, 6380, 8000, 8001, 8080, 8443, 8444, 9000, 9001, UNLISTED, 9444]


@pytest.mark.parametrize("scanner", ["infra", "ops"])
def test_a_scan_finds_the_ports_of_the_plan_and_nothing_else(target: Target, scanner: str) -> None:
    layout = target.layout
    from_ = {4: str(layout.address(scanner)), 6: str(layout.address6(scanner))}
    found = target.scan(scanner, target.addresses, PORTS)
    for address in target.addresses:
        expected = target.expected(from_[ip_address(address).version])
        assert expected, "the plan opens nothing here, so this would prove nothing"
        assert found[address] == dict.fromkeys(expected, "open")


def test_management_alone_reaches_ssh(target: Target) -> None:
    assert 22 in target.scan("ops", target.addresses[:1], [22])[target.addresses[0]]
    assert 22 not in target.scan("infra", target.addresses[:1], [22])[target.addresses[0]]


def test_the_listeners_are_there(target: Target) -> None:
    """What the scans do not find is closed by the filter, not absent: the host itself reaches it."""
    found = target.scan("host1", ["127.0.0.1", target.container], [UNLISTED, 5432, 9444, 8000])
    assert [port for port, state in found["127.0.0.1"].items() if state == "open"] == [UNLISTED, 5432, 9444]
    assert [port for port, state in found[target.container].items() if state == "open"] == [8000]


def test_a_route_to_the_containers_leads_nowhere(target: Target) -> None:
    route = f"{target.network.subnet} via {target.addresses[0]}"
    sh(target.lab, "infra", f"ip route replace {route}")
    try:
        found = target.scan("infra", [target.container, target.network.gateway], [22, 8000, 8001, UNLISTED, 9444])
    finally:
        sh(target.lab, "infra", f"ip route del {route}")
    assert found == {target.container: {}, target.network.gateway: {}}


def test_udp_is_closed_too(target: Target) -> None:
    addresses = " ".join(target.addresses)
    assert sh(target.lab, "infra", f"python3 -c '{ASK_UDP}' {UNLISTED} {addresses}") == ""
    assert "answered" in sh(target.lab, "host1", f"python3 -c '{ASK_UDP}' {UNLISTED} 127.0.0.1")


def test_the_filter_is_what_closes_it(target: Target) -> None:
    """Without the table the same scan finds them: so these tests can fail."""
    sh(target.lab, "host1", "nft delete table inet collab")
    try:
        found = target.scan("infra", target.addresses, [UNLISTED, 9444])
    finally:
        sh(target.lab, "host1", "systemctl reload collab-firewall")
    assert all(ports == {UNLISTED: "open", 9444: "open"} for ports in found.values())


def test_a_boot_brings_the_filter_before_docker(target: Target) -> None:
    order = sh(target.lab, "host1", "systemctl show --property=After,Requires docker.service")
    assert order.count("collab-firewall.service") == 2
    before = sh(target.lab, "host1", "systemctl show --property=Before --value collab-firewall.service")
    assert {"network-pre.target", "docker.service", "docker.socket"} <= set(before.split())
    code, output = target.lab.execute("host1", "systemctl", "restart", "collab-firewall")
    assert code != 0
    assert (
        "RefuseManualStop" in output or "refused" in output.lower() or "may be requested by dependency only" in output
    )


def test_an_unchanged_host_costs_few_remote_tasks(target: Target) -> None:
    done = target.foundation.run()
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout


def test_a_run_killed_before_it_confirmed_is_finished(target: Target) -> None:
    """The rules it loaded would return; the next run loads them again and confirms them."""
    sh(target.lab, "host1", "/usr/local/lib/collab/firewall load")
    done = target.foundation.run("--diff", roles=("base",))
    assert done.returncode == 0, done.stdout
    assert "+++ after: packet filter" in done.stdout
    code, _ = target.lab.execute("host1", "systemctl", "--quiet", "is-active", "collab-firewall-return.timer")
    assert code != 0


def test_rules_that_shut_the_controller_out_return(target: Target) -> None:
    """The deploy fails and says why, and the host is as before a little later, by itself."""
    elsewhere = [{"protocol": "tcp", "port": 22, "sources4": ["203.0.113.0/24"], "sources6": [], "reason": "elsewhere"}]
    hurry = "--extra-vars=base_firewall_seconds=25"
    done = target.foundation.run(hurry, roles=("base",), base_inbound=elsewhere)
    assert done.returncode != 0
    assert "networks.management" in done.stdout
    deadline = time.monotonic() + 90
    while not target.scan("ops", target.addresses[:1], [22])[target.addresses[0]]:
        assert time.monotonic() < deadline, "the former rules did not return"
        time.sleep(2)
    assert "203.0.113" not in sh(target.lab, "host1", "nft list table inet collab; cat /var/lib/collab/firewall.nft")
    assert target.foundation.run(roles=("base",)).returncode == 0
