"""The people and groups of the lab's agency, and the directory's LDIF."""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from collab_stack.lab.layout import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE_DN: Final = ",".join(f"dc={label}" for label in DOMAIN.split("."))
PEOPLE_DN: Final = f"ou=people,{BASE_DN}"
GROUPS_DN: Final = f"ou=groups,{BASE_DN}"
READER_DN: Final = f"cn=collab-reader,ou=services,{BASE_DN}"
"""The account that reads the directory, as an agency gives one to an application."""

USERS: Final = "collab-users"
ADMINS: Final = "collab-admins"

_NAMESPACE: Final = uuid.UUID("6f9d6d0c-3f0e-5ad7-9b43-2f0a3f3f8a51")  # of our own; makes entryUUIDs repeatable


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works at the lab's agency.

    :param uid: login name.
    :param language: preferred language, as in ``preferredLanguage``.
    :param groups: of the directory; somebody in none may log in to nothing.
    """

    uid: str
    given_name: str
    surname: str
    language: str
    groups: tuple[str, ...] = (USERS,)

    @property
    def name(self) -> str:
        """The name that people read."""
        return f"{self.given_name} {self.surname}"

    @property
    def dn(self) -> str:
        """Where the person is in the directory."""
        return f"uid={self.uid},{PEOPLE_DN}"

    @property
    def mail(self) -> str:
        """Mail address."""
        return f"{self.uid}@{DOMAIN}"


PEOPLE: Final = (
    Person("anna", "Anna", "Ahlgren", "sv", (ADMINS, USERS)),
    Person("bertil", "Bertil", "Öberg", "sv"),
    Person("cecilie", "Cecilie", "Sørensen", "da"),
    Person("dora", "Dóra", "Åkerström-Lindqvist", "sv"),
    Person("erik", "Erik", "Æbelø", "da"),
    Person("gustav", "Gustav", "Utanför", "sv", ()),
)
"""Names with letters outside ASCII on purpose; gustav is in no group and may use nothing."""


def ldif(passwords: Mapping[str, str], reader_password: str) -> str:
    """Return the directory's content for slapadd.

    :param passwords: uid -> password of every person.
    :param reader_password: of :data:`READER_DN`.
    """
    entries = [
        _entry(BASE_DN, "organization dcObject", dc=DOMAIN.split(".", maxsplit=1)[0], o="Exempelmyndigheten"),
        *(_entry(f"ou={unit},{BASE_DN}", "organizationalUnit", ou=unit) for unit in ("people", "groups", "services")),
        _entry(
            READER_DN,
            "organizationalRole simpleSecurityObject",
            cn="collab-reader",
            userPassword=_hashed(reader_password),
        ),
        *(_person(person, passwords[person.uid]) for person in PEOPLE),
        *(_group(name) for name in (USERS, ADMINS)),
    ]
    return "\n".join(entries)


def _person(person: Person, password: str) -> str:
    return _entry(
        person.dn,
        "inetOrgPerson",
        uid=person.uid,
        cn=person.name,
        displayName=person.name,
        givenName=person.given_name,
        sn=person.surname,
        mail=person.mail,
        preferredLanguage=person.language,
        userPassword=_hashed(password),
        entryUUID=str(uuid.uuid5(_NAMESPACE, person.dn)),
    )


def _group(name: str) -> str:
    members = [person.dn for person in PEOPLE if name in person.groups]
    return _entry(f"cn={name},{GROUPS_DN}", "groupOfNames", cn=name, member=members)


def _entry(dn: str, classes: str, **attributes: str | list[str]) -> str:
    lines = [_line("dn", dn), *(_line("objectClass", name) for name in classes.split())]
    for key, value in attributes.items():
        lines += [_line(key, item) for item in (value if isinstance(value, list) else [value])]
    return "\n".join(lines) + "\n"


def _line(key: str, value: str) -> str:
    """Return one line; base64 for letters outside ASCII, as RFC 2849 wants."""
    return f"{key}: {value}" if value.isascii() else f"{key}:: {base64.b64encode(value.encode()).decode()}"


def _hashed(password: str) -> str:
    """Return a salted hash in the form that slapd reads; its own contrib modules are not needed for this one."""
    salt = hashlib.sha256(password.encode()).digest()[:8]  # repeatable: the same people give the same file
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()
