"""What the roles edge, postgresql and valkey get from the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.unit.plan.conftest import MakePlan

SPREAD = {"front": ("edge",), "files": ("nextcloud",), "login": ("sso",), "data": ("database", "cache")}


def application(variables: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - values of Ansible variables
    (found,) = [entry for entry in variables["edge_applications"] if entry["name"] == name]
    return dict(found)


def test_on_one_host_the_edge_reaches_everything_over_loopback(make_plan: MakePlan) -> None:
    variables = make_plan().host_variables["host1"]
    servers = [application(variables, name)["servers"] for name in ("keycloak", "nextcloud")]
    assert servers == [
        [{"name": "host1", "address": "127.0.0.1", "port": 8443}],
        [{"name": "host1", "address": "127.0.0.1", "port": 8444}],
    ]
    assert application(variables, "nextcloud")["internal_name"] == "web.collab.internal"


def test_programs_of_the_stack_are_not_counted_as_people_who_try_passwords(make_plan: MakePlan) -> None:
    one, many = make_plan(), make_plan(hosts=SPREAD)
    assert one.host_variables["host1"]["edge_stack_addresses"] == ["172.30.1.0/24", "172.30.2.0/24"]
    assert many.host_variables["front"]["edge_stack_addresses"] == ["10.20.1.2/32", "10.20.1.3/32"]


def test_on_several_hosts_the_edge_reaches_them_by_address(make_plan: MakePlan) -> None:
    variables = make_plan(hosts=SPREAD).host_variables["front"]
    assert application(variables, "keycloak")["servers"] == [{"name": "login", "address": "10.20.1.3", "port": 8443}]


def test_an_application_of_the_agencys_own_is_not_behind_our_edge(make_plan: MakePlan) -> None:
    external = {"services.keycloak.external": {"address": "login.agency.example", "port": 443}}
    variables: Any = make_plan(external).host_variables["host1"]
    assert [entry["name"] for entry in variables["edge_applications"]] == ["nextcloud"]


def test_the_site_decides_limits_language_and_ipv6(make_plan: MakePlan) -> None:
    changes = {
        "services.edge.ipv6": False,
        "services.edge.logins_per_minute": 40,
        "services.nextcloud.upload_limit_mb": 2048,
        "organisation.language": "da",
    }
    variables = make_plan(changes).host_variables["host1"]
    assert variables["edge_bind_addresses"] == ["0.0.0.0"]
    assert variables["edge_logins_per_minute"] == 40
    assert variables["edge_language"] == "da"
    assert application(variables, "nextcloud")["body_limit_mb"] == 2048


def test_a_database_is_open_to_its_services_network_alone(make_plan: MakePlan) -> None:
    one: Any = make_plan().host_variables["host1"]
    many: Any = make_plan(hosts=SPREAD).host_variables["data"]
    expected = {"keycloak": "172.30.1.0/24", "nextcloud": "172.30.2.0/24"}
    assert {entry["role"]: entry["address"] for entry in one["postgresql_access"]} == expected
    expected = {"keycloak": "10.20.1.3/32", "nextcloud": "10.20.1.2/32"}
    assert {entry["role"]: entry["address"] for entry in many["postgresql_access"]} == expected
    assert all(entry["database"] == entry["role"] for entry in many["postgresql_access"])


def test_the_server_takes_more_connections_than_all_roles_may_hold(make_plan: MakePlan) -> None:
    variables: Any = make_plan().host_variables["host1"]
    held = sum(entry["connection_limit"] for entry in variables["postgresql_databases"])
    assert held < variables["postgresql_max_connections"]


def test_memory_of_the_site_reaches_the_servers(make_plan: MakePlan) -> None:
    plain = make_plan().host_variables["host1"]
    given = make_plan({"services.postgresql.memory_mb": 4096, "services.valkey.memory_mb": 300}).host_variables["host1"]
    assert "postgresql_memory_mb" not in plain
    assert (given["postgresql_memory_mb"], given["valkey_memory_mb"]) == (4096, 300)


def test_valkey_has_a_user_for_nextcloud_only(make_plan: MakePlan) -> None:
    variables: Any = make_plan().host_variables["host1"]
    assert variables["valkey_users"] == [
        {"name": "nextcloud", "password": "{{ collab_secrets.valkey_nextcloud_password }}"}
    ]
