# GNU General Public License v3.0 or later (see LICENSE)
"""The reconciler's own account, made by a temporary administrator that removes itself.

Keycloak's ``bootstrap-admin`` makes a temporary administrator in a running server's database. With it: the realm, and
in ``master`` a service account that may manage this realm and nothing else. The temporary one goes as the last act, so
a kill at any point leaves one that the next run finds by its name, uses and removes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.collab.keycloak_api import Api, KeycloakError, segment
from ansible.module_utils.collab.keycloak_compare import Json, merged
from ansible.module_utils.collab.keycloak_state import MARKER, one

PREFIX = "collab-bootstrap-"

SECRET_VARIABLE = "COLLAB_BOOTSTRAP_SECRET"  # noqa: S105 - a variable's name
"""Environment variable that the command reads the temporary administrator's secret from."""

TEMPORARY = "is_temporary_admin"
"""Attribute by which Keycloak marks what ``bootstrap-admin`` made."""

RIGHTS = ("manage-realm", "manage-clients", "manage-users")
"""Of the realm. ``realm-admin`` would also let it act as any person (impersonation)."""

WATCHING = ("view-clients", "view-users")
"""Of ``master``: enough to find temporary administrators that somebody left there."""

Runner = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Account:
    """What the reconciler logs in with, and what makes that account.

    :param realm: the realm that it manages.
    :param command: makes a temporary administrator; ``{client}`` stands for its id.
    """

    realm: str
    client_id: str
    secret: str
    bootstrap_secret: str
    command: Sequence[str]

    @property
    def temporary(self) -> str:
        """Id of the temporary administrator; another secret gives another one, so an old one is not in the way."""
        return PREFIX + hashlib.sha256(self.bootstrap_secret.encode()).hexdigest()[:8]


def usable(api: Api, account: Account) -> bool:
    """Log in as the account; say whether realm and rights are there, too, so that there is nothing to bootstrap."""
    if not api.login(account.client_id, account.secret) or not api.exists(account.realm):
        return False
    wanted = {f"{account.realm}-realm": RIGHTS, "master-realm": WATCHING}
    return all(set(names) <= api.rights.get(client, set()) for client, names in wanted.items())


def temporary_administrators(api: Api) -> tuple[list[Json], list[str]]:
    """Return the clients and the names of users in ``master`` that Keycloak marks as temporary administrators."""
    clients = api.get("/master/clients")
    users = api.get("/master/users", q=f"{TEMPORARY}:true", briefRepresentation="true")
    marked = [client for client in clients if client.get("attributes", {}).get(TEMPORARY) == "true"]
    return marked, [user["username"] for user in users]


def bootstrap(api: Api, account: Account, run: Runner) -> None:
    """Make realm and account; leave no temporary administrator of ours.

    :param api: is logged in as the account afterwards.
    :raises KeycloakError: when a step fails; running again continues.
    """
    if not api.login(account.temporary, account.bootstrap_secret):
        _make_temporary(account, run)
        if not api.login(account.temporary, account.bootstrap_secret):
            raise KeycloakError(f"Keycloak does not accept the temporary administrator {account.temporary} just made")
    if api.find("/" + segment(account.realm)) is None:
        api.call("POST", "", {"realm": account.realm, "enabled": True, "sslRequired": "all"})
        api.login(account.temporary, account.bootstrap_secret)  # the rights over a new realm come with a new token
    _make_account(api, account)
    marked, _ = temporary_administrators(api)
    ours = [client for client in marked if client["clientId"].startswith(PREFIX)]
    for client in sorted(ours, key=lambda item: bool(item["clientId"] == account.temporary)):
        api.call("DELETE", f"/master/clients/{client['id']}")  # its own one comes last
    if not usable(api, account):
        raise KeycloakError(f"Keycloak does not accept the account {account.client_id} just made")


def _make_temporary(account: Account, run: Runner) -> None:
    argv = [word.replace("{client}", account.temporary) for word in account.command]
    environment = {SECRET_VARIABLE: account.bootstrap_secret}
    code, out, err = run(argv, environ_update=environment, handle_exceptions=False)
    if code:
        lines = [line for line in (err + out).splitlines() if line.strip()]
        raise KeycloakError(
            f"{argv[0]} ended with {code} instead of making {account.temporary}: {' '.join(lines[-3:])}"
        )


def _make_account(api: Api, account: Account) -> None:
    wanted: dict[str, Any] = {
        "clientId": account.client_id,
        "name": "collab-stack reconciler",
        "enabled": True,
        "protocol": "openid-connect",
        "publicClient": False,
        "standardFlowEnabled": False,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": True,
        "clientAuthenticatorType": "client-secret",
        "attributes": {MARKER: "true"},
    }
    found = api.get("/master/clients", clientId=account.client_id)
    if found:
        identifier = found[0]["id"]
        current = api.get(f"/master/clients/{identifier}")
        api.call("PUT", f"/master/clients/{identifier}", {**merged(wanted, current), "secret": account.secret})
    else:
        identifier = api.call("POST", "/master/clients", {**wanted, "secret": account.secret})
    user = api.get(f"/master/clients/{identifier}/service-account-user")
    for owner, rights in ((f"{account.realm}-realm", RIGHTS), ("master-realm", WATCHING)):
        _grant(api, user["id"], owner, set(rights))


def _grant(api: Api, user: str, owner: str, rights: set[str]) -> None:
    client = one(api.get("/master/clients", clientId=owner), "clientId", owner)
    if client is None:
        raise KeycloakError(f"realm master has no client {owner}")
    path = f"/master/users/{user}/role-mappings/clients/{client['id']}"
    held = {role["name"]: role for role in api.get(path)}
    known = {role["name"]: role for role in api.get(f"/master/clients/{client['id']}/roles")}
    for method, names in (("POST", rights - held.keys()), ("DELETE", held.keys() - rights)):
        if names:
            api.call(method, path, [known[name] for name in sorted(names)])
