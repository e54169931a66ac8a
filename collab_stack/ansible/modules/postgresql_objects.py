#!/usr/bin/python
"""Converge the databases and roles of a local PostgreSQL server."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.collab import postgresql, postgresql_fresh

DOCUMENTATION = r"""
module: postgresql_objects
short_description: Converge databases and their owner roles on the local PostgreSQL server
description:
  - Reads all roles, databases and rights in one go, changes what differs, and reads again until nothing differs.
  - Each database has one owner role, which may log in and nothing else. Every right of anybody else on the database
    and its schema C(public) is withdrawn, C(PUBLIC)'s included.
  - Passwords are set as SCRAM-SHA-256 verifiers computed here, so the server and its log never see them in clear. An
    unchanged password is recognised by recomputing the verifier with the stored salt.
  - Roles and databases that are not listed stay untouched and are reported; other superusers also by a warning.
options:
  databases:
    description: The wanted databases.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the database., type: str, required: true}
      owner: {description: Name of its owner role., type: str, required: true}
      password: {description: The owner's password; printable ASCII., type: str, required: true}
      connection_limit: {description: How many connections the owner may hold; -1 for no limit., type: int, default: -1}
  data_directory:
    description: The cluster's data directory. Guards against talking to another cluster of the same host.
    type: path
    required: true
  port:
    description: Port of the cluster; part of the name of its Unix socket.
    type: int
    default: 5432
  socket_directory:
    description: Directory of the Unix socket.
    type: path
    default: /run/postgresql
  timeout:
    description: How many seconds to wait for a server that is still starting up.
    type: int
    default: 60
notes:
  - In check mode, a cluster that does not exist yet yields the changes that its creation would bring. A cluster that
    exists but does not answer is a failure.
author: collab-stack
"""

EXAMPLES = r"""
- name: Converge the databases
  postgresql_objects:
    data_directory: /srv/collab/postgresql/17/main
    databases:
      - {name: nextcloud, owner: nextcloud, password: "{{ collab_secrets.postgresql_nextcloud_password }}"}
"""

RETURN = r"""
actions:
  description: What was (in check mode, would be) changed, in words.
  returned: always
  type: list
  elements: str
objects:
  description: What was (in check mode, would be) changed, by role, database and schema.
  returned: always
  type: list
  elements: dict
  sample: [{object: role nextcloud, action: update, differs: [password]}]
unmanaged:
  description: Superusers, other roles and databases that are there without being declared.
  returned: when the server answered
  type: dict
"""

PASSES = 4
"""Creating a database reveals its schema, and a new owner its rights: two passes, one to verify, one spare."""

STARTING = ("the database system is starting up", "not yet accepting connections")

EMPTY: dict[str, Any] = {"roles": {}, "databases": {}, "schemas": {}}


class ServerError(Exception):
    """Psql refused; the message is its first error line, without the statement."""


class Server:
    """The local cluster, spoken to as its superuser over the Unix socket."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        # The server would otherwise log a failing statement together with the verifier in it.
        self.environment = {"PGOPTIONS": "-c log_min_error_statement=panic", "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
        self.command = [
            "runuser", "-u", "postgres", "--", "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
            "-v", "VERBOSITY=terse", "-h", module.params["socket_directory"], "-p", str(module.params["port"]),
            "-d", "postgres", "-f", "-",
        ]  # fmt: skip

    def run(self, sql: str) -> list[str]:
        """Run statements, which go by standard input so that no process list shows them; return the output's lines."""
        deadline = time.monotonic() + self.module.params["timeout"]
        while True:
            code, out, err = self.module.run_command(
                self.command, data=sql, environ_update=self.environment, cwd="/", handle_exceptions=False
            )
            if code == 0:
                return [line for line in out.splitlines() if line]
            if not any(text in err for text in STARTING) or time.monotonic() > deadline:
                raise ServerError(next((line for line in err.splitlines() if line.strip()), f"psql ended with {code}"))
            time.sleep(0.5)

    def state(self, names: list[str]) -> dict[str, Any]:
        """Return roles, databases, and of each named database that exists the schema ``public``."""
        actual: dict[str, Any] = json.loads(self.run(postgresql.STATE_QUERY + ";")[0])
        actual["schemas"] = {}
        present = [name for name in names if actual["databases"].get(name, {}).get("allow_connections")]
        if present:
            script = "".join(f"\\connect {name}\n{postgresql.SCHEMA_QUERY};\n" for name in present)
            schemas = [json.loads(line) for line in self.run(script)]
            actual["schemas"] = {schema["name"]: schema for schema in schemas}
        return actual

    def apply(self, changes: list[postgresql.Change]) -> None:
        """Run the changes in their order; neighbours that allow it share a transaction."""
        script: list[str] = []
        database, in_transaction = None, False
        for change in changes:
            if in_transaction and (change.database != database or not change.transactional):
                script.append("COMMIT;")
                in_transaction = False
            if change.database != database:
                script.append(f"\\connect {change.database or 'postgres'}")
                database = change.database
            if change.transactional and not in_transaction:
                script.append("BEGIN;")
                in_transaction = True
            script.append(change.sql + ";")
        if in_transaction:
            script.append("COMMIT;")
        self.run("\n".join(script) + "\n")


def check_names(module: AnsibleModule) -> None:
    """Refuse names that would need quoting somewhere, and owners of two databases."""
    databases = module.params["databases"]
    for item in databases:
        for name in (item["name"], item["owner"]):
            if not postgresql.NAME.fullmatch(name):
                module.fail_json(msg=f"{name!r} is not a plain lower-case name of at most 63 characters")
    for key in ("name", "owner"):
        values = [item[key] for item in databases]
        if len(values) != len(set(values)):
            module.fail_json(msg=f"each database needs a {key} of its own, not {values}")


def read(server: Server, module: AnsibleModule) -> dict[str, Any] | None:
    """Return the cluster's state, or None when the cluster has not been created yet."""
    directory = module.params["data_directory"]
    if not (Path(directory) / "PG_VERSION").exists():
        if module.check_mode:
            return None
        module.fail_json(msg=f"there is no PostgreSQL cluster in {directory}: its unit creates it when it starts")
    actual = server.state([item["name"] for item in module.params["databases"]])
    if actual["data_directory"] != directory:
        if module.check_mode:  # Debian's own cluster still holds the port; the deploy stops it first
            return None
        module.fail_json(
            msg=f"the server on port {module.params['port']} serves {actual['data_directory']}, not {directory}"
        )
    return actual


def converge(server: Server, module: AnsibleModule, actual: dict[str, Any] | None) -> dict[str, Any]:
    """Change what differs until nothing does; return the result for Ansible."""
    wanted = module.params["databases"]
    done: list[postgresql.Change] = []
    if module.check_mode:
        done = postgresql_fresh.foreseen(wanted, actual or postgresql_fresh.cluster())
        return result(done, postgresql.unmanaged(wanted, actual) if actual else None)
    for _ in range(PASSES):
        pending = postgresql.changes(wanted, actual or EMPTY)
        if not pending:
            return result(done, postgresql.unmanaged(wanted, actual) if actual else None)
        server.apply(pending)
        done += pending
        actual = read(server, module)
    left = ", ".join(f"{change.target}: {change.aspect}" for change in postgresql.changes(wanted, actual or EMPTY))
    raise ServerError(f"these still differ after {PASSES} passes: {left}")


def result(done: list[postgresql.Change], unmanaged: dict[str, list[str]] | None) -> dict[str, Any]:
    """Return what the module says: words only, no statement."""
    said: dict[str, Any] = {
        "changed": bool(done),
        "actions": [f"{change.target}: {change.aspect}: {change.before} -> {change.after}" for change in done],
        "objects": [],
        "diff": [],
    }
    for target in dict.fromkeys(change.target for change in done):
        mine = [change for change in done if change.target == target]
        created = any(change.aspect == "exists" for change in mine)
        said["objects"].append(
            {
                "object": target,
                "action": "create" if created else "update",
                "differs": [change.aspect for change in mine],
            }
        )
        said["diff"].append(
            {
                "before_header": target,
                "after_header": target,
                "before": "".join(f"{change.aspect}: {change.before}\n" for change in mine),
                "after": "".join(f"{change.aspect}: {change.after}\n" for change in mine),
            }
        )
    if unmanaged is not None:
        said["unmanaged"] = unmanaged
    return said


def main() -> None:
    """Run the module."""
    database = {
        "name": {"type": "str", "required": True},
        "owner": {"type": "str", "required": True},
        "password": {"type": "str", "required": True, "no_log": True},
        "connection_limit": {"type": "int", "default": -1},
    }
    module = AnsibleModule(
        argument_spec={
            "databases": {"type": "list", "elements": "dict", "required": True, "options": database},
            "data_directory": {"type": "path", "required": True},
            "port": {"type": "int", "default": 5432},
            "socket_directory": {"type": "path", "default": "/run/postgresql"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    check_names(module)
    server = Server(module)
    try:
        said = converge(server, module, read(server, module))
    except (ServerError, ValueError) as error:
        module.fail_json(msg=f"PostgreSQL: {error}")
    for name in said.get("unmanaged", {}).get("superusers", ()):
        module.warn(f"PostgreSQL role {name} is a superuser that the site does not declare; drop it if nobody needs it")
    module.exit_json(**said)


if __name__ == "__main__":
    main()
