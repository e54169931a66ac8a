"""The directory's content: what Keycloak will read."""

from __future__ import annotations

import base64
import hashlib
import re

from collab_stack.lab import people

PASSWORDS = {person.uid: f"pw-{person.uid}" for person in people.PEOPLE}


def entries() -> dict[str, dict[str, list[str]]]:
    """Parse the LDIF as RFC 2849 says."""
    found: dict[str, dict[str, list[str]]] = {}
    for block in people.ldif(PASSWORDS, "pw-reader").strip().split("\n\n"):
        attributes: dict[str, list[str]] = {}
        for line in block.splitlines():
            match = re.fullmatch(r"([A-Za-z]+):(:?) (.*)", line)
            assert match, line
            text = base64.b64decode(match[3]).decode() if match[2] else match[3]
            attributes.setdefault(match[1], []).append(text)
        found[attributes["dn"][0]] = attributes
    return found


def verify(hashed: str, password: str) -> bool:
    raw = base64.b64decode(hashed.removeprefix("{SSHA}"))
    return hashlib.sha1(password.encode() + raw[20:]).digest() == raw[:20]


def test_everybody_is_there_with_the_own_password() -> None:
    found = entries()
    for person in people.PEOPLE:
        entry = found[person.dn]
        assert verify(entry["userPassword"][0], PASSWORDS[person.uid])
        assert not verify(entry["userPassword"][0], "pw-other")
        assert entry["cn"] == [f"{person.given_name} {person.surname}"]
    assert verify(found[people.READER_DN]["userPassword"][0], "pw-reader")


def test_no_password_is_there_in_clear() -> None:
    text = people.ldif(PASSWORDS, "pw-reader")
    assert not [password for password in (*PASSWORDS.values(), "pw-reader") if password in text]


def test_letters_outside_ascii_survive() -> None:
    found = entries()
    assert found["uid=bertil,ou=people,dc=agency,dc=example"]["sn"] == ["Öberg"]
    assert found["uid=cecilie,ou=people,dc=agency,dc=example"]["sn"] == ["Sørensen"]
    assert people.ldif(PASSWORDS, "x").isascii()


def test_identities_never_change_and_are_never_shared() -> None:
    first, second = entries(), entries()
    identities = [first[person.dn]["entryUUID"][0] for person in people.PEOPLE]
    assert identities == [second[person.dn]["entryUUID"][0] for person in people.PEOPLE]
    assert len(set(identities)) == len(identities)


def test_groups_list_their_members_by_dn() -> None:
    found = entries()
    admins = found[f"cn={people.ADMINS},{people.GROUPS_DN}"]["member"]
    users = found[f"cn={people.USERS},{people.GROUPS_DN}"]["member"]
    assert admins == ["uid=anna,ou=people,dc=agency,dc=example"]
    assert set(admins) < set(users)
    assert "uid=gustav,ou=people,dc=agency,dc=example" not in users
