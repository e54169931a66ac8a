# GNU General Public License v3.0 or later (see LICENSE)
"""What PostgreSQL gives a new cluster, role and database, so that check mode foresees what has to be taken away again.

Rights as PostgreSQL 17 sets them (acldefault in src/backend/utils/adt/acl.c, initdb's own REVOKE on template1).
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ansible.module_utils.collab.postgresql import MAINTENANCE_DATABASES, Change, changes, scram_verifier

_ALL = ["CREATE", "CONNECT", "TEMPORARY"]


def cluster() -> dict[str, Any]:
    """Return the state of a cluster that initdb has just made, as far as this module looks at it."""
    databases = {name: _database("postgres") for name in MAINTENANCE_DATABASES}
    databases["template1"]["rights"] = {"": ["CONNECT"], "postgres": list(_ALL)}
    return {"roles": {}, "databases": databases, "schemas": {}}


def foreseen(wanted: list[dict[str, Any]], actual: dict[str, Any]) -> list[Change]:
    """Return what a run will change, what its own creations bring with them included.

    :param wanted: as :func:`ansible.module_utils.collab.postgresql.changes` takes it.
    :raises ValueError: as :func:`ansible.module_utils.collab.postgresql.changes` does.
    """
    first = changes(wanted, actual)
    known = {(change.target, change.aspect) for change in first}
    later = changes(wanted, _created(wanted, actual))
    return first + [change for change in later if (change.target, change.aspect) not in known]


def _created(wanted: list[dict[str, Any]], actual: dict[str, Any]) -> dict[str, Any]:
    state = deepcopy(actual)
    for item in wanted:
        if item["owner"] not in state["roles"]:
            state["roles"][item["owner"]] = _role(item)
        if item["name"] not in state["databases"]:
            state["databases"][item["name"]] = _database(item["owner"])
            state["schemas"][item["name"]] = {
                "owner": "pg_database_owner",
                "rights": {"": ["USAGE"], "pg_database_owner": ["USAGE", "CREATE"]},
            }
    return state


def _role(item: dict[str, Any]) -> dict[str, Any]:
    """Return a role as the statement that creates it leaves it: with everything as wanted."""
    return {
        **dict.fromkeys(("superuser", "createdb", "createrole", "replication", "bypassrls"), False),
        **dict.fromkeys(("login", "inherit"), True),
        "connection_limit": item["connection_limit"],
        "password": scram_verifier(item["password"]),
        "valid_until": None,
        "settings": [],
        "member_of": [],
    }


def _database(owner: str) -> dict[str, Any]:
    return {
        "owner": owner,
        "encoding": "UTF8",
        "connection_limit": -1,
        "allow_connections": True,
        "rights": {"": ["CONNECT", "TEMPORARY"], owner: list(_ALL)},
    }
