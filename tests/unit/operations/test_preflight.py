"""What the preflight makes of a host's answer, of names, and of ssh's and sudo's refusals."""

from __future__ import annotations

import ast
import copy
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from collab_stack import catalogue, plan
from collab_stack.operations import names, needs
from collab_stack.operations.fitness import host_problems
from collab_stack.operations.preflight import Wanted
from collab_stack.plan.model import DnsRecord
from collab_stack.site import Site
from tests.unit.plan.conftest import MakeSite

DIGEST = "@sha256:" + "a" * 64
FINE: dict[str, Any] = {
    "root": True,
    "release": {"id": "debian", "version": "13"},
    "systemd": True,
    "memory_mib": 16000,
    "disks": {
        "/srv/collab": {"mount": "/", "free_mib": 20000},
        "/var/lib/docker": {"mount": "/", "free_mib": 20000},
    },
    "holders": [],
    "missing_images": [],
    "registries": {},
    "deployed": {},
    "leftovers": [],
    "login": {"address": "10.20.9.7", "port": 22},
    "clock_offset": 0.0,
}


@pytest.fixture
def wanted(make_site: MakeSite) -> Wanted:
    site: Site = make_site()
    return Wanted(site, plan.build(site, catalogue.load()), ["host1"], {}, "run")


def problems(wanted: Wanted, **changes: object) -> list[tuple[str, str]]:
    answer = copy.deepcopy(FINE) | changes
    need = needs.of(wanted.site, wanted.plan, "host1")
    return [(problem.check, problem.message) for problem in host_problems(wanted, "host1", need, answer)]


def test_a_fit_host_has_no_problem(wanted: Wanted) -> None:
    assert problems(wanted) == []


@pytest.mark.parametrize(
    ("changes", "check", "says"),
    [
        ({"release": {"id": "debian", "version": "12"}}, "debian", "runs debian 12, not Debian 13"),
        ({"release": {"id": "ubuntu", "version": "24.04"}}, "debian", "runs ubuntu 24.04"),
        ({"systemd": False}, "systemd", "not its init"),
        ({"root": False}, "sudo", "another user than root"),
        ({"memory_mib": 2000}, "memory", "has 2000 MiB"),
        ({"clock_offset": -7.2}, "clock", "-7 s"),
        ({"leftovers": [{"pid": 7, "command": "dpkg -i x"}]}, "leftovers", "dpkg -i x (process 7)"),
        (
            {"missing_images": ["a/b:1"], "registries": {"registry:5000": "timed out"}},
            "images",
            "does not reach the registry registry:5000: timed out",
        ),
        (
            {"holders": [{"protocol": "tcp", "port": 443, "pid": 8, "command": "apache2", "unit": "apache2.service"}]},
            "ports",
            "port 443/tcp, which edge needs, is held by apache2 (process 8, apache2.service)",
        ),
    ],
)
def test_each_unfitness_is_named(wanted: Wanted, changes: dict[str, object], check: str, says: str) -> None:
    ((found, message),) = problems(wanted, **changes)
    assert found == check
    assert message.startswith("host1: ")
    assert says in message


@pytest.mark.parametrize("unit", ["haproxy.service", "nginx.service", "collab-web.service", "docker.service"])
def test_ports_held_by_the_stack_itself_are_fine(wanted: Wanted, unit: str) -> None:
    held = {"protocol": "tcp", "port": 80, "pid": 8, "command": "x", "unit": unit}
    assert problems(wanted, holders=[held]) == []


@pytest.mark.parametrize(("address", "port"), [("10.20.8.7", 22), ("2001:db8::7", 22), ("10.20.9.7", 2222)])
def test_who_deploys_is_not_shut_out(wanted: Wanted, address: str, port: int) -> None:
    ((check, message),) = problems(wanted, login={"address": address, "port": port})
    assert check == "management"
    assert f"from {address} to port {port}" in message


def test_a_login_without_ssh_is_not_judged(wanted: Wanted) -> None:
    assert problems(wanted, login={}) == []


def test_disk_is_summed_over_what_shares_a_mount(wanted: Wanted) -> None:
    images = [f"a/{number}:1" for number in range(3)]
    needed = needs.DATA_MIB[0] + 3 * needs.IMAGE_MIB[0]
    disks = {path: {"mount": "/", "free_mib": needed - 1} for path in ("/srv/collab", "/var/lib/docker")}
    assert problems(wanted, disks=disks, missing_images=images) == [
        ("disk", f"host1: / has {needed - 1} MiB free, and {needed} MiB are needed")
    ]
    apart = {
        "/srv/collab": {"mount": "/srv", "free_mib": needs.DATA_MIB[0]},
        "/var/lib/docker": {"mount": "/", "free_mib": 3 * needs.IMAGE_MIB[0]},
    }
    assert problems(wanted, disks=apart, missing_images=images) == []


def test_memory_is_the_sum_of_what_the_services_may_use(wanted: Wanted) -> None:
    services = wanted.site.config.services
    need = needs.of(wanted.site, wanted.plan, "host1")
    limits = services.keycloak.memory_mb + services.nextcloud.memory_mb + services.valkey.memory_mb
    assert need.memory_mib == limits + needs.POSTGRESQL_MIB + needs.SYSTEM_MIB + sum(needs.SMALL_MIB.values())


def test_a_new_version_of_what_keeps_data_needs_a_word(wanted: Wanted) -> None:
    deployed = {"nextcloud": f"r/library/nextcloud:33.0.1-fpm{DIGEST}", "keycloak": f"r/k/k:26.7.4{DIGEST}"}
    ((check, message),) = problems(wanted, deployed=deployed)
    assert check == "backup"
    assert "nextcloud would go from 33.0.1-fpm to 34.0.2-fpm" in message
    accepted = Wanted(wanted.site, wanted.plan, wanted.hosts, {}, "run", ["nextcloud"])
    assert problems(accepted, deployed=deployed) == []


def test_an_older_version_of_what_keeps_data_is_refused(wanted: Wanted) -> None:
    deployed = {"nextcloud": f"r/library/nextcloud:34.0.10-fpm{DIGEST}"}
    accepted = Wanted(wanted.site, wanted.plan, wanted.hosts, {}, "run", ["nextcloud"])
    ((check, message),) = problems(accepted, deployed=deployed)
    assert check == "downgrade"
    assert "nextcloud would go back from 34.0.10-fpm to 34.0.2-fpm" in message


Zone = dict[tuple[str, str], list[str]]


def respond(raw: bytes, zone: Zone) -> bytes:
    """Return a name server's answer to a query; what is not in the zone is answered with nothing."""
    query = dns.message.from_wire(raw)
    response = dns.message.make_response(query)
    question = query.question[0]
    values = zone.get((question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)))
    if values:
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", question.rdtype, *values))
    return response.to_wire()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Zone], str]]:
    """A name server on the loopback, which knows a zone and no other name."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(0.1)
    zone: Zone = {}
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                raw, peer = server.recvfrom(4096)
            except TimeoutError:
                continue
            server.sendto(respond(raw, zone), peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    # The real one is asked on port 53, which a test may not have.
    original = dns.resolver.Resolver.__init__

    def with_port(self: dns.resolver.Resolver, *words: Any, **more: Any) -> None:  # noqa: ANN401 - dnspython's own
        original(self, *words, **more)
        self.port = server.getsockname()[1]

    monkeypatch.setattr(dns.resolver.Resolver, "__init__", with_port)

    def use(entries: Zone) -> str:
        zone.update(entries)
        return "127.0.0.1"

    yield use
    ended.set()
    thread.join()
    server.close()


RECORDS = (
    DnsRecord("id.agency.example", "A", "10.20.1.1"),
    DnsRecord("id.agency.example", "A", "10.20.1.2"),
    DnsRecord("files.agency.example", "CNAME", "edge.agency.example"),
)


def test_names_that_lead_to_the_edge_are_fine(resolver: Callable[[Zone], str]) -> None:
    server = resolver(
        {
            ("id.agency.example", "A"): ["10.20.1.2", "10.20.1.1"],
            ("files.agency.example", "CNAME"): ["edge.agency.example."],
        }
    )
    assert names.wrong_names(RECORDS, [server]) == []


def test_a_name_that_leads_elsewhere_and_a_missing_one(resolver: Callable[[Zone], str]) -> None:
    server = resolver({("id.agency.example", "A"): ["192.0.2.1"]})
    first, second = names.wrong_names(RECORDS, [server])
    assert first[0] == (
        "id.agency.example leads to 192.0.2.1 at the resolver 127.0.0.1, not to 10.20.1.1 and 10.20.1.2"
    )
    assert "id.agency.example A 10.20.1.1; id.agency.example A 10.20.1.2" in first[1]
    assert second[0].startswith("files.agency.example leads to nothing")


def test_a_silent_resolver_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "SECONDS", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.2", 0))
        ((message, mend),) = names.wrong_names(RECORDS, ["127.0.0.2"])
    assert message == "the resolver 127.0.0.2 does not answer"
    assert "dns.resolvers" in mend


def test_the_programs_need_nothing_but_python() -> None:
    """They run where collab-stack is not: whatever they import must come with Debian's python3-minimal and python3."""
    folder = Path(needs.__file__).parents[1] / "runner" / "programs"
    for path in folder.glob("*.py"):
        if path.name == "__init__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            assert all(module.split(".")[0] in sys.stdlib_module_names for module in modules), (path, modules)
