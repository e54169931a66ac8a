"""The login: realm, directory, who may use what, and the rules of passwords and sessions."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from collab_stack.site.model.base import GroupName, Line, Pem, Settings

Dn = Annotated[
    Line,
    Field(min_length=3, pattern=r"^[^\x00-\x1f\x7f=]+=[^\x00-\x1f\x7f]+$", examples=["ou=people,dc=agency,dc=example"]),
]
"""A distinguished name."""

Attribute = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,62}$", examples=["entryUUID"])]


class Directory(Settings):
    """The agency's LDAP directory or Active Directory, read only."""

    url: Annotated[str, Field(pattern=r"^ldaps?://[A-Za-z0-9.-]+(:\d+)?$", examples=["ldaps://ldap.agency.example"])]
    """By name, not by address: the certificate is checked against it."""
    ca: Pem | None = None
    """The CA that signed its certificate, in PEM, relative to the site."""
    vendor: Literal["ad", "openldap", "rhds", "other"] = "openldap"
    """Kind of directory."""
    bind_dn: Dn
    """Account that reads it; its password is `directory_bind_password` in secrets.yml."""
    users_dn: Dn
    """Where people are."""
    groups_dn: Dn
    """Where groups are."""
    username: Attribute = "uid"
    """Attribute that people log in with. It may change; nothing is keyed on it."""
    identity: Attribute = "entryUUID"
    """Attribute that never changes for a person and is never given to another: the key of files and messages in every
    application. Fixed by the first deploy."""
    user_filter: Annotated[str, Field(pattern=r"^\([^\x00-\x1f\x7f]*\)$", examples=["(objectClass=person)"])] | None = (
        None
    )
    """LDAP filter that people must match."""
    group_member: Attribute = "member"
    """Attribute of a group that lists its members' DNs."""
    sync_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """How often changes are read."""


class PasswordRules(Settings):
    """For accounts that are not in the directory; the directory keeps its own rules."""

    length: Annotated[int, Field(ge=8, le=128)] = 14
    """Least number of characters."""
    history: Annotated[int, Field(ge=0, le=50)] = 5
    """How many former passwords are refused."""


class SessionRules(Settings):
    """How long a login lasts."""

    idle_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """Without use."""
    max_hours: Annotated[int, Field(ge=1, le=24)] = 10
    """At most; applications keep to it."""


class Lockout(Settings):
    """What happens after wrong passwords."""

    failures: Annotated[int, Field(ge=3, le=100)] = 8
    """Wrong passwords until an account is locked for a while."""
    wait_seconds: Annotated[int, Field(ge=10, le=3600)] = 60
    """How long, growing with each further failure."""
    max_wait_seconds: Annotated[int, Field(ge=60, le=86400)] = 900
    """At most this long."""


class Sso(Settings):
    """Single sign-on."""

    realm: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,35}$", examples=["agency"])] = "agency"
    """Keycloak's realm; part of the login URLs, so fixed by the first deploy. Never `master`."""
    directory: Directory | None = None
    """Where people come from; without one, accounts are kept in Keycloak."""
    user_groups: list[GroupName] = []
    """Groups whose members may use the stack; empty lets in everybody who can log in."""
    admin_groups: list[GroupName] = []
    """Groups whose members administer the applications."""
    mfa_for_admins: bool = True
    """Administrators need a second factor (TOTP)."""
    password: PasswordRules = PasswordRules()
    session: SessionRules = SessionRules()
    lockout: Lockout = Lockout()
    event_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """How long login and administration events are kept."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.realm == "master":
            raise ValueError("the realm `master` is Keycloak's own; choose another name")
        both = sorted(set(self.user_groups) & set(self.admin_groups))
        if both:
            raise ValueError(
                f"{both[0]!r} is in both user_groups and admin_groups; members of admin_groups are users anyway"
            )
        return self
