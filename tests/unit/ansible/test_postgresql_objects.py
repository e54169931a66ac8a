"""What the module changes in a PostgreSQL server, decided without one; the role's scenario runs it against one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from copy import deepcopy
from typing import Any

import pytest

from collab_stack.ansible.module_utils.collab import postgresql, postgresql_fresh

PASSWORD = "pencil"
WANTED = [{"name": "nextcloud", "owner": "nextcloud", "password": PASSWORD, "connection_limit": 50}]


def converged() -> dict[str, Any]:
    """Return what a server holds on which nothing is left to do."""
    role = {
        "login": True,
        "superuser": False,
        "createdb": False,
        "createrole": False,
        "replication": False,
        "bypassrls": False,
        "inherit": True,
        "connection_limit": 50,
        "password": postgresql.scram_verifier(PASSWORD),
        "valid_until": None,
        "settings": [],
        "member_of": [],
    }
    database = {
        "owner": "nextcloud",
        "encoding": "UTF8",
        "connection_limit": -1,
        "allow_connections": True,
        "rights": {"nextcloud": ["CREATE", "CONNECT", "TEMPORARY"]},
    }
    maintenance = {**database, "owner": "postgres", "rights": {"postgres": ["CREATE", "CONNECT", "TEMPORARY"]}}
    return {
        "roles": {"nextcloud": role, "postgres": {**role, "superuser": True}},
        "databases": {
            "nextcloud": database,
            "postgres": maintenance,
            "template0": {**maintenance, "rights": {"": ["CONNECT"], "postgres": ["CONNECT"]}},
            "template1": deepcopy(maintenance),
        },
        "schemas": {
            "nextcloud": {"owner": "pg_database_owner", "rights": {"pg_database_owner": ["USAGE", "CREATE"]}},
        },
    }


def statements(actual: dict[str, Any]) -> list[str]:
    return [change.sql for change in postgresql.changes(WANTED, actual)]


def test_verifier_holds_the_keys_of_the_rfc_7677_exchange() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    message = (f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}").encode()
    keys = postgresql.scram_verifier("pencil", salt, 4096).split("$")[2].split(":")
    stored, server = (base64.b64decode(key) for key in keys)
    assert hmac.digest(server, message, "sha256") == base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(stored, message, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored


def test_verifiers_of_one_password_differ_and_both_match() -> None:
    first, second = postgresql.scram_verifier(PASSWORD), postgresql.scram_verifier(PASSWORD)
    assert first != second
    assert postgresql.password_matches(PASSWORD, first)
    assert postgresql.password_matches(PASSWORD, second)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "md5a3556571e93b0d20722ba62be61e8c2d",
        postgresql.scram_verifier("another"),
        postgresql.scram_verifier(PASSWORD, iterations=1),
        postgresql.scram_verifier(PASSWORD)[:-8] + "AAAAAAA=",
    ],
)
def test_a_verifier_that_is_missing_weak_or_anothers_does_not_match(stored: str | None) -> None:
    assert not postgresql.password_matches(PASSWORD, stored)


@pytest.mark.parametrize("password", ["", "påssword", "line\nbreak"])
def test_a_password_that_would_need_saslprep_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        postgresql.scram_verifier(password)


def test_a_converged_server_is_left_alone() -> None:
    assert statements(converged()) == []


def test_a_new_cluster_gets_role_then_database() -> None:
    found = postgresql.changes(WANTED, {"roles": {}, "databases": {}, "schemas": {}})
    assert [(change.target, change.aspect) for change in found] == [
        ("role nextcloud", "exists"),
        ("database nextcloud", "exists"),
    ]
    role, database = found
    assert " NOCREATEROLE " in role.sql
    assert " NOSUPERUSER " in role.sql
    assert "CONNECTION LIMIT 50" in role.sql
    assert f"'{PASSWORD}'" not in role.sql
    assert database.sql == 'CREATE DATABASE "nextcloud" OWNER "nextcloud" TEMPLATE template0 ENCODING \'UTF8\''
    assert not database.transactional


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("superuser", True, 'ALTER ROLE "nextcloud" NOSUPERUSER'),
        ("createrole", True, 'ALTER ROLE "nextcloud" NOCREATEROLE'),
        ("createdb", True, 'ALTER ROLE "nextcloud" NOCREATEDB'),
        ("login", False, 'ALTER ROLE "nextcloud" LOGIN'),
        ("connection_limit", -1, 'ALTER ROLE "nextcloud" CONNECTION LIMIT 50'),
        ("valid_until", "2026-01-01 00:00:00+00", "ALTER ROLE \"nextcloud\" VALID UNTIL 'infinity'"),
        ("settings", ["search_path=evil"], 'ALTER ROLE "nextcloud" RESET ALL'),
        ("member_of", ["pg_read_all_data"], 'REVOKE "pg_read_all_data" FROM "nextcloud"'),
    ],
)
def test_each_drift_of_a_role_is_mended_by_one_statement(key: str, value: object, expected: str) -> None:
    actual = converged()
    actual["roles"]["nextcloud"][key] = value
    assert statements(actual) == [expected]


def test_a_changed_password_is_set_as_a_verifier_and_said_without_it() -> None:
    actual = converged()
    actual["roles"]["nextcloud"]["password"] = postgresql.scram_verifier("another")
    (change,) = postgresql.changes(WANTED, actual)
    verifier = change.sql.removeprefix('ALTER ROLE "nextcloud" PASSWORD \'').removesuffix("'")
    assert postgresql.password_matches(PASSWORD, verifier)
    assert "SCRAM" not in f"{change.target}{change.aspect}{change.before}{change.after}"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("owner", "postgres", ['ALTER DATABASE "nextcloud" OWNER TO "nextcloud"']),
        ("connection_limit", 3, ['ALTER DATABASE "nextcloud" CONNECTION LIMIT -1']),
        ("allow_connections", False, ['ALTER DATABASE "nextcloud" ALLOW_CONNECTIONS true']),
        (
            "rights",
            {"": ["CONNECT"], "eve": ["CREATE"], "nextcloud": ["CONNECT"]},
            [
                'REVOKE ALL ON DATABASE "nextcloud" FROM PUBLIC',
                'REVOKE ALL ON DATABASE "nextcloud" FROM "eve"',
                'GRANT ALL ON DATABASE "nextcloud" TO "nextcloud"',
            ],
        ),
    ],
)
def test_each_drift_of_a_database_is_mended(key: str, value: object, expected: list[str]) -> None:
    actual = converged()
    actual["databases"]["nextcloud"][key] = value
    assert statements(actual) == expected


def test_schema_drift_is_mended_inside_its_own_database() -> None:
    actual = converged()
    actual["schemas"]["nextcloud"] = {"owner": "eve", "rights": {"eve": ["CREATE", "USAGE"], "": ["USAGE"]}}
    found = postgresql.changes(WANTED, actual)
    assert {change.database for change in found} == {"nextcloud"}
    assert [change.sql for change in found] == [
        "ALTER SCHEMA public OWNER TO pg_database_owner",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        'REVOKE ALL ON SCHEMA public FROM "eve"',
        'GRANT ALL ON SCHEMA public TO "pg_database_owner"',
    ]


def test_everybody_loses_the_maintenance_databases_and_named_grantees_keep_them() -> None:
    actual = converged()
    actual["databases"]["postgres"]["rights"] = {"": ["CONNECT"], "monitor": ["CONNECT"], "postgres": ["CONNECT"]}
    assert statements(actual) == ["REVOKE ALL ON DATABASE postgres FROM PUBLIC"]


def test_another_encoding_is_refused_because_nothing_can_mend_it() -> None:
    actual = converged()
    actual["databases"]["nextcloud"]["encoding"] = "SQL_ASCII"
    with pytest.raises(ValueError, match="SQL_ASCII"):
        postgresql.changes(WANTED, actual)


def test_the_undeclared_is_reported_and_not_touched() -> None:
    actual = converged()
    actual["roles"]["eve"] = {**actual["roles"]["nextcloud"], "superuser": True}
    actual["roles"]["report"] = dict(actual["roles"]["nextcloud"])
    actual["databases"]["old"] = dict(actual["databases"]["nextcloud"])
    assert statements(actual) == []
    assert postgresql.unmanaged(WANTED, actual) == {"superusers": ["eve"], "roles": ["report"], "databases": ["old"]}


def test_check_mode_foresees_what_a_new_cluster_gives_to_everybody() -> None:
    found = postgresql_fresh.foreseen(WANTED, postgresql_fresh.cluster())
    assert [(change.target, change.aspect) for change in found] == [
        ("role nextcloud", "exists"),
        ("database nextcloud", "exists"),
        ("database postgres", "rights of PUBLIC"),
        ("database template1", "rights of PUBLIC"),
        ("database nextcloud", "rights of PUBLIC"),
        ("schema nextcloud.public", "rights of PUBLIC"),
    ]


def test_check_mode_foresees_nothing_on_a_converged_server() -> None:
    assert postgresql_fresh.foreseen(WANTED, converged()) == []


def test_check_mode_does_not_tell_a_drift_twice() -> None:
    actual = converged()
    actual["roles"]["nextcloud"]["superuser"] = True
    found = postgresql_fresh.foreseen(WANTED, actual)
    assert [(change.target, change.aspect) for change in found] == [("role nextcloud", "superuser")]
