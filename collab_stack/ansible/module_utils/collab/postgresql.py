"""What a PostgreSQL server should hold, compared with what it holds. Pure: reads and writes are the module's.

A role owns exactly one database, may log in, and may nothing else. Names are plain lower-case identifiers, so that
they are the same with and without quotes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from typing import Any

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
"""PostgreSQL cuts identifiers at 63 bytes (NAMEDATALEN - 1)."""

ITERATIONS = 4096
"""PostgreSQL's own default of scram_iterations. A strong random password gains nothing from more of them."""

SALT_BYTES = 16
"""As PostgreSQL's own SCRAM_DEFAULT_SALT_LEN."""

MAINTENANCE_DATABASES = ("postgres", "template1")
"""Databases that every cluster has and that by default anyone may connect to."""

_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")

_ATTRIBUTES = {
    "login": ("LOGIN", "NOLOGIN", True),
    "superuser": ("SUPERUSER", "NOSUPERUSER", False),
    "createdb": ("CREATEDB", "NOCREATEDB", False),
    # A role that may create roles makes Nextcloud's installer create a second one and use that instead.
    "createrole": ("CREATEROLE", "NOCREATEROLE", False),
    "replication": ("REPLICATION", "NOREPLICATION", False),
    "bypassrls": ("BYPASSRLS", "NOBYPASSRLS", False),
    "inherit": ("INHERIT", "NOINHERIT", True),
}


@dataclass(frozen=True)
class Change:
    """One thing that differs, and the statement that mends it.

    :param target: what is changed, such as ``role nextcloud``.
    :param aspect: which of its properties.
    :param before: the value found, in words; never a secret.
    :param after: the value wanted, in words; never a secret.
    :param sql: one statement without the closing semicolon; may hold a SCRAM verifier.
    :param database: where to run it; None runs it in the database ``postgres``.
    :param transactional: False for what PostgreSQL refuses inside a transaction.
    """

    target: str
    aspect: str
    before: str
    after: str
    sql: str
    database: str | None = None
    transactional: bool = True


def scram_verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return the text that PostgreSQL stores for a password (RFC 5802, RFC 7677), so that it never sees the password.

    :raises ValueError: when the password is empty or not printable ASCII. For ASCII, SASLprep (RFC 4013) changes
        nothing; for the rest this function would have to do it.
    """
    if not password or not password.isascii() or not password.isprintable():
        raise ValueError("a database password has to be non-empty printable ASCII")
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def password_matches(password: str, stored: str | None) -> bool:
    """Say whether a stored verifier is that of the password; False for none, for MD5 and for too few iterations."""
    match = _VERIFIER.fullmatch(stored or "")
    if match is None or int(match[1]) < ITERATIONS:
        return False
    salt = base64.b64decode(match[2])
    return hmac.compare_digest(scram_verifier(password, salt, int(match[1])), stored or "")


def identifier(name: str) -> str:
    """Return a name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a string quoted for SQL (standard_conforming_strings is on by default since 9.1)."""
    return "'" + text.replace("'", "''") + "'"


def grantee(name: str) -> str:
    """Return a grantee quoted for SQL; the empty name is PUBLIC."""
    return identifier(name) if name else "PUBLIC"


def changes(wanted: list[dict[str, Any]], actual: dict[str, Any]) -> list[Change]:
    """Return what has to change, in an order that can be run.

    :param wanted: per database ``name``, ``owner``, ``password``, ``connection_limit`` (-1: none).
    :param actual: as :data:`STATE_QUERY` and :data:`SCHEMA_QUERY` read it: ``roles``, ``databases``, ``schemas``.
    :raises ValueError: when a wanted database exists with another encoding, which nothing here can mend.
    """
    found: list[Change] = []
    for item in wanted:
        found += _role_changes(item, actual["roles"].get(item["owner"]))
    for item in wanted:
        found += _database_changes(item, actual["databases"].get(item["name"]))
    for name in MAINTENANCE_DATABASES:
        if name in actual["databases"]:
            found += _revocations(f"database {name}", f"DATABASE {name}", actual["databases"][name], keep_owner=False)
    for item in wanted:
        found += _schema_changes(item["name"], actual["schemas"].get(item["name"]))
    return found


def unmanaged(wanted: list[dict[str, Any]], actual: dict[str, Any]) -> dict[str, list[str]]:
    """Return what is there and nobody declared; it is reported, never removed: it may hold data."""
    owners = {item["owner"] for item in wanted} | {"postgres"}
    names = {item["name"] for item in wanted} | {"postgres", "template0", "template1"}
    extra = {name: role for name, role in actual["roles"].items() if name not in owners}
    return {
        "superusers": sorted(name for name, role in extra.items() if role["superuser"]),
        "roles": sorted(name for name, role in extra.items() if not role["superuser"]),
        "databases": sorted(set(actual["databases"]) - names),
    }


def _role_changes(item: dict[str, Any], role: dict[str, Any] | None) -> list[Change]:
    name = item["owner"]
    target, quoted = f"role {name}", identifier(name)
    if role is None:
        words = " ".join(on if wanted else off for on, off, wanted in _ATTRIBUTES.values())
        sql = (
            f"CREATE ROLE {quoted} {words} CONNECTION LIMIT {item['connection_limit']}"
            f" PASSWORD {literal(scram_verifier(item['password']))}"
        )
        return [Change(target, "exists", "no", "yes", sql)]
    found = [
        Change(target, key, _word(role[key]), _word(wanted), f"ALTER ROLE {quoted} {on if wanted else off}")
        for key, (on, off, wanted) in _ATTRIBUTES.items()
        if role[key] != wanted
    ]
    if not password_matches(item["password"], role["password"]):
        sql = f"ALTER ROLE {quoted} PASSWORD {literal(scram_verifier(item['password']))}"
        found.append(Change(target, "password", "another", "the site's", sql))
    found += _role_limits(item, role, target, quoted)
    return found


def _role_limits(item: dict[str, Any], role: dict[str, Any], target: str, quoted: str) -> list[Change]:
    found = []
    limit = item["connection_limit"]
    if role["connection_limit"] != limit:
        sql = f"ALTER ROLE {quoted} CONNECTION LIMIT {limit}"
        found.append(Change(target, "connection limit", str(role["connection_limit"]), str(limit), sql))
    if role["valid_until"] not in (None, "infinity"):
        sql = f"ALTER ROLE {quoted} VALID UNTIL 'infinity'"
        found.append(Change(target, "valid until", role["valid_until"], "infinity", sql))
    if role["settings"]:
        sql = f"ALTER ROLE {quoted} RESET ALL"
        found.append(Change(target, "settings", ", ".join(role["settings"]), "none", sql))
    for group in role["member_of"]:
        sql = f"REVOKE {identifier(group)} FROM {quoted}"
        found.append(Change(target, f"member of {group}", "yes", "no", sql))
    return found


def _database_changes(item: dict[str, Any], database: dict[str, Any] | None) -> list[Change]:
    name, owner, target = item["name"], item["owner"], f"database {item['name']}"
    if database is None:
        # template0 is the only template that cannot have been changed by hand.
        sql = f"CREATE DATABASE {identifier(name)} OWNER {identifier(owner)} TEMPLATE template0 ENCODING 'UTF8'"
        return [Change(target, "exists", "no", "yes", sql, transactional=False)]
    if database["encoding"] != "UTF8":
        raise ValueError(
            f"database {name} has the encoding {database['encoding']}, and only a restore into a new one changes it"
        )
    found = []
    if database["owner"] != owner:
        sql = f"ALTER DATABASE {identifier(name)} OWNER TO {identifier(owner)}"
        found.append(Change(target, "owner", database["owner"], owner, sql))
    if database["connection_limit"] != -1:
        sql = f"ALTER DATABASE {identifier(name)} CONNECTION LIMIT -1"
        found.append(Change(target, "connection limit", str(database["connection_limit"]), "-1", sql))
    if not database["allow_connections"]:
        sql = f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS true"
        found.append(Change(target, "allow connections", "no", "yes", sql))
    return found + _revocations(target, f"DATABASE {identifier(name)}", {**database, "owner": owner}, keep_owner=True)


def _schema_changes(database: str, schema: dict[str, Any] | None) -> list[Change]:
    if schema is None:
        return []
    target = f"schema {database}.public"
    found = []
    if schema["owner"] != "pg_database_owner":
        sql = "ALTER SCHEMA public OWNER TO pg_database_owner"
        found.append(Change(target, "owner", schema["owner"], "pg_database_owner", sql, database))
    wanted = {**schema, "owner": "pg_database_owner"}
    return found + _revocations(target, "SCHEMA public", wanted, keep_owner=True, database=database)


def _revocations(
    target: str, sql_object: str, entry: dict[str, Any], *, keep_owner: bool, database: str | None = None
) -> list[Change]:
    """Return what leaves rights to the owner alone; without ``keep_owner`` only PUBLIC loses its own."""
    found = []
    rights: dict[str, list[str]] = entry["rights"]
    for name in sorted(rights):
        if name == entry["owner"] or (name and not keep_owner):
            continue
        sql = f"REVOKE ALL ON {sql_object} FROM {grantee(name)}"
        held = ", ".join(sorted(rights[name]))
        found.append(Change(target, f"rights of {name or 'PUBLIC'}", held, "none", sql, database))
    full = {"CREATE", "USAGE"} if sql_object.startswith("SCHEMA") else {"CREATE", "CONNECT", "TEMPORARY"}
    held_by_owner = set(rights.get(entry["owner"], ()))
    if keep_owner and not full <= held_by_owner:
        sql = f"GRANT ALL ON {sql_object} TO {identifier(entry['owner'])}"
        before = ", ".join(sorted(held_by_owner)) or "none"
        found.append(Change(target, "rights of the owner", before, ", ".join(sorted(full)), sql, database))
    return found


def _word(value: bool) -> str:
    return "yes" if value else "no"


STATE_QUERY = """
SELECT json_build_object(
  'data_directory', current_setting('data_directory'),
  'roles', (SELECT json_object_agg(r.rolname, json_build_object(
      'login', r.rolcanlogin, 'superuser', r.rolsuper, 'createdb', r.rolcreatedb, 'createrole', r.rolcreaterole,
      'replication', r.rolreplication, 'bypassrls', r.rolbypassrls, 'inherit', r.rolinherit,
      'connection_limit', r.rolconnlimit, 'password', r.rolpassword, 'valid_until', r.rolvaliduntil::text,
      'settings', coalesce((SELECT array_agg(s) FROM pg_db_role_setting c, unnest(c.setconfig) s
                            WHERE c.setrole = r.oid AND c.setdatabase = 0), '{}'),
      'member_of', coalesce((SELECT array_agg(g.rolname ORDER BY g.rolname) FROM pg_auth_members m
                             JOIN pg_authid g ON g.oid = m.roleid WHERE m.member = r.oid), '{}')))
    FROM pg_authid r WHERE r.rolname !~ '^pg_'),
  'databases', (SELECT json_object_agg(d.datname, json_build_object(
      'owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding),
      'connection_limit', d.datconnlimit, 'allow_connections', d.datallowconn,
      'rights', (SELECT coalesce(json_object_agg(g.name, g.privileges), '{}') FROM (
          SELECT coalesce(a.rolname, '') AS name, array_agg(x.privilege_type) AS privileges
          FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
          LEFT JOIN pg_authid a ON a.oid = x.grantee GROUP BY 1) g)))
    FROM pg_database d)
)::text
"""
"""One line of JSON about roles and databases. The grantee '' is PUBLIC (oid 0 in an ACL item)."""

SCHEMA_QUERY = """
SELECT json_build_object(
  'name', current_database(),
  'owner', pg_get_userbyid(n.nspowner),
  'rights', (SELECT coalesce(json_object_agg(g.name, g.privileges), '{}') FROM (
      SELECT coalesce(a.rolname, '') AS name, array_agg(x.privilege_type) AS privileges
      FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
      LEFT JOIN pg_authid a ON a.oid = x.grantee GROUP BY 1) g)
)::text FROM pg_namespace n WHERE n.nspname = 'public'
"""
"""One line of JSON about the schema ``public`` of the database that the query runs in."""
