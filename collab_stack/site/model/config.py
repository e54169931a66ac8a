"""site.yml as a whole, and the settings that concern the whole stack."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from collab_stack.site.model.base import (
    AbsolutePath,
    DomainName,
    HostAddress,
    Line,
    MailAddress,
    Network,
    Pem,
    Port,
    Settings,
)
from collab_stack.site.model.services import Services
from collab_stack.site.model.sso import Sso


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("give an IP address, such as 10.20.0.53") from None


_URL = r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~:@!$&'()*+,;=%/-]*)?$"

Address = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+$", examples=["10.20.0.53"]), AfterValidator(_address)]

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _ipv4_network(text: str) -> str:
    try:
        return str(IPv4Network(text))
    except ValueError as error:
        raise ValueError(f"give an IPv4 network, such as 172.30.0.0/16 ({error})") from None


class Organisation(Settings):
    """Who runs the stack."""

    name: Annotated[Line, Field(max_length=120, examples=["Example Agency"])]
    """Name as people read it on login and error pages."""
    language: Literal["sv", "da", "en"]
    """Language of everything people read until they choose their own."""
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["SE"])]
    """Country as ISO 3166-1 alpha-2, in quotes when it is Norway: YAML reads a bare `no` as false."""
    contact: MailAddress
    """Mail address of the people who help; shown on error pages and given to security researchers."""


class Networks(Settings):
    """Which networks are whose."""

    in_house: Annotated[list[Network], Field(min_length=1, examples=[["10.20.0.0/16"]])]
    """Networks that count as the agency's own. A flow that ends elsewhere is marked as leaving the house."""
    management: Annotated[list[Network], Field(min_length=1, examples=[["10.20.9.0/24"]])]
    """Networks that operators work from: only these reach SSH and the administration paths."""
    trusted_segments: list[Network] = []
    """Networks whose wire is trusted: only within these may a flow be unencrypted."""
    containers: Annotated[
        str, Field(pattern=r"^\d+\.\d+\.\d+\.\d+/\d+$", examples=["172.30.0.0/16"]), AfterValidator(_ipv4_network)
    ] = "172.30.0.0/16"
    """Private IPv4 range that the containers' networks are cut from; nobody else may use it."""


class Tls(Settings):
    """Who signs the public names. Traffic inside the stack always uses the internal CA."""

    mode: Literal["internal", "files"] = "internal"
    """`internal`: the stack's own CA signs, and people's browsers need it. `files`: the agency's own certificate."""
    certificate: Pem | None = None
    """With `files`: the chain in PEM, leaf first, relative to the site."""
    key: Pem | None = None
    """With `files`: the private key in PEM, encrypted by `ansible-vault`, relative to the site."""
    ca: Pem | None = None
    """With `files`: the CA that signed it, in PEM, when Debian's own list does not have it."""

    @model_validator(mode="after")
    def _files_come_together(self) -> Self:
        given = (self.certificate is not None, self.key is not None)
        if self.mode == "files" and not all(given):
            raise ValueError("mode `files` needs both `certificate` and `key`")
        if self.mode == "internal" and (any(given) or self.ca is not None):
            raise ValueError("`certificate`, `key` and `ca` go with mode `files`")
        return self


class Mail(Settings):
    """The relay that mails are handed to."""

    relay: HostAddress
    """Name or address of the agency's mail relay."""
    port: Port = 25
    """TCP port; 465 means TLS from the first byte."""
    starttls: bool = True
    """Encrypt by STARTTLS, and refuse a relay that does not offer it."""
    sender: MailAddress
    """Address that mails come from."""
    user: Line | None = None
    """Login name at the relay; its password is `mail_password` in secrets.yml."""


class Time(Settings):
    """Clocks."""

    servers: Annotated[list[HostAddress], Field(min_length=1, examples=[["ntp1.agency.example"]])]
    """NTP servers in the house."""
    zone: Annotated[str, Field(pattern=r"^[A-Za-z_]+(/[A-Za-z0-9_+-]+)*$", examples=["Europe/Copenhagen"])] = (
        "Europe/Stockholm"
    )
    """Time zone of logs and of the maintenance window."""


class Dns(Settings):
    """Name resolution."""

    resolvers: Annotated[list[Address], Field(min_length=1, max_length=3)]
    """The agency's resolvers (glibc reads at most three). Probes ask these too, as people's machines do."""


class Packages(Settings):
    """Where Debian packages come from."""

    mirror: Annotated[str, Field(pattern=_URL, examples=["http://mirror.agency.example/debian"])]
    """URL of the archive, such as http://mirror.agency.example/debian."""
    security_mirror: Annotated[str, Field(pattern=_URL, examples=["http://mirror.agency.example/debian-security"])]
    """URL of the security archive."""


class Registry(Settings):
    """The agency's own image registry; without it, images come from upstream's."""

    address: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?$", examples=["registry.agency.example:5000"])]
    """Host and port; TLS always."""
    ca: Pem | None = None
    """The CA that signed its certificate, in PEM, relative to the site."""


class Artifacts(Settings):
    """Where application archives come from; without it, from upstream's own addresses."""

    mirror: Annotated[str, Field(pattern=r"^https?://[^\s]+$", examples=["https://mirror.agency.example/archives"])]
    """Folder that holds the archives under upstream's file names, such as user_oidc-v8.10.1.tar.gz."""
    ca: Pem | None = None
    """The CA that signed its certificate, in PEM, relative to the site."""


class Storage(Settings):
    """Where data lies on the hosts."""

    data_dir: AbsolutePath = "/srv/collab"
    """Folder that holds all that must survive."""


class Maintenance(Settings):
    """When packages may be upgraded whose upgrade interrupts people."""

    days: Annotated[list[Weekday], Field(min_length=1)] = ["sun"]
    """Days of the week."""
    start: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["02:00"])] = "02:00"
    """Begin, in the site's time zone."""
    hours: Annotated[int, Field(ge=1, le=12)] = 3
    """Length in hours."""


class SiteConfig(Settings):
    """All of site.yml."""

    domain: DomainName
    """Domain of the stack; the services are below it: id., files., …"""
    organisation: Organisation
    networks: Networks
    tls: Tls = Tls()
    mail: Mail
    time: Time
    dns: Dns
    packages: Packages | None = None
    registry: Registry | None = None
    artifacts: Artifacts | None = None
    storage: Storage = Storage()
    maintenance: Maintenance = Maintenance()
    sso: Sso
    services: Services = Services()
