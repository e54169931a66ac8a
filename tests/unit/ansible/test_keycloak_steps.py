"""Which steps follow from what a realm holds; the realm is data here, tests/lab/test_sso.py has a real one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ansible.module_utils.collab import (
    keycloak_access,
    keycloak_clients,
    keycloak_federation,
    keycloak_flows,
    keycloak_realm,
)
from ansible.module_utils.collab.keycloak_bootstrap import Account
from ansible.module_utils.collab.keycloak_compare import Json
from ansible.module_utils.collab.keycloak_realm import Wanted
from ansible.module_utils.collab.keycloak_state import MARKER, State, Step

ROLE = {"name": "collab-user", "description": "May use it", "contains": []}
GROUPS = [{"names": ["staff"], "roles": ["collab-user"]}]
CLIENT: dict[str, Any] = {
    "client_id": "nextcloud",
    "secret": "right",
    "settings": {"publicClient": False, "attributes": {"pkce.code.challenge.method": "S256"}},
    "scopes": ["basic"],
    "mappers": [{"name": "audience", "type": "oidc-audience-mapper", "config": {"access.token.claim": True}}],
    "roles": [],
}
FLOW: dict[str, Any] = {
    "alias": "ours",
    "description": "",
    "binding": "browser",
    "steps": [
        {"authenticator": "auth-cookie", "requirement": "ALTERNATIVE"},
        {
            "flow": "gate",
            "requirement": "CONDITIONAL",
            "steps": [
                {
                    "authenticator": "conditional-sub-flow-executed",
                    "requirement": "REQUIRED",
                    "config": {"flow_to_check": "{flow} gate"},
                }
            ],
        },
    ],
}


def said(steps: list[Step]) -> list[str]:
    return [
        f"{step.action} {step.target}: {d.aspect}: {d.before} -> {d.after}" for step in steps for d in step.differences
    ]


def client(**changed: Json) -> dict[str, Any]:
    return {
        "id": "1",
        "clientId": "nextcloud",
        "protocol": "openid-connect",
        "publicClient": False,
        "attributes": {"pkce.code.challenge.method": "S256", MARKER: "true"},
        "defaultClientScopes": ["basic"],
        "optionalClientScopes": [],
        "protocolMappers": [
            {
                "id": "2",
                "name": "audience",
                "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": {"access.token.claim": "true", "introspection.token.claim": "true"},
            }
        ],
        **changed,
    }


def client_steps(secret: str = "right", **changed: Json) -> list[str]:
    state = State({"clients": [client(**changed)]}, secrets={"nextcloud": secret})
    return said(keycloak_clients.client_steps([CLIENT], state))


def flow_state(**changed: Json) -> State:
    inner = {"authenticator": "conditional-sub-flow-executed", "requirement": "REQUIRED", "authenticatorConfig": "c"}
    export: dict[str, Any] = {
        "browserFlow": "ours 2",
        "authenticatorConfig": [{"alias": "c", "config": {"flow_to_check": "ours 2 gate"}}],
        "authenticationFlows": [
            {
                "alias": "ours 2",
                "authenticationExecutions": [
                    {
                        "authenticatorFlow": True,
                        "flowAlias": "ours 2 gate",
                        "requirement": "CONDITIONAL",
                        "priority": 20,
                    },
                    {"authenticator": "auth-cookie", "requirement": "ALTERNATIVE", "priority": 10},
                ],
            },
            {"alias": "ours 2 gate", "authenticationExecutions": [{**inner, "priority": 10}]},
        ],
        **changed,
    }
    return State(deepcopy(export))


def test_a_client_as_wanted_is_left_alone() -> None:
    assert client_steps() == []


def test_each_part_of_a_client_is_compared() -> None:
    assert client_steps(publicClient=True) == ["change client nextcloud: publicClient: true -> false"]
    assert client_steps(defaultClientScopes=["basic", "roles"]) == [
        "change client nextcloud: default scopes: basic, roles -> basic"
    ]
    assert client_steps(optionalClientScopes=["phone"]) == ["change client nextcloud: optional scopes: phone -> (none)"]
    assert client_steps(protocolMappers=[]) == [
        "change client nextcloud: mapper audience: (none) -> oidc-audience-mapper"
    ]


def test_a_role_that_nobody_lets_into_the_tokens_goes() -> None:
    export = {"clients": [client()], "scopeMappings": [{"client": "nextcloud", "roles": ["collab-admin"]}]}
    state = State(export=export, secrets={"nextcloud": "right"})
    assert said(keycloak_clients.client_steps([CLIENT], state)) == [
        "change client nextcloud: roles in tokens: collab-admin -> (none)"
    ]


def test_a_mapper_that_nobody_declared_goes() -> None:
    extra = {"name": "forged", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": {}}
    steps = client_steps(protocolMappers=[*client()["protocolMappers"], extra])
    assert steps == ["change client nextcloud: mapper forged: oidc-hardcoded-claim-mapper -> (none)"]


def test_another_secret_is_found_and_not_told() -> None:
    assert client_steps(secret="wrong") == ["change client nextcloud: secret: another -> the site's"]
    assert client_steps(secret="**********") == ["change client nextcloud: secret: another -> the site's"]


def test_every_client_gets_an_audience_but_those_that_only_receive_tokens() -> None:
    by_hand = {"clientId": "by-hand", "protocol": "openid-connect", "defaultClientScopes": ["basic"]}
    clients = [
        client(),
        by_hand,
        {**by_hand, "clientId": "api", "bearerOnly": True},
        {"clientId": "s", "protocol": "saml"},
    ]
    steps = keycloak_clients.other_client_steps(
        {"admin-cli": {"directAccessGrantsEnabled": False}},
        {"nextcloud"},
        ["audience"],
        State({"clients": [*clients, {**by_hand, "clientId": "admin-cli", "directAccessGrantsEnabled": True}]}),
    )
    assert said(steps) == [
        "change client admin-cli: directAccessGrantsEnabled: true -> false",
        "change client admin-cli: default scopes: without audience -> with audience",
        "change client by-hand: default scopes: without audience -> with audience",
    ]


def test_only_what_carries_our_marker_is_removed() -> None:
    by_hand = {"id": "9", "clientId": "by-hand", "attributes": {}}
    steps = keycloak_clients.leftover_steps(set(), set(), State({"clients": [client(), by_hand]}))
    assert [(step.action, step.target) for step in steps] == [("remove", "client nextcloud")]
    assert keycloak_clients.leftover_steps({"nextcloud"}, set(), State({"clients": [client(), by_hand]})) == []


def test_a_group_of_the_same_name_further_down_has_no_rights() -> None:
    def group(path: str, roles: list[str], below: list[Any] | None = None) -> dict[str, Any]:
        return {"name": path.rsplit("/", 1)[-1], "path": path, "realmRoles": roles, "subGroups": below or []}

    inner = group("/other/staff", ["collab-user", "theirs"])
    state = State({"groups": [group("/staff", ["collab-user"]), group("/other", ["theirs"], [inner])]})
    assert said(keycloak_access.group_steps(GROUPS, {"collab-user"}, state)) == [
        "change group /other/staff: realmRoles: collab-user -> (none)"
    ]


def test_roles_are_compared_with_what_they_contain() -> None:
    actual = {"name": "collab-user", "description": "May use it", "attributes": {MARKER: ["true"]}}
    assert keycloak_access.role_steps([ROLE], State({"roles": {"realm": [actual]}})) == []
    wider = {**actual, "composites": {"realm": ["collab-admin"]}}
    assert said(keycloak_access.role_steps([ROLE], State({"roles": {"realm": [wider]}}))) == [
        "change role collab-user: composites: collab-admin -> (none)"
    ]


def test_a_password_is_right_only_as_it_was_set() -> None:
    wanted = {"username": "p", "password": "secret", "groups": ["g"], "fields": {"enabled": True}}
    digest = keycloak_access.password_digest("secret", 1000)
    actual: dict[str, Any] = {
        "username": "p",
        "enabled": True,
        "known": True,
        "attributes": {MARKER: ["true"], keycloak_access.DIGEST: [digest]},
        "groups": ["/g"],
        "roles": [],
        "credentials": [{"id": "1", "type": "password", "createdDate": 1000}],
    }

    def steps(**changed: Json) -> list[str]:
        return said(keycloak_access.user_steps([wanted], State({}, users={"p": {**actual, **changed}})))

    assert steps() == []
    again = ["change user p: password: another -> the site's"]
    assert steps(credentials=[{"id": "1", "type": "password", "createdDate": 1001}]) == again
    assert steps(credentials=[]) == again
    assert steps(known=False) == ["change user p: recorded in the realm: false -> true"]
    assert steps(roles=["default-roles"]) == ["change user p: roles: default-roles -> (none)"]
    assert "secret" not in str(steps(attributes={}))


def test_a_flow_is_the_same_under_either_name_and_in_any_order_of_reading() -> None:
    assert keycloak_flows.flow_steps([FLOW], flow_state()) == []


def test_a_changed_flow_is_named_by_step() -> None:
    state = flow_state()
    state.export["authenticationFlows"][0]["authenticationExecutions"][0]["requirement"] = "DISABLED"
    state.export["authenticatorConfig"][0]["config"] = {}
    assert said(keycloak_flows.flow_steps([FLOW], state)) == [
        "change flow ours: gate: DISABLED -> CONDITIONAL",
        "change flow ours: gate / conditional-sub-flow-executed: configuration: (none) -> flow_to_check={flow} gate",
    ]
    del state.export["authenticationFlows"][0]["authenticationExecutions"][0]
    assert "change flow ours: step 2: (none) -> gate" in said(keycloak_flows.flow_steps([FLOW], state))


def test_a_flow_that_is_not_bound_or_left_over_is_a_difference() -> None:
    assert said(keycloak_flows.flow_steps([FLOW], flow_state(browserFlow="browser"))) == [
        "change flow ours: bound as browser flow: browser -> ours"
    ]
    half = flow_state()
    half.export["authenticationFlows"].append({"alias": "ours", "authenticationExecutions": []})
    assert said(keycloak_flows.flow_steps([FLOW], half)) == ["change flow ours: leftover ours: yes -> no"]


def test_a_directory_is_removed_only_by_its_name() -> None:
    component = {"id": "1", "name": "directory", "providerId": "ldap", "config": {}, "subComponents": {}}
    state = State({"components": {keycloak_federation.STORAGE: [component]}})
    assert keycloak_federation.federation_steps(None, "", state) == []
    assert "sso_remove_directory=directory" in keycloak_federation.warnings(None, "", state)[0]
    assert said(keycloak_federation.federation_steps(None, "directory", state)) == [
        "remove directory directory: exists: yes -> no"
    ]
    wanted = {"name": "directory", "config": {}, "mappers": []}
    assert said(keycloak_federation.federation_steps(wanted, "directory", state)) == []


def test_a_stored_bind_password_is_a_difference_and_not_told() -> None:
    component = {"name": "directory", "providerId": "ldap", "config": {"bindCredential": ["**********"]}}
    wanted = {"name": "directory", "config": {"bindCredential": "${vault.directory}"}, "mappers": []}
    state = State({"components": {keycloak_federation.STORAGE: [component]}})
    assert said(keycloak_federation.federation_steps(wanted, "", state)) == [
        "change directory directory: config.bindCredential: ********** -> ${vault.directory}"
    ]


def test_a_new_realm_is_reported_as_one_thing() -> None:
    wanted = Wanted("agency", settings={"displayName": "Agency", "enabled": True}, roles=[ROLE])
    steps = keycloak_realm.plan(wanted, keycloak_realm.nothing_yet(), new=True)
    assert said(steps) == ["create realm agency: exists: no -> yes", "create role collab-user: exists: no -> yes"]
    assert keycloak_realm.report(steps)["objects"][0] == {
        "object": "realm agency",
        "action": "create",
        "differs": ["exists"],
    }


def test_each_bootstrap_secret_has_a_temporary_administrator_of_its_own() -> None:
    first, second = (Account("r", "c", "s", secret, ()) for secret in ("one", "two"))
    assert first.temporary != second.temporary
    assert first.temporary.startswith("collab-bootstrap-")
    assert "one" not in first.temporary
