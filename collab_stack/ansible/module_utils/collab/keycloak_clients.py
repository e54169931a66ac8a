# GNU General Public License v3.0 or later (see LICENSE)
"""Client scopes, clients, and the mappers that decide what is in a token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from functools import partial

from ansible.module_utils.collab.keycloak_access import roles
from ansible.module_utils.collab.keycloak_api import segment
from ansible.module_utils.collab.keycloak_compare import Difference, Json, differences, merged, texts
from ansible.module_utils.collab.keycloak_state import (
    MARKER,
    Session,
    State,
    Step,
    changed,
    created,
    mapper_differences,
    one,
    removed,
    set_difference,
)

PROTOCOL = "openid-connect"

_MARKED = {MARKER: "true"}


def mapper(wanted: Json) -> dict[str, Json]:
    """Return a mapper as Keycloak has it."""
    return {
        "name": wanted["name"],
        "protocol": PROTOCOL,
        "protocolMapper": wanted["type"],
        "config": texts(wanted["config"]),
    }


def _write_mappers(owner: str, wanted: Sequence[Json], actual: Sequence[Json], session: Session) -> None:
    path = f"{owner}/protocol-mappers/models"
    for item in wanted:
        present = one(actual, "name", item["name"])
        if present is None:
            session.call("POST", path, mapper(item))
        elif list(differences(mapper(item), present)):
            session.call("PUT", f"{path}/{present['id']}", {**mapper(item), "id": present["id"]})
    names = {item["name"] for item in wanted}
    for item in actual:
        if item["name"] not in names:
            session.call("DELETE", f"{path}/{item['id']}")


def scope_steps(wanted: Sequence[Json], state: State) -> list[Step]:
    """Return what makes our client scopes right. One ``for_every_client`` is given to each new client by Keycloak."""
    steps: list[Step] = []
    defaults = set(state.export.get("defaultDefaultClientScopes", []))
    for scope in wanted:
        target, apply = f"client scope {scope['name']}", partial(_write_scope, scope)
        actual = state.scope(scope["name"])
        if actual is None:
            steps.append(created(target, apply))
            continue
        found = list(differences(_scope(scope), actual))
        found += mapper_differences(scope["mappers"], actual.get("protocolMappers", []), mapper, "protocolMapper")
        if (scope["name"] in defaults) != scope["for_every_client"]:
            found += differences(scope["for_every_client"], scope["name"] in defaults, "default of new clients")
        steps += changed(target, found, apply)
    return steps


def _scope(wanted: Json) -> dict[str, Json]:
    attributes = {"include.in.token.scope": "false", "display.on.consent.screen": "false", **_MARKED}
    return {
        "name": wanted["name"],
        "description": wanted["description"],
        "protocol": PROTOCOL,
        "attributes": attributes,
    }


def _write_scope(wanted: Json, session: Session) -> None:
    actual = session.state.scope(wanted["name"])
    if actual is None:
        actual = {"id": session.call("POST", "/client-scopes", _scope(wanted))}
    elif list(differences(_scope(wanted), actual)):
        mapped = {key: value for key, value in actual.items() if key != "protocolMappers"}
        session.call("PUT", f"/client-scopes/{actual['id']}", merged(_scope(wanted), mapped))
    _write_mappers(f"/client-scopes/{actual['id']}", wanted["mappers"], actual.get("protocolMappers", []), session)
    is_default = wanted["name"] in session.state.export.get("defaultDefaultClientScopes", [])
    if is_default != wanted["for_every_client"]:
        method = "PUT" if wanted["for_every_client"] else "DELETE"
        session.call(method, f"/default-default-client-scopes/{actual['id']}")


def client_steps(wanted: Sequence[Json], state: State) -> list[Step]:
    """Return what makes our clients right: settings, attributes, scopes, mappers and the secret."""
    steps: list[Step] = []
    for client in wanted:
        target, apply = f"client {client['client_id']}", partial(_write_client, client)
        actual = state.client(client["client_id"])
        if actual is None:
            steps.append(created(target, apply))
            continue
        found = list(differences(_client(client), actual))
        found += _scope_differences(client, actual)
        found += mapper_differences(client["mappers"], actual.get("protocolMappers", []), mapper, "protocolMapper")
        found += set_difference("roles in tokens", state.scope_mappings(client["client_id"]), set(client["roles"]))
        secret = client.get("secret") or ""
        if secret and not hmac.compare_digest(state.secrets.get(client["client_id"], ""), secret):
            found.append(Difference("secret", "another", "the site's"))
        steps += changed(target, found, apply)
    return steps


def _client(wanted: Json) -> dict[str, Json]:
    settings = dict(wanted["settings"])
    attributes = {**texts(settings.pop("attributes", {})), **_MARKED}
    return {"clientId": wanted["client_id"], "protocol": PROTOCOL, **settings, "attributes": attributes}


def _scope_differences(wanted: Json, actual: Json) -> list[Difference]:
    found = set_difference("default scopes", set(actual.get("defaultClientScopes", [])), set(wanted["scopes"]))
    return found + set_difference("optional scopes", set(actual.get("optionalClientScopes", [])), set())


def _write_client(wanted: Json, session: Session) -> None:
    actual = session.state.client(wanted["client_id"])
    secret = {"secret": wanted["secret"]} if wanted.get("secret") else {}
    if actual is None:
        scopes = {"defaultClientScopes": wanted["scopes"], "optionalClientScopes": []}
        mappers = [mapper(item) for item in wanted["mappers"]]
        made = session.call("POST", "/clients", {**_client(wanted), **secret, **scopes, "protocolMappers": mappers})
        _write_roles(f"/clients/{made}", set(), set(wanted["roles"]), session)
        return
    path = f"/clients/{actual['id']}"
    current = session.call("GET", path)
    session.call("PUT", path, {**merged(_client(wanted), current), **secret})
    _write_mappers(path, wanted["mappers"], actual.get("protocolMappers", []), session)
    for kind, names in (("default", set(wanted["scopes"])), ("optional", set())):
        _write_scopes(path, kind, set(actual.get(f"{kind}ClientScopes", [])), names, session)
    before = session.state.scope_mappings(wanted["client_id"])
    _write_roles(path, before, set(wanted["roles"]), session)


def _write_roles(path: str, before: set[str], after: set[str], session: Session) -> None:
    """Let exactly these realm roles into the tokens of a client that has not the full scope."""
    for method, names in (("POST", after - before), ("DELETE", before - after)):
        if names:
            session.call(method, f"{path}/scope-mappings/realm", roles(session, names))


def _write_scopes(path: str, kind: str, before: set[str], after: set[str], session: Session) -> None:
    for method, names in (("DELETE", before - after), ("PUT", after - before)):
        for name in sorted(names):
            scope = session.need(lambda state, name=name: state.scope(name), f"client scope {name}")
            session.call(method, f"{path}/{kind}-client-scopes/{scope['id']}")


def other_client_steps(
    built_in: Mapping[str, Json], ours: set[str], everywhere: Sequence[str], state: State
) -> list[Step]:
    """Return what makes the clients right that are not ours: Keycloak's own, and those made by hand.

    A token without an audience passes for one of any application, so each of them gets the scopes ``everywhere``, but
    for those that only ever receive tokens (``bearerOnly``).

    :param built_in: Keycloak's own clients -> settings that differ from its defaults.
    :param ours: the clients that :func:`client_steps` sees to.
    """
    steps: list[Step] = []
    present = [
        client["clientId"]
        for client in state.export.get("clients", [])
        if client.get("protocol") == PROTOCOL and not client.get("bearerOnly")
    ]
    for client_id in dict.fromkeys([*built_in, *present]):
        if client_id in ours:
            continue
        actual = state.client(client_id) or {}
        settings = built_in.get(client_id, {})
        found = list(differences(settings, actual))
        missing = set(everywhere) - set(actual.get("defaultClientScopes", []))
        found += [Difference("default scopes", f"without {name}", f"with {name}") for name in sorted(missing)]
        steps += changed(f"client {client_id}", found, partial(_adjust_client, client_id, settings, tuple(missing)))
    return steps


def _adjust_client(client_id: str, settings: Json, missing: Sequence[str], session: Session) -> None:
    actual = session.need(lambda state: state.client(client_id), f"client {client_id}")
    path = f"/clients/{actual['id']}"
    if settings:
        session.call("PUT", path, merged(settings, session.call("GET", path)))
    _write_scopes(path, "default", set(), set(missing), session)


def leftover_steps(clients: set[str], scopes: set[str], state: State) -> list[Step]:
    """Return what removes clients and scopes that carry our marker and are no longer wanted.

    :param clients: the client ids that are wanted.
    :param scopes: the scopes that are wanted.
    """
    steps: list[Step] = []
    kinds = (("client", "clientId", "clients", clients), ("client scope", "name", "clientScopes", scopes))
    for kind, key, collection, wanted in kinds:
        for item in state.export.get(collection, []):
            if item[key] not in wanted and item.get("attributes", {}).get(MARKER) == "true":
                path = f"/{'clients' if kind == 'client' else 'client-scopes'}/{segment(item['id'])}"
                steps.append(removed(f"{kind} {item[key]}", partial(_delete, path)))
    return steps


def _delete(path: str, session: Session) -> None:
    session.call("DELETE", path)


def read_secrets(session: Session, client_ids: Sequence[str], export: Json) -> dict[str, str]:
    """Return the secrets of clients as Keycloak has them; the export masks them."""
    found = {}
    for client_id in client_ids:
        client = one(export.get("clients", []), "clientId", client_id)
        if client is not None:
            found[client_id] = str(session.call("GET", f"/clients/{client['id']}/client-secret").get("value", ""))
    return found
