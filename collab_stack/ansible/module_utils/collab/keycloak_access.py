# GNU General Public License v3.0 or later (see LICENSE)
"""Roles, the groups that have them, and the few accounts that are ours."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from functools import partial

from ansible.module_utils.collab.keycloak_api import segment
from ansible.module_utils.collab.keycloak_compare import Difference, Json, differences, lists, merged
from ansible.module_utils.collab.keycloak_state import (
    MARKER,
    Session,
    State,
    Step,
    changed,
    created,
    one,
    set_difference,
)

DIGEST = "collab.password"
"""Attribute of an account of ours: which password it got, and when. See :func:`password_digest`."""

ACCOUNT = "collab.account."
"""In front of a user name: attribute of the realm with the id of an account of ours."""

ROUNDS = 20_000
"""Of PBKDF2. The password is long and random; the rounds are for the operator who types one."""

_OURS = {MARKER: ["true"]}


def role_steps(wanted: Sequence[Json], state: State) -> list[Step]:
    """Return what makes our roles right: description, marker, and which of the realm's roles each contains."""
    steps: list[Step] = []
    for role in wanted:
        target, apply = f"role {role['name']}", partial(_write_role, role)
        actual = state.role(role["name"])
        if actual is None:
            steps.append(created(target, apply))
            continue
        found = list(differences(_role(role), actual))
        found += set_difference("composites", _contained(actual), set(role["contains"]))
        steps += changed(target, found, apply)
    return steps


def _role(wanted: Json) -> dict[str, Json]:
    return {"name": wanted["name"], "description": wanted["description"], "attributes": dict(_OURS)}


def _contained(actual: Json) -> set[str]:
    return set(actual.get("composites", {}).get("realm", []))


def _write_role(wanted: Json, session: Session) -> None:
    name = wanted["name"]
    actual = session.state.role(name)
    if actual is None:
        session.call("POST", "/roles", _role(wanted))
    else:
        session.call("PUT", f"/roles/{segment(name)}", merged(_role(wanted), actual))
    before, after = _contained(actual or {}), set(wanted["contains"])
    for method, names in (("POST", after - before), ("DELETE", before - after)):
        if names:
            session.call(method, f"/roles/{segment(name)}/composites", roles(session, names))


def roles(session: Session, names: set[str]) -> list[Json]:
    """Return the representations of roles, which Keycloak wants instead of names."""
    return [session.need(lambda state, name=name: state.role(name), f"role {name}") for name in sorted(names)]


def group_steps(wanted: Sequence[Json], ours: set[str], state: State) -> list[Step]:
    """Return what makes groups exist and have our roles, and no other group have them.

    Groups are never removed, because their members would be lost; roles that are not ours are not looked at.

    :param ours: the names of our roles.
    """
    granted = {name: set(entry["roles"]) for entry in wanted for name in entry["names"]}
    steps = []
    for name, after in granted.items():
        if state.group(name) is None:
            steps.append(created(f"group /{name}", partial(_write_group, f"/{name}", after, ours)))
    for group in state.groups():
        after = granted.get(group["name"], set()) if group["path"] == f"/{group['name']}" else set()
        found = set_difference("realmRoles", set(group.get("realmRoles", [])) & ours, after)
        steps += changed(f"group {group['path']}", found, partial(_write_group, group["path"], after, ours))
    return steps


def _write_group(path: str, after: set[str], ours: set[str], session: Session) -> None:
    group = one(list(session.state.groups()), "path", path)
    if group is None:
        group = {"id": session.call("POST", "/groups", {"name": path[1:], "attributes": dict(_OURS)})}
    before = set(group.get("realmRoles", [])) & ours
    for method, names in (("POST", after - before), ("DELETE", before - after)):
        if names:
            session.call(method, f"/groups/{group['id']}/role-mappings/realm", roles(session, names))


def read_user(session: Session, name: str, export: Json) -> Json | None:
    """Return an account with what we look at: ``groups``, ``roles`` (its own ones) and ``credentials``.

    A search by name asks the directory too, and fails when that is down. So the id is kept in the realm.
    """
    known = export.get("attributes", {}).get(ACCOUNT + name)
    user = session.api.find(f"{session.base}/users/{segment(known)}") if known else None
    if user is None or user["username"] != name:
        found = session.api.get(f"{session.base}/users", username=name, exact="true")
        if not found:
            return None
        user = found[0]
    path = f"/users/{user['id']}"
    mappings = session.call("GET", f"{path}/role-mappings")
    return {
        **user,
        "known": known == user["id"],
        "groups": [group["path"] for group in session.call("GET", f"{path}/groups")],
        "roles": [role["name"] for role in mappings.get("realmMappings", [])],
        "credentials": session.call("GET", f"{path}/credentials"),
    }


def user_steps(wanted: Sequence[Json], state: State) -> list[Step]:
    """Return what makes our accounts right: fields, groups, no role of their own, and the password."""
    steps: list[Step] = []
    for user in wanted:
        target, apply = f"user {user['username']}", partial(_write_user, user)
        actual = state.users.get(user["username"])
        if actual is None:
            steps.append(created(target, apply))
            continue
        found = list(differences(_user(user), actual))
        found += set_difference("groups", set(actual["groups"]), {f"/{name}" for name in user["groups"]})
        found += set_difference("roles", set(actual["roles"]), set())
        found += differences(True, actual["known"], "recorded in the realm")
        if not _password_is_right(user["password"], actual):
            found.append(Difference("password", "another", "the site's"))
        steps += changed(target, found, apply)
    return steps


def _user(wanted: Json) -> dict[str, Json]:
    fields = dict(wanted["fields"])
    attributes = {**lists(fields.pop("attributes", {})), **_OURS}
    return {"username": wanted["username"], **fields, "requiredActions": [], "attributes": attributes}


def password_digest(password: str, set_at: int) -> str:
    """Return what tells whether a password that Keycloak never shows is still the one that was set.

    The time at which Keycloak took it is part of it, so that a password set by hand, even back and forth, is found.

    :param set_at: ``createdDate`` of the credential, milliseconds since 1970.
    """
    return hashlib.pbkdf2_hmac("sha256", password.encode(), f"collab-{set_at}".encode(), ROUNDS).hex()


def _password(credentials: Sequence[Json]) -> Json | None:
    return one(credentials, "type", "password")


def _password_is_right(password: str, actual: Json) -> bool:
    credential = _password(actual["credentials"])
    recorded = actual.get("attributes", {}).get(DIGEST, [""])[0]
    return credential is not None and hmac.compare_digest(
        password_digest(password, credential["createdDate"]), recorded
    )


def _write_user(wanted: Json, session: Session) -> None:
    name = wanted["username"]
    actual = session.state.users.get(name)
    if actual is None:
        session.call("POST", "/users", _user(wanted))
        actual = read_user(session, name, session.state.export) or {}
    path = f"/users/{actual['id']}"
    after = {f"/{group}" for group in wanted["groups"]}
    _write_memberships(path, set(actual["groups"]), after, session)
    if actual["roles"]:  # a new account has the realm's default role
        session.call("DELETE", f"{path}/role-mappings/realm", roles(session, set(actual["roles"])))
    attributes = {**actual.get("attributes", {})}
    if not _password_is_right(wanted["password"], actual):
        attributes[DIGEST] = [_write_password(path, wanted["password"], actual["credentials"], session)]
    current = {**session.call("GET", path), "attributes": attributes}
    session.call("PUT", path, merged(_user(wanted), current))
    if not actual["known"]:
        session.call("PUT", "", merged({"attributes": {ACCOUNT + name: actual["id"]}}, session.call("GET", "")))


def _write_memberships(path: str, before: set[str], after: set[str], session: Session) -> None:
    for method, paths in (("PUT", after - before), ("DELETE", before - after)):
        for group_path in sorted(paths):
            group = session.need(
                lambda state, wanted=group_path: one(list(state.groups()), "path", wanted), f"group {group_path}"
            )
            session.call(method, f"{path}/groups/{group['id']}")


def _write_password(path: str, password: str, credentials: Sequence[Json], session: Session) -> str:
    """Set a password and return its digest."""
    # The history would refuse a password that a killed run has already set, so it goes first.
    for credential in credentials:
        if credential["type"] in ("password", "password-history"):
            session.call("DELETE", f"{path}/credentials/{credential['id']}")
    session.call("PUT", f"{path}/reset-password", {"type": "password", "value": password, "temporary": False})
    taken = _password(session.call("GET", f"{path}/credentials"))
    return password_digest(password, taken["createdDate"]) if taken else ""


def role_holders(session: Session, names: Mapping[str, str]) -> list[str]:
    """Return a warning for each person who has one of our roles directly instead of through a group.

    :param names: role -> what having it means.
    """
    return [
        f"{person['username']} has the role {role} ({meaning}) directly, not through a group; "
        "take it away in the admin console if nobody knows why"
        for role, meaning in names.items()
        for person in session.call("GET", f"/roles/{segment(role)}/users")
    ]
