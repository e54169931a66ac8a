"""The flow table as we declare it: what each service talks to, and why.

The spine of firewall, probes, audit and documents. One row per pair of parties and port. A row becomes a flow when both
its ends are in the site. What is not here is not permitted; so a change here is a change of what an agency's firewall
lets through, and needs its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from collab_stack.plan.definitions import HOSTS

if TYPE_CHECKING:
    from collab_stack.plan.model import Protocol, Transport

ENCRYPTED: Final = "GDPR art. 32(1)(a): personal data is encrypted in transit"
INTEGRITY: Final = "GDPR art. 32(1)(b): integrity and confidentiality of the systems"
BY_DEFAULT: Final = "GDPR art. 25(2): only what the purpose needs is reachable"
TRACEABLE: Final = "GDPR art. 33: agreeing clocks let an incident be traced"


@dataclass(frozen=True, slots=True)
class Row:
    """One declared flow.

    :param port: at the destination; None takes the one that the site declares for an outside party, and the
        service's own (``Definition.port``, or the external service's) for a service.
    :param transport: None takes what the site declares for an outside party.
    :param same_host: source and destination are processes of one host; the flow never leaves it.
    :param with_service: the row counts only while the stack carries this service, too.
    :param to: the row counts only while the destination is carried by the stack (``ours``), or is the agency's own
        (``external``); None is either. An external application is under its own name and not behind our edge.
    :param private: the row is the source's own affair: an external source keeps it out of the plan.
    """

    source: str
    destination: str
    reason: str
    legal: str
    port: int | None = None
    protocol: Protocol = "tcp"
    transport: Transport | None = "tls"
    same_host: bool = False
    with_service: str | None = None
    to: Literal["ours", "external"] | None = None
    private: bool = True


TABLE: Final[tuple[Row, ...]] = (
    Row("clients", "edge", "People reach every application through the edge", ENCRYPTED),
    Row(
        "clients",
        "edge",
        "Answers a typed http:// address with a redirect to https and nothing else",
        BY_DEFAULT,
        port=80,
        transport="clear",
    ),
    Row("management", "edge", "Operators reach the administration paths, which other networks cannot", BY_DEFAULT),
    Row(
        "management",
        HOSTS,
        "Operators and Ansible administer the hosts; no other network can",
        INTEGRITY,
        transport="ssh",
    ),
    Row("edge", "keycloak", "The edge passes on logins, encrypted again", ENCRYPTED, to="ours", private=False),
    Row("edge", "web", "The edge passes on files, encrypted again", ENCRYPTED, private=False),
    Row(
        "web",
        "nextcloud",
        "nginx hands requests to PHP by FastCGI, which has no encryption, over the host's loopback",
        BY_DEFAULT,
        transport="clear",
        same_host=True,
    ),
    Row(HOSTS, "keycloak", "The realm is reconciled by a program on Keycloak's own host", ENCRYPTED, same_host=True),
    Row(
        HOSTS,
        "keycloak",
        "Health of Keycloak is read on its own host; nobody else reaches this port",
        BY_DEFAULT,
        port=9443,
        same_host=True,
    ),
    Row("keycloak", "postgresql", "Accounts, sessions and events are kept in the database", ENCRYPTED),
    Row("keycloak", "directory", "People and groups come from the agency's directory", ENCRYPTED, transport=None),
    Row("keycloak", "mail", "Mails about a person's own account", ENCRYPTED, transport=None),
    Row(
        "keycloak",
        "edge",
        "A logout ends the session in every application (back-channel logout)",
        ENCRYPTED,
        with_service="nextcloud",
        private=False,
    ),
    Row(
        "keycloak",
        "nextcloud",
        "A logout ends the session in the agency's own Nextcloud (back-channel logout)",
        ENCRYPTED,
        to="external",
    ),
    Row("keycloak", "dns", "Looks up the names of its peers", BY_DEFAULT, protocol="udp", transport="dns"),
    Row("keycloak", "dns", "The same, for answers too long for UDP", BY_DEFAULT, transport="dns"),
    Row("nextcloud", "postgresql", "Metadata of files and shares is kept in the database", ENCRYPTED),
    Row("nextcloud", "valkey", "Sessions and file locks are shared between PHP processes", ENCRYPTED),
    Row("nextcloud", "edge", "Reads Keycloak's discovery and keys, and checks its own public address", ENCRYPTED),
    Row(
        "nextcloud",
        "keycloak",
        "Reads discovery and keys of the agency's own Keycloak, and checks logins there",
        ENCRYPTED,
        to="external",
    ),
    Row("nextcloud", "mail", "Notifications about shares and activity", ENCRYPTED, transport=None),
    Row("nextcloud", "objectstore", "Files are kept in the agency's object store", ENCRYPTED, transport=None),
    Row("nextcloud", "dns", "Looks up the names of its peers", BY_DEFAULT, protocol="udp", transport="dns"),
    Row("nextcloud", "dns", "The same, for answers too long for UDP", BY_DEFAULT, transport="dns"),
    Row(HOSTS, "dns", "Looks up names", BY_DEFAULT, protocol="udp", transport="dns"),
    Row(HOSTS, "dns", "The same, for answers too long for UDP", BY_DEFAULT, transport="dns"),
    Row(HOSTS, "time", "Sets the clock", TRACEABLE, protocol="udp", transport="ntp"),
    Row(HOSTS, "packages", "Installs Debian packages and their security upgrades", INTEGRITY, transport=None),
    Row(HOSTS, "registry", "Fetches container images, each pinned by digest", INTEGRITY, transport=None),
)
