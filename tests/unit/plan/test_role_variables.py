"""What the plan gives a role is what the role's argument specs ask for, and says what the site says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from collab_stack import paths
from collab_stack.plan import Plan
from collab_stack.plan.roles import ORDER
from tests.unit.plan.conftest import GROUPS, MakePlan

SITES: dict[str, tuple[dict[str, Any], dict[str, tuple[str, ...]] | None]] = {
    "one host": ({}, None),
    "a host each": ({}, {f"host{index}": (group,) for index, group in enumerate(GROUPS, start=1)}),
    "own certificate": (
        {"tls": {"mode": "files", "certificate": "tls/chain.pem", "key": "tls/key.pem", "ca": "tls/agency.pem"}},
        None,
    ),
    "bare": ({"packages": None, "registry": None, "sso": {}}, None),
}


def options(role: str) -> dict[str, dict[str, Any]]:
    """Return a role's argument spec."""
    text = (paths.roles() / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return found


@pytest.fixture(params=SITES)
def plan(request: pytest.FixtureRequest, make_plan: MakePlan) -> Plan:
    changes, hosts = SITES[request.param]
    return make_plan(changes, hosts)


def test_every_variable_is_asked_for(plan: Plan) -> None:
    known = {name for role in ORDER for name in options(role)}
    for host, variables in plan.host_variables.items():
        assert not {name for name in variables if not name.startswith("ansible_")} - known, host


@pytest.mark.parametrize("role", ORDER)
def test_argument_specs_accept_them(plan: Plan, role: str) -> None:
    spec = options(role)
    for host, variables in plan.host_variables.items():
        if role in plan.roles[host]:
            mine = {name: value for name, value in variables.items() if name in spec}
            result = ArgumentSpecValidator(spec).validate(mine)
            assert not result.error_messages, f"{host}: {result.error_messages}"


def variables(plan: Plan, host: str = "host1") -> dict[str, Any]:
    return dict(plan.host_variables[host])


def test_base_lets_in_what_the_plan_lets_in(make_plan: MakePlan) -> None:
    for changes, hosts in SITES.values():
        plan = make_plan(changes, hosts)
        for host in plan.roles:
            given = variables(plan, host)
            assert given["base_inbound"] == [permission.as_variable() for permission in plan.inbound[host]]
            assert given["base_packages"] == list(plan.packages[host])
            assert [item["port"] for item in given["base_inbound"] if item["port"] == 22], "nobody may lock himself out"


def test_base_knows_the_bridges_of_its_own_host_only(make_plan: MakePlan) -> None:
    plan = make_plan({}, {"one": ("sso", "edge"), "two": ("nextcloud", "database", "cache")})
    assert variables(plan, "one")["base_container_interfaces"] == ["br-keycloak"]
    assert variables(plan, "two")["base_container_interfaces"] == ["br-nextcloud"]


def test_base_leaves_the_sources_alone_without_a_mirror(make_plan: MakePlan) -> None:
    assert "base_mirror" not in variables(make_plan({"packages": None}))
    assert variables(make_plan())["base_security_mirror"] == "http://mirror.agency.example/debian-security"


def test_docker_gets_networks_and_images_of_its_host(make_plan: MakePlan) -> None:
    given = variables(make_plan({"networks.containers": "10.99.0.0/16"}))
    assert given["docker_bridge"] == "10.99.0.1/24"
    assert given["docker_networks"][0] == {
        "name": "collab-keycloak",
        "interface": "br-keycloak",
        "subnet": "10.99.1.0/24",
        "gateway": "10.99.1.1",
    }
    assert len(given["docker_images"]) == len(given["docker_networks"]) == 2
    assert given["docker_resolvers"] == ["10.20.0.53"]


def test_docker_trusts_the_registry_by_the_sites_file(make_plan: MakePlan) -> None:
    given = variables(make_plan({"registry.ca": "tls/registry.pem"}))
    assert "tls/registry.pem" in given["docker_registry_ca"]
    assert "tls/registry.pem" in given["tls_trusted"]["registry"]


def test_tls_issues_a_leaf_per_service_and_the_public_names(make_plan: MakePlan) -> None:
    leaves = {leaf["name"]: leaf for leaf in variables(make_plan())["tls_leaves"]}
    assert set(leaves) == {"keycloak", "postgresql", "valkey", "web", "public"}
    assert leaves["postgresql"]["dns"] == ["postgresql.collab.internal"]
    assert leaves["public"]["dns"] == ["id.agency.example", "files.agency.example"]
    assert leaves["keycloak"]["owner"] == "1000"
    # A container's uid may be a login of the host: the folder is root's.
    assert "directory_mode" not in leaves["keycloak"]
    assert "directory_group" not in leaves["keycloak"]


def test_tls_takes_the_agencys_certificate_instead(make_plan: MakePlan) -> None:
    given = variables(make_plan(*SITES["own certificate"]))
    assert "public" not in {leaf["name"] for leaf in given["tls_leaves"]}
    assert "collab_site_dir ~ '/tls/key.pem'" in given["tls_public_key"]
    assert set(given["tls_trusted"]) == {"agency"}


def test_an_external_service_has_no_leaf_of_ours(make_plan: MakePlan) -> None:
    plan = make_plan({"services.postgresql.external": {"address": "10.20.7.7", "port": 5432}})
    assert "postgresql" not in {leaf["name"] for leaf in variables(plan)["tls_leaves"]}


def test_no_secret_is_in_a_plan(plan: Plan) -> None:
    for given in plan.host_variables.values():
        for name in ("tls_internal_ca_key", "tls_public_key"):
            assert name not in given or str(given[name]).startswith("{{ ")
