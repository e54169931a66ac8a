"""Sites to plan, built from types: what a file says and how it is read is tested elsewhere."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Protocol

import pytest

from collab_stack import catalogue
from collab_stack.plan import Plan, build
from collab_stack.site import Host, Hosts, Lock, Site, SiteConfig

GROUPS = ("edge", "sso", "database", "cache", "nextcloud")

CONFIG: dict[str, Any] = {
    "domain": "agency.example",
    "organisation": {"name": "Example Agency", "language": "sv", "country": "SE", "contact": "it@agency.example"},
    "networks": {"in_house": ["10.20.0.0/16"], "management": ["10.20.9.0/24"]},
    "mail": {"relay": "mail.agency.example", "sender": "files@agency.example"},
    "time": {"servers": ["ntp1.agency.example", "ntp2.agency.example"]},
    "dns": {"resolvers": ["10.20.0.53"]},
    "packages": {
        "mirror": "http://mirror.agency.example/debian",
        "security_mirror": "http://mirror.agency.example/debian-security",
    },
    "registry": {"address": "registry.agency.example:5000"},
    "sso": {
        "directory": {
            "url": "ldaps://ldap.agency.example",
            "bind_dn": "cn=reader,dc=agency",
            "users_dn": "ou=people,dc=agency",
            "groups_dn": "ou=groups,dc=agency",
        }
    },
    "services": {},
}


class MakeSite(Protocol):
    """The factory of sites."""

    def __call__(self, changes: dict[str, Any] | None = None, hosts: dict[str, tuple[str, ...]] | None = None) -> Site:
        """Return a site: ``changes`` maps dotted keys of site.yml, ``hosts`` maps a host to its groups."""


def merged(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the example's site.yml with dotted keys set; None removes a key."""
    raw = copy.deepcopy(CONFIG)
    for dotted, value in changes.items():
        *way, last = dotted.split(".")
        place = raw
        for key in way:
            place = place.setdefault(key, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return raw


@pytest.fixture(scope="session")
def make_site() -> MakeSite:
    """Return the factory; without arguments it makes the example with everything on one host."""

    def make(changes: dict[str, Any] | None = None, hosts: dict[str, tuple[str, ...]] | None = None) -> Site:
        placed = hosts if hosts is not None else {"host1": GROUPS}
        machines = {
            name: Host(name, f"10.20.1.{index}", {"ansible_host": f"10.20.1.{index}", "ansible_user": "operator"})
            for index, name in enumerate(placed, start=1)
        }
        groups = {group: tuple(name for name, listed in placed.items() if group in listed) for group in GROUPS}
        return Site(Path("site"), SiteConfig.model_validate(merged(changes or {})), Hosts(machines, groups), Lock())

    return make


@pytest.fixture(scope="session")
def make_plan(make_site: MakeSite) -> MakePlan:
    """Return the factory of plans, with the arguments of ``make_site``."""

    def make(changes: dict[str, Any] | None = None, hosts: dict[str, tuple[str, ...]] | None = None) -> Plan:
        return build(make_site(changes, hosts), catalogue.load())

    return make


class MakePlan(Protocol):
    """The factory of plans."""

    def __call__(self, changes: dict[str, Any] | None = None, hosts: dict[str, tuple[str, ...]] | None = None) -> Plan:
        """Return the plan of the site that the same arguments make."""
