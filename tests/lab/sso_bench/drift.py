"""What somebody alters by hand in the realm, and what the next run has to say about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.collab.keycloak_api import Api, segment

from tests.lab.sso_bench.bench import REALM

BASE = f"/{REALM}"


@dataclass
class Drift:
    """One alteration.

    :param expected: all that the module says, in its order.
    """

    name: str
    alter: Callable[[Api], object]
    expected: list[str]


def realm(**changed: object) -> Callable[[Api], object]:
    """Return what changes fields of the realm."""

    def alter(api: Api) -> object:
        current = api.get(BASE)
        for key, value in changed.items():
            current[key] = {**current.get(key, {}), **value} if isinstance(value, dict) else value
        return api.call("PUT", BASE, current)

    return alter


def client(client_id: str, **changed: object) -> Callable[[Api], object]:
    """Return what changes fields of a client."""

    def alter(api: Api) -> object:
        current = found(api, "clients", clientId=client_id)
        return api.call("PUT", f"{BASE}/clients/{current['id']}", current | changed)

    return alter


def found(api: Api, collection: str, **query: str) -> dict[str, Any]:
    """Return the first object that a query of the API finds."""
    item: dict[str, Any] = api.get(f"{BASE}/{collection}", **query)[0]
    return item


def named(items: list[dict[str, Any]], name: str, key: str = "name") -> dict[str, Any]:
    """Return the item of a name."""
    return next(item for item in items if item[key] == name)


def add_mapper(api: Api) -> object:
    """Put a mapper into our scope that makes everybody somebody else."""
    scope = named(api.get(f"{BASE}/client-scopes"), "collab-person")
    config = {"claim.name": "collab_identity", "claim.value": "anna", "id.token.claim": "true"}
    body = {
        "name": "forged",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": config,
    }
    return api.call("POST", f"{BASE}/client-scopes/{scope['id']}/protocol-mappers/models", body)


def directory(**changed: str) -> Callable[[Api], object]:
    """Return what changes the directory's configuration."""

    def alter(api: Api) -> object:
        current = found(api, "components", type="org.keycloak.storage.UserStorageProvider")
        config = {**current["config"], **{key: [value] for key, value in changed.items()}}
        return api.call("PUT", f"{BASE}/components/{current['id']}", {**current, "config": config})

    return alter


def directory_mapper(api: Api) -> object:
    """Let the first name be read from the whole name again."""
    parent = found(api, "components", type="org.keycloak.storage.UserStorageProvider")["id"]
    mapper = named(api.get(f"{BASE}/components", parent=parent), "first name")
    config = {**mapper["config"], "ldap.attribute": ["cn"]}
    return api.call("PUT", f"{BASE}/components/{mapper['id']}", {**mapper, "config": config})


def flow_requirement(api: Api) -> object:
    """Switch the rule for members off."""
    alias = api.get(BASE)["browserFlow"]
    path = f"{BASE}/authentication/flows/{segment(alias)}/executions"
    step = named(api.get(path), f"{alias} members only", "displayName")
    return api.call("PUT", path, step | {"requirement": "DISABLED"})


def grant(api: Api) -> object:
    """Give a group of the agency the role of administrators."""
    api.call("POST", f"{BASE}/groups", {"name": "friends"})
    group = found(api, "groups", search="friends", exact="true")
    role = api.get(f"{BASE}/roles/collab-admin")
    return api.call("POST", f"{BASE}/groups/{group['id']}/role-mappings/realm", [role])


def probe(**changed: object) -> Callable[[Api], object]:
    """Return what changes the probes' account."""

    def alter(api: Api) -> object:
        user = found(api, "users", username="collab-probe", exact="true")
        return api.call("PUT", f"{BASE}/users/{user['id']}", user | changed)

    return alter


def probe_password(api: Api) -> object:
    """Set the probe's password by hand."""
    user = found(api, "users", username="collab-probe", exact="true")
    body = {"type": "password", "value": "something-else-0123456789", "temporary": False}
    return api.call("PUT", f"{BASE}/users/{user['id']}/reset-password", body)


def required_action(api: Api) -> object:
    """Switch enrolment of a second factor off."""
    path = f"{BASE}/authentication/required-actions/CONFIGURE_TOTP"
    return api.call("PUT", path, api.get(path) | {"enabled": False})


def profile(api: Api) -> object:
    """Let people write their own identity."""
    current = api.get(f"{BASE}/users/profile")
    named(current["attributes"], "collab_identity")["permissions"]["edit"] = ["admin", "user"]
    return api.call("PUT", f"{BASE}/users/profile", current)


def role(api: Api) -> object:
    """Make every member an administrator."""
    return api.call("POST", f"{BASE}/roles/collab-user/composites", [api.get(f"{BASE}/roles/collab-admin")])


def default_scope(api: Api) -> object:
    """Let new clients get tokens without an audience."""
    scope = named(api.get(f"{BASE}/client-scopes"), "collab-audience")
    return api.call("DELETE", f"{BASE}/default-default-client-scopes/{scope['id']}")


WIDE = "https://files.agency.example/*"
URIS = "https://files.agency.example/apps/user_oidc/code, https://files.agency.example/index.php/apps/user_oidc/code"

DRIFT = [
    Drift("realm-field", realm(accessCodeLifespan=600), ["realm agency: accessCodeLifespan: 600 -> 60"]),
    Drift(
        "realm-attribute",
        realm(attributes={"adminEventsExpiration": "0"}),
        ["realm agency: attributes.adminEventsExpiration: 0 -> 7776000"],
    ),
    Drift("realm-lockout", realm(bruteForceProtected=False), ["realm agency: bruteForceProtected: false -> true"]),
    Drift(
        "realm-mail-password",
        realm(smtpServer={"password": "by-hand"}),
        ["realm agency: smtpServer.password: ********** -> ${vault.mail}"],
    ),
    Drift(
        "realm-text",
        lambda api: api.put_text(f"{BASE}/localization/sv/collabNotAllowed", "Nej"),
        [
            "texts sv: collabNotAllowed: Nej -> Ditt konto får inte använda de här tjänsterna. "
            "Kontakta it@agency.example.",
        ],
    ),
    Drift("user-profile", profile, ["user profile: attribute collab_identity.permissions.edit: admin, user -> admin"]),
    Drift("required-action", required_action, ["required action CONFIGURE_TOTP: enabled: false -> true"]),
    Drift("role", role, ["role collab-user: composites: collab-admin -> (none)"]),
    Drift("group-of-others", grant, ["group /friends: realmRoles: collab-admin -> (none)"]),
    Drift(
        "scope-mapper", add_mapper, ["client scope collab-person: mapper forged: oidc-hardcoded-claim-mapper -> (none)"]
    ),
    Drift("scope-default", default_scope, ["client scope collab-audience: default of new clients: false -> true"]),
    Drift(
        "client-redirect",
        client("nextcloud", redirectUris=[WIDE]),
        [f"client nextcloud: redirectUris: {WIDE} -> {URIS}"],
    ),
    Drift("client-secret", client("nextcloud", secret="by-hand"), ["client nextcloud: secret: another -> the site's"]),
    Drift(
        "built-in-client",
        client("admin-cli", directAccessGrantsEnabled=True),
        ["client admin-cli: directAccessGrantsEnabled: true -> false"],
    ),
    Drift("flow-step", flow_requirement, ["flow collab browser: members only: DISABLED -> CONDITIONAL"]),
    Drift(
        "flow-binding",
        realm(browserFlow="browser"),
        ["flow collab browser: bound as browser flow: browser -> collab browser"],
    ),
    Drift("probe-password", probe_password, ["user collab-probe: password: another -> the site's"]),
    Drift("probe-disabled", probe(enabled=False), ["user collab-probe: enabled: false -> true"]),
    Drift(
        "directory-password",
        directory(bindCredential="by-hand"),
        ["directory directory: config.bindCredential: ********** -> ${vault.directory}"],
    ),
    Drift(
        "directory-mode",
        directory(editMode="WRITABLE"),
        ["directory directory: config.editMode: WRITABLE -> READ_ONLY"],
    ),
    Drift(
        "directory-mapper",
        directory_mapper,
        ["directory directory: mapper first name.config.ldap.attribute: cn -> givenName"],
    ),
]
