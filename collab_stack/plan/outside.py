"""The parties that the stack neither carries nor is: where the site says they are, and whether that is in-house."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collab_stack.plan.model import Transport
    from collab_stack.site import SiteConfig

ANYONE: Final = ("0.0.0.0/0", "::/0")

DEBIAN_MIRRORS: Final = ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security")
"""What Debian 13 itself is set up with; used while the site names no mirror of its own."""

_SCHEME_PORTS: Final = {"http": 80, "https": 443, "ldap": 389, "ldaps": 636}
_SUBMISSIONS: Final = 465  # TLS from the first byte, RFC 8314 §3.3
_PRIVATE_SUFFIXES: Final = (".internal", ".home.arpa", ".local")  # can never be resolved by public DNS


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a party is reached; several addresses when they are alternatives at one port.

    :param port: None for a party that only ever is a source.
    """

    addresses: tuple[str, ...]
    port: int | None
    transport: Transport


def endpoints(config: SiteConfig, images: Iterable[str], party: str) -> tuple[Endpoint, ...]:
    """Return where the site says a party is; empty when the site has none, as without a directory.

    :param images: references of the images that the site's hosts run, for the registries they come from.
    """
    if party == "clients":
        return (Endpoint(ANYONE, None, "tls"),)
    if party == "management":
        return (Endpoint(tuple(str(network) for network in config.networks.management), None, "tls"),)
    if party == "dns":
        return (Endpoint(tuple(str(resolver) for resolver in config.dns.resolvers), 53, "dns"),)
    if party == "time":
        return (Endpoint(tuple(config.time.servers), 123, "ntp"),)
    if party == "registry":
        return _registry(config, images)
    return _BY_URL[party](config)


def _directory(config: SiteConfig) -> tuple[Endpoint, ...]:
    directory = config.sso.directory
    if directory is None:
        return ()
    host, port, scheme = _split(str(directory.url))
    return (Endpoint((host,), port, "tls" if scheme == "ldaps" else "clear"),)


def _mail(config: SiteConfig) -> tuple[Endpoint, ...]:
    encrypted = config.mail.starttls or config.mail.port == _SUBMISSIONS
    return (Endpoint((config.mail.relay,), config.mail.port, "tls" if encrypted else "clear"),)


def _objectstore(config: SiteConfig) -> tuple[Endpoint, ...]:
    storage = config.services.nextcloud.storage
    return (Endpoint((storage.hostname,), storage.port, "tls"),) if storage.kind == "s3" else ()


def _packages(config: SiteConfig) -> tuple[Endpoint, ...]:
    urls = DEBIAN_MIRRORS if config.packages is None else (config.packages.mirror, config.packages.security_mirror)
    by_port: dict[tuple[int, Transport], list[str]] = {}
    for url in urls:
        host, port, scheme = _split(str(url))
        known = by_port.setdefault((port, "tls" if scheme == "https" else "signed"), [])
        if host not in known:
            known.append(host)
    return tuple(Endpoint(tuple(hosts), port, transport) for (port, transport), hosts in by_port.items())


def _registry(config: SiteConfig, images: Iterable[str]) -> tuple[Endpoint, ...]:
    if config.registry is not None:
        host, port, _ = _split(f"https://{config.registry.address}")
        return (Endpoint((host,), port, "tls"),)
    by_port: dict[int, set[str]] = {}
    for image in images:
        host, port, _ = _split(f"https://{image.split('/', 1)[0]}")
        by_port.setdefault(port, set()).add(host)
    return tuple(Endpoint(tuple(sorted(hosts)), port, "tls") for port, hosts in sorted(by_port.items()))


_BY_URL: Final = {"directory": _directory, "mail": _mail, "objectstore": _objectstore, "packages": _packages}


def _split(url: str) -> tuple[str, int, str]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _SCHEME_PORTS[parts.scheme], parts.scheme


def in_house(config: SiteConfig, address: str) -> bool:
    """Say whether an address, network or name is the agency's own, as far as the site declares it.

    An address or network counts when it lies in ``networks.in_house``. A name cannot be resolved here (a plan asks
    nobody), so it counts only when it is the agency's domain or below it, or can exist in private DNS only; any other
    name is treated as leaving, which the documents then ask a person to judge.
    """
    try:
        wanted = ip_network(address)
    except ValueError:
        name = address.lower().rstrip(".")
        return name == config.domain or name.endswith((f".{config.domain}", *_PRIVATE_SUFFIXES))
    return any(
        own.version == wanted.version and wanted.subnet_of(own)  # type: ignore[arg-type]
        for own in (ip_network(str(network)) for network in config.networks.in_house)
    )


def is_address(text: str) -> bool:
    """Say whether a text is an IP address, not a name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
