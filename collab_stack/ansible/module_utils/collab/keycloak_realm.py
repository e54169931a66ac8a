# GNU General Public License v3.0 or later (see LICENSE)
"""A whole realm: every object in the order in which it can be made, applied and verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.collab import (
    keycloak_access,
    keycloak_clients,
    keycloak_federation,
    keycloak_flows,
    keycloak_settings,
)
from ansible.module_utils.collab.keycloak_api import KeycloakError
from ansible.module_utils.collab.keycloak_compare import Json
from ansible.module_utils.collab.keycloak_state import PRISTINE, Session, State, Step

EXPORT = "/partial-export?exportClients=true&exportGroupsAndRoles=true"
"""Everything in one request, about 0.1 s; reading the same by single ones took 48 of them and 0.9 to 3.2 s."""


@dataclass(frozen=True)
class Wanted:
    """A realm as it should be; the fields are the module's options."""

    name: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    profile_attributes: Sequence[Json] = ()
    required_actions: Sequence[Json] = ()
    roles: Sequence[Json] = ()
    groups: Sequence[Json] = ()
    client_scopes: Sequence[Json] = ()
    clients: Sequence[Json] = ()
    built_in_clients: Mapping[str, Json] = field(default_factory=dict)
    flows: Sequence[Json] = ()
    directory: Json | None = None
    remove_directory: str = ""
    users: Sequence[Json] = ()


def nothing_yet() -> State:
    """Return the state of a realm that does not exist."""
    return State(deepcopy(PRISTINE))


def read(wanted: Wanted, session: Session) -> State:
    """Read the realm as far as what is wanted needs it."""
    export: dict[str, Any] = session.call("POST", EXPORT)
    confidential = [client["client_id"] for client in wanted.clients if client.get("secret")]
    names = [user["username"] for user in wanted.users]
    users = {name: found for name in names if (found := keycloak_access.read_user(session, name, export))}
    return State(export, keycloak_clients.read_secrets(session, confidential, export), users)


def plan(wanted: Wanted, state: State, *, new: bool = False) -> list[Step]:
    """Return all that differs, in the order in which it can be applied.

    What others refer to comes first. The rule that lets only members in is bound after the groups have their roles,
    and before the directory brings anybody.

    :param new: the realm is made in this run.
    """
    ours = {role["name"] for role in wanted.roles}
    clients = {client["client_id"] for client in wanted.clients}
    scopes = {scope["name"] for scope in wanted.client_scopes}
    everywhere = [scope["name"] for scope in wanted.client_scopes if scope["for_every_client"]]
    return [
        *keycloak_settings.realm_steps(wanted.name, wanted.settings, state, new=new),
        *keycloak_settings.localization_steps(wanted.texts, state),
        *keycloak_settings.profile_steps(wanted.profile_attributes, state),
        *keycloak_settings.required_action_steps(wanted.required_actions, state),
        *keycloak_access.role_steps(wanted.roles, state),
        *keycloak_access.group_steps(wanted.groups, ours, state),
        *keycloak_clients.scope_steps(wanted.client_scopes, state),
        *keycloak_clients.client_steps(wanted.clients, state),
        *keycloak_clients.other_client_steps(wanted.built_in_clients, clients, everywhere, state),
        *keycloak_flows.flow_steps(wanted.flows, state),
        *keycloak_access.user_steps(wanted.users, state),
        *keycloak_federation.federation_steps(wanted.directory, wanted.remove_directory, state),
        *keycloak_clients.leftover_steps(clients, scopes, state),
    ]


def converge(wanted: Wanted, session: Session, done: list[Step], *, new: bool) -> None:
    """Apply what differs and read again.

    :param done: gets each step as soon as it has been applied.
    :raises KeycloakError: when Keycloak refuses, or something still differs afterwards.
    """
    for step in plan(wanted, session.state, new=new):
        try:
            step.apply(session)
        except KeycloakError as error:
            raise KeycloakError(f"{step.target}: {error}", error.status) from None
        done.append(step)
    if not done:
        return
    left = plan(wanted, session.refresh())
    if left:
        what = "; ".join(f"{step.target}: {item.aspect}" for step in left for item in step.differences)
        raise KeycloakError(f"these still differ after they were written: {what}")


def watch(wanted: Wanted, session: Session) -> list[str]:
    """Return warnings about what is not ours to change."""
    found = keycloak_federation.warnings(wanted.directory, wanted.remove_directory, session.state)
    meanings = {role["name"]: role["description"] for role in wanted.roles}
    present = {name: meaning for name, meaning in meanings.items() if session.state.role(name)}
    try:
        return found + keycloak_access.role_holders(session, present)
    except KeycloakError as error:  # a directory that does not answer is for the probes to report
        return [*found, f"who has a role directly cannot be read: {error}"]


def report(steps: Sequence[Step]) -> dict[str, Any]:
    """Return what the module says about steps: words only, never a secret."""
    return {
        "changed": bool(steps),
        "actions": [f"{step.target}: {d.aspect}: {d.before} -> {d.after}" for step in steps for d in step.differences],
        "objects": [
            {"object": step.target, "action": step.action, "differs": [item.aspect for item in step.differences]}
            for step in steps
        ],
        "diff": [
            {
                "before_header": step.target,
                "after_header": step.target,
                "before": "".join(f"{item.aspect}: {item.before}\n" for item in step.differences),
                "after": "".join(f"{item.aspect}: {item.after}\n" for item in step.differences),
            }
            for step in steps
        ],
    }
