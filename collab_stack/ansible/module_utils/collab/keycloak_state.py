# GNU General Public License v3.0 or later (see LICENSE)
"""What a realm holds, read in one export and a few small requests, and the steps that change it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.collab.keycloak_api import Api, KeycloakError, segment
from ansible.module_utils.collab.keycloak_compare import Difference, Json, differences

MARKER = "collab.managed"
"""Attribute of everything that we made and may remove again; its value is ``true``."""

FLOW_BINDINGS = {"browser": "browserFlow", "direct grant": "directGrantFlow"}
"""What a flow can be bound to -> the realm's field."""

PRISTINE: dict[str, Any] = {
    "requiredActions": [
        {"alias": "CONFIGURE_TOTP", "enabled": True, "defaultAction": False},
        {"alias": "UPDATE_PASSWORD", "enabled": True, "defaultAction": False},
        {"alias": "VERIFY_PROFILE", "enabled": True, "defaultAction": False},
    ],
}
"""What Keycloak 26.7.4 puts into a new realm, as far as we manage it: what check mode compares with on a new host."""


@dataclass(frozen=True)
class Step:
    """One object that differs, and what makes it right.

    :param target: what it is, such as ``client nextcloud``.
    :param action: ``create``, ``change`` or ``remove``.
    :param apply: does it; may run again after a kill at any point in it.
    """

    target: str
    action: str
    differences: tuple[Difference, ...]
    apply: Callable[[Session], None]


@dataclass
class State:
    """A realm as it is.

    :param export: Keycloak's partial export: everything but secrets, keys and ordinary users.
    :param secrets: client -> its secret as read, for the clients that we give one.
    :param users: user name -> what we look at; see :mod:`keycloak_users`.
    """

    export: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)
    users: dict[str, Json] = field(default_factory=dict)

    def client(self, client_id: str) -> Json | None:
        """Return a client by its client id."""
        return one(self.export.get("clients", []), "clientId", client_id)

    def scope_mappings(self, client_id: str) -> set[str]:
        """Return the realm roles that a client without the full scope may have in its tokens."""
        entries = [entry for entry in self.export.get("scopeMappings", []) if entry.get("client") == client_id]
        return {name for entry in entries for name in entry.get("roles", [])}

    def scope(self, name: str) -> Json | None:
        """Return a client scope."""
        return one(self.export.get("clientScopes", []), "name", name)

    def role(self, name: str) -> Json | None:
        """Return a role of the realm."""
        return one(self.export.get("roles", {}).get("realm", []), "name", name)

    def group(self, name: str) -> Json | None:
        """Return a group of the top level."""
        return one(self.export.get("groups", []), "name", name)

    def groups(self) -> Iterator[Json]:
        """Yield all groups, those within groups too."""
        waiting = list(self.export.get("groups", []))
        while waiting:
            group = waiting.pop(0)
            waiting += group.get("subGroups", [])
            yield group

    def flow(self, alias: str) -> Json | None:
        """Return an authentication flow."""
        return one(self.export.get("authenticationFlows", []), "alias", alias)

    def components(self, provider_type: str) -> list[Json]:
        """Return the realm's components of a type."""
        found: list[Json] = self.export.get("components", {}).get(provider_type, [])
        return found


class Session:
    """A realm that is being changed.

    :param realm: its name.
    :param read: reads the state anew.
    """

    def __init__(self, api: Api, realm: str, read: Callable[[Session], State]) -> None:
        self.api = api
        self.realm = realm
        self.base = "/" + segment(realm)
        self._read = read
        self._state: State | None = None

    @property
    def state(self) -> State:
        """What the realm holds, as read last."""
        if self._state is None:
            self._state = self._read(self)
        return self._state

    def refresh(self) -> State:
        """Read again."""
        self._state = None
        return self.state

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """Send a request below the realm."""
        return self.api.call(method, self.base + path, body)

    def need(self, find: Callable[[State], Json | None], what: str) -> Json:
        """Return an object that has to be there; one that was created after the last reading is found too.

        :raises KeycloakError: when it is not there.
        """
        found = find(self.state)
        if found is None:
            found = find(self.refresh())
        if found is None:
            raise KeycloakError(f"realm {self.realm} has no {what}")
        return found


def one(items: Sequence[Json], key: str, value: str) -> Json | None:
    """Return the first item with a value, or None."""
    return next((item for item in items if item.get(key) == value), None)


def mapper_differences(
    wanted: Sequence[Json], actual: Sequence[Json], rendered: Callable[[Json], Json], kind: str
) -> list[Difference]:
    """Return how the mappers of something of ours differ; one that nobody declared has to go.

    :param rendered: makes of a declared mapper what Keycloak has.
    :param kind: Keycloak's field for a mapper's type.
    """
    found: list[Difference] = []
    for item in wanted:
        present = one(actual, "name", item["name"])
        if present is None:
            found.append(Difference(f"mapper {item['name']}", "(none)", item["type"]))
        else:
            found += differences(rendered(item), present, f"mapper {item['name']}")
    names = {item["name"] for item in wanted}
    undeclared = [item for item in actual if item["name"] not in names]
    found += [Difference(f"mapper {item['name']}", item[kind], "(none)") for item in undeclared]
    return found


def created(target: str, apply: Callable[[Session], None]) -> Step:
    """Return the step for an object that is not there."""
    return Step(target, "create", (Difference("exists", "no", "yes"),), apply)


def changed(target: str, found: Sequence[Difference], apply: Callable[[Session], None]) -> list[Step]:
    """Return the step for an object that differs; none when it does not."""
    return [Step(target, "change", tuple(found), apply)] if found else []


def removed(target: str, apply: Callable[[Session], None]) -> Step:
    """Return the step for an object of ours that is no longer wanted."""
    return Step(target, "remove", (Difference("exists", "yes", "no"),), apply)


def set_difference(aspect: str, before: set[str], after: set[str]) -> list[Difference]:
    """Return how two sets of names differ."""
    if before == after:
        return []
    return [Difference(aspect, ", ".join(sorted(before)) or "(none)", ", ".join(sorted(after)) or "(none)")]
