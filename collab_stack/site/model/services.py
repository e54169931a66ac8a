"""The services: whether they run here, in which version, with how much, and what an agency adds of its own."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from collab_stack.site.model.base import HostAddress, Line, Port, Settings

Memory = Annotated[int, Field(ge=128, le=1048576)]
Version = Annotated[str, Field(pattern=r"^\d+(\.\d+){0,3}$", examples=["26.7.4"])]
Value = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["512M"])]
Scalar = Value | int | bool
Environment = dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", examples=["PHP_MEMORY_LIMIT"])], Value]


class External(Settings):
    """The agency's own instance, used instead of one of ours."""

    address: HostAddress
    """Name or address that clients of the stack reach it at; its certificate carries it."""
    port: Port
    """TCP port."""


class Service(Settings):
    """What every service has."""

    enabled: bool = True
    """Whether it is part of the stack."""
    external: External | None = None
    """The agency's own instance; then no host carries it, and its flows stay in the plan."""
    version: Version | None = None
    """Another version than the catalogue's default; `collab-stack version -v` lists the known ones."""


class EdgeExtra(Settings):
    """Additions to HAProxy."""

    configuration: str = ""
    """Further sections, put at the end of haproxy.cfg."""


class EdgeService(Service):
    """HAProxy: the one door."""

    max_connections: Annotated[int, Field(ge=100, le=1000000)] = 10000
    """How many connections are open at once."""
    logins_per_minute: Annotated[int, Field(ge=10, le=100000)] = 300
    """Login requests from one address before they are refused for a while."""
    ipv6: bool = True
    """Listen on IPv6 too."""
    extra: EdgeExtra = EdgeExtra()


class ServerExtra(Settings):
    """Additions to a server that Debian ships."""

    settings: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]*$", examples=["work_mem"])], Scalar] = {}
    """Settings of its own configuration file; they win over ours and are shown in the plan."""


class DatabaseService(Service):
    """PostgreSQL."""

    memory_mb: Memory | None = None
    """Memory that it is tuned for, a quarter of it as its own cache; a quarter of the host when not given."""
    extra: ServerExtra = ServerExtra()


class CacheService(Service):
    """Valkey."""

    memory_mb: Memory = 256
    """Upper limit of its data; it never evicts, because locks and sessions are in it."""
    extra: ServerExtra = ServerExtra()


class KeycloakExtra(Settings):
    """Additions to Keycloak."""

    environment: Environment = {}
    """Options of Keycloak in their environment form (KC_…); known to its version, or refused."""


class KeycloakService(Service):
    """Keycloak: the login."""

    memory_mb: Memory = 1536
    """Limit of its container; 750 at least, 2048 advised for a small agency."""
    extra: KeycloakExtra = KeycloakExtra()


class LocalStorage(Settings):
    """Files on the host's own disk."""

    kind: Literal["local"] = "local"
    """Below storage.data_dir."""


class S3Storage(Settings):
    """Files in an S3 bucket of the agency."""

    kind: Literal["s3"]
    """An object store."""
    hostname: HostAddress
    """Its name."""
    port: Port = 443
    """TLS always."""
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", examples=["collab-files"])]
    """Nobody else may use it: file names are in the database only."""
    region: Line = "us-east-1"
    """As the store wants it."""
    access_key: Line
    """Name of the key; the key itself is `nextcloud_s3_secret` in secrets.yml."""
    path_style: bool = True
    """Bucket in the path, not in the host name."""


class NextcloudExtra(Settings):
    """Additions to Nextcloud."""

    environment: Environment = {}
    """Environment of its container; known to the image, or refused."""
    settings: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", examples=["loglevel"])], Scalar | list[Scalar]
    ] = {}
    """System settings (config.php); known to Nextcloud, or refused."""


class NextcloudService(Service):
    """Nextcloud: files."""

    memory_mb: Memory = 2048
    """Limit of its container; the number of PHP processes follows from it."""
    storage: Annotated[LocalStorage | S3Storage, Field(discriminator="kind")] = LocalStorage()
    """Where files are kept; fixed by the first deploy."""
    upload_limit_mb: Annotated[int, Field(ge=16, le=102400)] = 1024
    """Largest piece of an upload; clients cut larger files into pieces."""
    default_quota: Annotated[str, Field(pattern=r"^(none|\d+ (MB|GB|TB))$", examples=["50 GB"])] = "50 GB"
    """Space of a person."""
    trash_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """How long deleted files are kept."""
    link_sharing: bool = False
    """Whether people may share by a public link."""
    extra: NextcloudExtra = NextcloudExtra()


class Services(Settings):
    """Every service that collab-stack knows."""

    edge: EdgeService = EdgeService()
    keycloak: KeycloakService = KeycloakService()
    postgresql: DatabaseService = DatabaseService()
    valkey: CacheService = CacheService()
    nextcloud: NextcloudService = NextcloudService()

    @model_validator(mode="after")
    def _dependencies(self) -> Self:
        needs = {"nextcloud": ("edge", "keycloak", "postgresql", "valkey"), "keycloak": ("edge", "postgresql")}
        for service, others in needs.items():
            mine = getattr(self, service)
            missing = [
                name for name in others if mine.enabled and not mine.external and not getattr(self, name).enabled
            ]
            if missing:
                raise ValueError(f"{service} needs {missing[0]}, which is not enabled")
        return self
