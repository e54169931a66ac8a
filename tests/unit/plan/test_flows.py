"""Properties of the flow table that hold for every site, however its services are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab_stack.errors import CollabError, ExitCode
from collab_stack.plan.definitions import HOSTS, OUTSIDE, SERVICES
from collab_stack.plan.flows import LEAVES
from collab_stack.plan.table import TABLE

if TYPE_CHECKING:
    from collab_stack.plan import Plan
    from tests.unit.plan.conftest import MakePlan, MakeSite

GROUPS = ("edge", "sso", "database", "cache", "nextcloud")
NAMES = ("a", "b", "c", "d")


@st.composite
def spreads(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Return a spread of the groups over one to four hosts, each group on at least one."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    chosen = {group: draw(st.sets(st.sampled_from(names), min_size=1)) for group in GROUPS}
    return {name: tuple(group for group in GROUPS if name in chosen[group]) for name in names}


EXTERNALS = st.fixed_dictionaries(
    {},
    optional={
        f"services.{name}.external": st.just({"address": f"10.20.7.{index}", "port": 7000 + index})
        for index, name in enumerate(("edge", "keycloak", "postgresql", "valkey", "nextcloud"))
    },
)


def keys(plan: Plan) -> set[tuple[str, str, int, str]]:
    return {(flow.source, flow.destination, flow.port, flow.protocol) for flow in plan.flows}


@settings(max_examples=60, deadline=None)
@given(hosts=spreads(), changes=EXTERNALS)
def test_both_ends_of_a_flow_exist(
    make_plan: MakePlan, hosts: dict[str, tuple[str, ...]], changes: dict[str, Any]
) -> None:
    plan = make_plan(changes, hosts)
    services = {service.name: service for service in plan.services}
    for flow in plan.flows:
        for party, at, addresses in (
            (flow.source, flow.source_hosts, flow.source_addresses),
            (flow.destination, flow.destination_hosts, flow.destination_addresses),
        ):
            assert bool(at) != bool(addresses), "an end is hosts of the stack or somebody else's addresses"
            if party in services:
                ours = services[party].external is None
                assert bool(at) == ours
                assert set(at) <= set(services[party].hosts)
            else:
                assert party == HOSTS or party in OUTSIDE
        assert 1 <= flow.port <= 65535
        assert flow.reason
        assert flow.legal


@settings(max_examples=60, deadline=None)
@given(hosts=spreads(), changes=EXTERNALS)
def test_every_carried_service_that_talks_has_its_flows(
    make_plan: MakePlan, hosts: dict[str, tuple[str, ...]], changes: dict[str, Any]
) -> None:
    plan = make_plan(changes, hosts)
    there = {service.name for service in plan.services}
    ours = {service.name for service in plan.services if service.external is None}
    for row in TABLE:
        if row.source not in ours or row.destination not in there or row.with_service not in ours | {None}:
            continue
        wanted = row.to is None or (row.to == "ours") == (row.destination in ours)
        shares = set(next(s.hosts for s in plan.services if s.name == row.source)) & set(
            next(s.hosts for s in plan.services if s.name == row.destination)
        )
        found = [
            flow
            for flow in plan.flows
            if (flow.source, flow.destination, flow.reason) == (row.source, row.destination, row.reason)
        ]
        assert bool(found) == (wanted and (not row.same_host or bool(shares)))


@pytest.mark.parametrize("service", ["nextcloud", "keycloak"])
def test_a_removed_service_takes_its_flows_along(make_plan: MakePlan, service: str) -> None:
    removed = {"nextcloud"} if service == "nextcloud" else {"nextcloud", "keycloak"}
    before = make_plan()
    after = make_plan({f"services.{name}.enabled": False for name in removed})
    gone = removed | {"web"}
    assert {s.name for s in before.services} - {s.name for s in after.services} == gone
    assert not [flow for flow in after.flows if gone & {flow.source, flow.destination}]
    assert keys(after) < keys(before)
    assert not [p for p in after.inbound["host1"] if p.port == SERVICES["web"].port]


@settings(max_examples=60, deadline=None)
@given(hosts=spreads(), groups=st.sets(st.sampled_from(GROUPS)), changes=EXTERNALS)
def test_a_further_host_adds_no_flow_to_the_outside(
    make_plan: MakePlan, hosts: dict[str, tuple[str, ...]], groups: set[str], changes: dict[str, Any]
) -> None:
    before, after = make_plan(changes, hosts), make_plan(changes, hosts | {"z": tuple(groups)})

    def leaving(plan: Plan) -> set[tuple[str, int, tuple[str, ...]]]:
        return {(f.destination, f.port, f.destination_addresses) for f in plan.flows if f.destination_addresses}

    assert leaving(after) == leaving(before)


@settings(max_examples=60, deadline=None)
@given(hosts=spreads(), changes=EXTERNALS)
def test_a_host_lets_in_only_what_a_flow_says(
    make_plan: MakePlan, hosts: dict[str, tuple[str, ...]], changes: dict[str, Any]
) -> None:
    plan = make_plan(changes, hosts)
    address = {name: f"10.20.1.{index}/32" for index, name in enumerate(hosts, start=1)}
    for host, permissions in plan.inbound.items():
        assert [(p.protocol, p.port) for p in permissions] == sorted({(p.protocol, p.port) for p in permissions})
        allowed: dict[tuple[str, int], set[str]] = {}
        for flow in plan.flows:
            if host in flow.destination_hosts and not flow.same_host:
                sources = {address[name] for name in flow.source_hosts if name != host}
                given_here = {a if "/" in a else f"{a}/32" for a in flow.source_addresses}
                allowed.setdefault((flow.protocol, flow.port), set()).update(sources | given_here)
        for permission in permissions:
            said = {*permission.sources4, *permission.sources6}
            wanted = allowed[permission.protocol, permission.port]
            if "0.0.0.0/0" in wanted:
                assert said == {"0.0.0.0/0", "::/0"}
            else:
                assert said, "a permission for nobody would be noise"
                assert covers(said) == covers(wanted)
        quiet = {key for key, sources in allowed.items() if not sources}
        assert {(p.protocol, p.port) for p in permissions} == set(allowed) - quiet


def covers(networks: set[str]) -> set[str]:
    """Return every address of small networks, so that collapsed ones compare equal."""
    from ipaddress import ip_network  # noqa: PLC0415 - a helper of one test

    return {str(address) for network in networks for address in ip_network(network)}


def test_one_host_offers_only_the_edge_and_ssh(make_plan: MakePlan) -> None:
    permissions = make_plan().inbound["host1"]
    assert {p.port: p.sources4 for p in permissions} == {
        22: ("10.20.9.0/24",),
        80: ("0.0.0.0/0",),
        443: ("0.0.0.0/0",),
    }


def test_the_database_lets_in_its_clients_hosts_only(make_plan: MakePlan) -> None:
    plan = make_plan(hosts={"e": ("edge",), "s": ("sso",), "d": ("database", "cache"), "n": ("nextcloud",)})
    by_port = {p.port: set(p.sources4) for p in plan.inbound["d"]}
    assert covers(by_port[5432]) == {"10.20.1.2", "10.20.1.4"}
    assert by_port[6380] == {"10.20.1.4/32"}
    assert set(by_port) == {22, 5432, 6380}


@pytest.mark.parametrize("service", ["postgresql", "valkey", "keycloak"])
def test_an_external_service_keeps_its_flows_and_has_no_host(make_plan: MakePlan, service: str) -> None:
    plan = make_plan({f"services.{service}.external": {"address": "own.agency.example", "port": 9999}})
    arriving = [flow for flow in plan.flows if flow.destination == service]
    assert "nextcloud" in {flow.source for flow in arriving}
    assert all(flow.destination_addresses == ("own.agency.example",) and flow.port == 9999 for flow in arriving)
    assert {flow.destination for flow in plan.flows if flow.source == service} <= {"edge"}
    assert not set(SERVICES[service].roles) & set(plan.roles["host1"])
    assert SERVICES[service].component not in plan.unlocked


def test_an_external_keycloak_is_not_behind_our_edge(make_plan: MakePlan) -> None:
    plan = make_plan({"services.keycloak.external": {"address": "login.agency.example", "port": 443}})
    assert ("edge", "keycloak") not in {(flow.source, flow.destination) for flow in plan.flows}
    assert "id.agency.example" not in {record.name for record in plan.dns}
    assert "probe_user_password" not in plan.secrets


def test_a_flow_out_of_the_house_is_marked(make_plan: MakePlan) -> None:
    plan = make_plan({"registry": None, "time.servers": ["198.51.100.7"]})
    marked = {flow.destination for flow in plan.flows if LEAVES in flow.legal}
    assert marked == {"registry", "time"}
    assert not [flow for flow in make_plan().flows if LEAVES in flow.legal]


def test_clear_mail_needs_a_trusted_segment(make_site: MakeSite, make_plan: MakePlan) -> None:
    changes: dict[str, Any] = {"mail.starttls": False, "mail.relay": "10.20.1.99"}
    with pytest.raises(CollabError, match=r"mail\.starttls") as refused:
        make_plan(changes)
    assert refused.value.exit_code == ExitCode.SITE_INVALID
    assert "trusted_segments" in refused.value.mend
    plan = make_plan(changes | {"networks.trusted_segments": ["10.20.1.0/24"]})
    assert {flow.transport for flow in plan.flows if flow.destination == "mail"} == {"clear"}


@pytest.mark.parametrize(
    ("changes", "hosts", "message"),
    [
        ({}, {"a": ("edge",)}, "no host carries keycloak"),
        ({"networks.containers": "10.20.0.0/16"}, None, "10.20.1.1 lies in networks.containers"),
        ({"networks.containers": "172.30.0.0/24"}, None, "too small"),
        ({"networks.containers": "172.30.0.0/16", "dns.resolvers": ["172.30.0.53"]}, None, "172.30.0.53, where dns is"),
        (
            {"services.edge.external": {"address": "lb.agency.example", "port": 443}},
            None,
            "a firewall knows addresses only",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused(
    make_plan: MakePlan, changes: dict[str, Any], hosts: dict[str, tuple[str, ...]] | None, message: str
) -> None:
    with pytest.raises(CollabError, match=message) as refused:
        make_plan(changes, hosts)
    assert refused.value.exit_code == ExitCode.SITE_INVALID
    assert refused.value.mend


def test_files_in_an_object_store_are_a_flow(make_plan: MakePlan) -> None:
    storage = {"kind": "s3", "hostname": "s3.agency.example", "bucket": "files", "access_key": "collab"}
    plan = make_plan({"services.nextcloud.storage": storage})
    (flow,) = [flow for flow in plan.flows if flow.destination == "objectstore"]
    assert (flow.source, flow.port, flow.transport) == ("nextcloud", 443, "tls")
    assert flow.destination_addresses == ("s3.agency.example",)
    assert "objectstore" not in {flow.destination for flow in make_plan().flows}
