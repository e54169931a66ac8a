# GNU General Public License v3.0 or later (see LICENSE)
"""The directory that people come from: one LDAP component and its mappers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from ansible.module_utils.collab.keycloak_api import KeycloakError
from ansible.module_utils.collab.keycloak_compare import Json, differences, lists, merged
from ansible.module_utils.collab.keycloak_state import (
    Session,
    State,
    Step,
    changed,
    created,
    mapper_differences,
    one,
    removed,
)

STORAGE = "org.keycloak.storage.UserStorageProvider"
MAPPER = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"

CONNECTION = ("connectionUrl", "startTls", "bindDn", "bindCredential", "authType", "useTruststoreSpi")
"""What a test of the connection needs, and what has to be tested again after it changed."""


def federation_steps(wanted: Json | None, remove: str, state: State) -> list[Step]:
    """Return what makes the directory right.

    :param wanted: ``name``, ``config`` and ``mappers``; None when people are kept in Keycloak.
    :param remove: name of the one that is to be removed with everybody who came from it, as the operator typed it.
    """
    present = state.components(STORAGE)
    steps = [
        removed(f"directory {item['name']}", partial(_remove, item["id"]))
        for item in present
        if item["name"] == remove and (wanted is None or wanted["name"] != remove)
    ]
    if wanted is None:
        return steps
    target, apply = f"directory {wanted['name']}", partial(_write, wanted)
    actual = one(present, "name", wanted["name"])
    if actual is None:
        return [*steps, created(target, apply)]
    found = list(differences(_component(wanted), actual))
    found += mapper_differences(wanted["mappers"], mappers_of(actual), _mapper, "providerId")
    return steps + changed(target, found, apply)


def warnings(wanted: Json | None, remove: str, state: State) -> list[str]:
    """Return what an operator has to know about directories that nobody declared; removing one removes its people."""
    known = {remove, wanted["name"] if wanted else ""}
    return [
        f"directory {item['name']} is in the realm and not in the site; people still log in with it. To remove it and "
        f"everybody who came from it: --extra-vars sso_remove_directory={item['name']}"
        for item in state.components(STORAGE)
        if item["name"] not in known
    ]


def mappers_of(component: Json) -> list[Json]:
    """Return the mappers of a component of an export."""
    found: list[Json] = component.get("subComponents", {}).get(MAPPER, [])
    return found


def _component(wanted: Json) -> dict[str, Json]:
    return {"name": wanted["name"], "providerId": "ldap", "config": lists(wanted["config"])}


def _mapper(wanted: Json) -> dict[str, Json]:
    return {"name": wanted["name"], "providerId": wanted["type"], "config": lists(wanted["config"])}


def _write(wanted: Json, session: Session) -> None:
    actual = one(session.state.components(STORAGE), "name", wanted["name"])
    found = list(differences(_component(wanted), actual or {}))
    if any(item.aspect.removeprefix("config.") in CONNECTION for item in found):
        check_connection(wanted["config"], session)
    if actual is None:
        parent = session.call("GET", "")["id"]
        component = {**_component(wanted), "providerType": STORAGE, "parentId": parent}
        identifier = session.call("POST", "/components", component)
    else:
        identifier = actual["id"]
        if found:
            path = f"/components/{identifier}"
            session.call("PUT", path, merged(_component(wanted), session.call("GET", path)))
    # A new component comes with mappers of its own, which partly read the wrong attributes.
    current = session.api.get(f"{session.base}/components", parent=identifier, type=MAPPER)
    _write_mappers(identifier, wanted["mappers"], current, session)


def _write_mappers(parent: str, wanted: Sequence[Json], actual: Sequence[Json], session: Session) -> None:
    names = {item["name"] for item in wanted}
    for item in actual:
        present = one(wanted, "name", item["name"])
        # Keycloak cannot turn one kind of mapper into another.
        if item["name"] not in names or (present and present["type"] != item["providerId"]):
            session.call("DELETE", f"/components/{item['id']}")
    for item in wanted:
        present = one(actual, "name", item["name"])
        if present is None or present["providerId"] != item["type"]:
            session.call("POST", "/components", {**_mapper(item), "providerType": MAPPER, "parentId": parent})
        elif list(differences(_mapper(item), present)):
            session.call("PUT", f"/components/{present['id']}", merged(_mapper(item), present))


def check_connection(config: Mapping[str, Json], session: Session) -> None:
    """Let Keycloak log in at the directory, before anything is changed.

    :raises KeycloakError: when that fails, with what to look at.
    """
    request = {key: config[key] for key in CONNECTION if key in config}
    request["connectionTimeout"] = config.get("connectionTimeout", "5000")
    url, account = config["connectionUrl"], config["bindDn"]
    try:
        session.call("POST", "/testLDAPConnection", {**request, "action": "testConnection"})
    except KeycloakError as error:
        raise KeycloakError(
            f"Keycloak cannot connect to the directory {url} ({error}). Check the name (a certificate is for a name, "
            "not an address), the port, sso.directory.ca in site.yml, and that the directory lets this host in"
        ) from None
    try:
        session.call("POST", "/testLDAPConnection", {**request, "action": "testAuthentication"})
    except KeycloakError as error:
        raise KeycloakError(
            f"the directory {url} refuses the account {account} ({error}). Check sso.directory.bind_dn in site.yml and "
            "directory_bind_password in secrets.yml"
        ) from None


def _remove(identifier: str, session: Session) -> None:
    session.call("DELETE", f"/components/{identifier}")
