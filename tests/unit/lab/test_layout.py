"""Labs run side by side: no address, name or bridge of one is another's."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest

from collab_stack.lab import infra
from collab_stack.lab.layout import MOST_LABS, Layout, valid_name

LAYOUTS = [Layout(f"lab{index}", index, 3) for index in range(MOST_LABS)]


def test_no_network_of_a_lab_touches_another() -> None:
    networks = [
        network
        for layout in LAYOUTS
        for network in (layout.agency, layout.uplink, layout.outside, layout.agency6, layout.outside6)
    ]
    pairs = [(one, other) for place, one in enumerate(networks) for other in networks[place + 1 :]]
    assert not [pair for pair in pairs if pair[0].version == pair[1].version and pair[0].overlaps(pair[1])]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_range_is_one_that_nobody_uses_for_real(layout: Layout) -> None:
    assert layout.agency.subnet_of(IPv4Network("198.18.0.0/15"))
    assert layout.uplink.subnet_of(IPv4Network("198.18.0.0/15"))
    assert layout.outside.subnet_of(IPv4Network("198.51.100.0/24"))
    documentation = IPv6Network("2001:db8::/32")
    assert layout.agency6.subnet_of(documentation)
    assert layout.outside6.subnet_of(documentation)


def test_every_container_has_an_address_of_its_own() -> None:
    layout = Layout("x", 3, 100)
    inside = [short for short in layout.containers if short != "outside"]
    addresses = {layout.address(short) for short in inside} | {layout.machine}
    assert len(addresses) == len(inside) + 1
    assert all(address in layout.agency for address in addresses)
    assert {layout.address6(short) in layout.agency6 for short in inside} == {True}


def test_operators_are_in_the_management_network_and_nobody_else() -> None:
    layout = Layout("x", 0, 5)
    for place in (0, 1):
        of = (layout.address, layout.address6)[place]
        assert of("ops") in layout.management[place]
        assert not [short for short in ("infra", "gateway", *layout.hosts) if of(short) in layout.management[place]]
    assert layout.machine in layout.management[0]


def test_bridges_fit_into_an_interface_name() -> None:
    assert all(len(layout.bridge(short)) <= 15 for layout in LAYOUTS for short in ("agency", "outside", "uplink"))


@pytest.mark.parametrize(
    ("name", "good"),
    [("lab", True), ("lab-2", True), ("Lab", False), ("2lab", False), ("a" * 21, False), ("a b", False)],
)
def test_names(name: str, good: bool) -> None:
    assert valid_name(name) is good


def test_the_resolver_knows_public_names_machines_and_services() -> None:
    layout = Layout("x", 1, 2)
    records = {name: (v4, v6) for name, v4, v6 in infra.dns_records(layout, infra.default_public(layout))}
    assert records["files.agency.example"] == ("198.18.1.101", "2001:db8:18:1::65")
    assert records["ldap.agency.example"][0] == "198.18.1.20"
    assert records["host2.agency.example"][0] == "198.18.1.102"
    text = infra.dnsmasq(layout, infra.default_public(layout))
    assert "host-record=id.agency.example,198.18.1.101,2001:db8:18:1::65" in text
    assert "no-resolv" in text.splitlines()  # nothing is asked outside
