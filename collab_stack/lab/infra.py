"""The configuration files of infra, which plays what the agency already has. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from collab_stack.lab import people
from collab_stack.lab.layout import DOMAIN, INFRA_NAMES, PACKAGES_PORT, PUBLIC_LABELS, REGISTRY_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collab_stack.lab.layout import Layout

TLS_GROUP: Final = 2000
"""Group lab-tls of the image: the servers that read the key."""

CERTIFICATE: Final = "/etc/lab/tls/cert.pem"
KEY: Final = "/etc/lab/tls/key.pem"
CA: Final = "/etc/lab/tls/ca.pem"

SLAPD: Final = Path(__file__).with_name("files") / "slapd.ldif"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a container.

    :param mode: permission bits.
    :param gid: group; the owner is always root, unless ``uid`` says otherwise.
    """

    content: str | bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


def tls_names(layout: Layout) -> tuple[str, ...]:
    """Return the names that infra's certificate carries."""
    addresses = (str(layout.address("infra")), str(layout.address6("infra")), "127.0.0.1")
    return (*(layout.fqdn(name) for name in ("infra", *INFRA_NAMES)), *addresses)


def default_public(layout: Layout) -> dict[str, str]:
    """Return the stack's public names, all led to the first host, as in the lab's example site."""
    return {layout.fqdn(label): layout.hosts[0] for label in PUBLIC_LABELS}


def dns_records(layout: Layout, public: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Return (name, IPv4, IPv6) of everything that the lab's resolver knows.

    :param public: public name -> host that answers for it.
    """
    infra = [(layout.fqdn(name), "infra") for name in ("infra", *INFRA_NAMES)]
    machines = [(layout.fqdn(name), name) for name in ("ops", *layout.hosts)]
    return tuple(
        (name, str(layout.address(short)), str(layout.address6(short)))
        for name, short in (*infra, *machines, *public.items())
    )


def dnsmasq(layout: Layout, public: Mapping[str, str]) -> str:
    """Return dnsmasq's configuration: the agency's zone, and for everything else "there is no such name"."""
    records = dns_records(layout, public)
    lines = [
        "no-resolv",
        "no-hosts",
        "bind-interfaces",
        f"listen-address={layout.address('infra')},{layout.address6('infra')}",
        f"local=/{DOMAIN}/",
        "address=/#/",  # every name that is not known is NXDOMAIN: nothing is asked outside
        f"mx-host={DOMAIN},mail.{DOMAIN},10",
        *(f"host-record={name},{v4},{v6}" for name, v4, v6 in records),
    ]
    return "\n".join(lines) + "\n"


def slapd_config() -> str:
    """Return cn=config: one database, read by the reader account, written by root over the local socket."""
    return Template(SLAPD.read_text(encoding="utf-8")).substitute(
        ca=CA,
        certificate=CERTIFICATE,
        key=KEY,
        local_root="gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth",
        base=people.BASE_DN,
        reader=people.READER_DN,
    )


def _registry(secret: str) -> str:
    return f"""version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: /var/lib/docker-registry
  delete:
    enabled: true
http:
  addr: :{REGISTRY_PORT}
  secret: {secret}
  tls:
    certificate: {CERTIFICATE}
    key: {KEY}
"""


def _nginx(layout: Layout) -> str:
    v4, v6 = layout.address("infra"), layout.address6("infra")
    return f"""server {{
    listen {v4}:80;
    listen [{v6}]:80;
    listen {v4}:443 ssl;
    listen [{v6}]:443 ssl;
    server_name artifacts.{DOMAIN};
    ssl_certificate {CERTIFICATE};
    ssl_certificate_key {KEY};
    ssl_protocols TLSv1.2 TLSv1.3;
    root /srv/artifacts;
    autoindex on;
    access_log off;
}}
"""


def _chrony(networks: Sequence[object]) -> str:
    allowed = "".join(f"allow {network}\n" for network in networks)
    return f"local stratum 4\n{allowed}driftfile /var/lib/chrony/chrony.drift\n"


def _acng(mirror: str) -> str:
    return f"""CacheDir: /var/cache/apt-cacher-ng
LogDir: /var/log/apt-cacher-ng
SupportDir: /usr/lib/apt-cacher-ng
Port: {PACKAGES_PORT}
Remap-lab: /debian ; {mirror}/debian
Remap-labsec: /debian-security ; {mirror}/debian-security
ExThreshold: 30
"""


def files(
    layout: Layout,
    *,
    tls: tuple[str, str, str],
    ldif: str,
    public: Mapping[str, str],
    mirror: str,
    registry_secret: str,
) -> dict[str, File]:
    """Return infra's files by path.

    :param tls: certificate, key and authority, PEM.
    :param ldif: the directory's content.
    :param public: public name -> host that answers for it.
    :param mirror: URL that holds debian/ and debian-security/.
    :param registry_secret: signs the registry's upload states.
    """
    certificate, key, authority = tls
    return {
        CERTIFICATE: File(certificate),
        KEY: File(key, mode=0o640, gid=TLS_GROUP),
        CA: File(authority),
        "/etc/lab/directory/config.ldif": File(slapd_config()),
        "/etc/lab/directory/people.ldif": File(ldif, mode=0o600),
        "/etc/default/slapd": File(
            'SLAPD_CONF=/etc/ldap/slapd.d\nSLAPD_USER="openldap"\nSLAPD_GROUP="openldap"\n'
            'SLAPD_SERVICES="ldapi:/// ldaps:///"\nSLAPD_OPTIONS=""\n'
        ),
        "/etc/dnsmasq.conf": File(dnsmasq(layout, public)),
        "/etc/chrony/chrony.conf": File(_chrony((layout.agency, layout.agency6))),
        "/etc/default/chrony": File('DAEMON_OPTS="-F 1 -x"\n'),
        "/etc/apt-cacher-ng/acng.conf": File(_acng(mirror)),
        "/etc/apt-cacher-ng/zz_debconf.conf": File(""),
        "/etc/docker/registry/config.yml": File(_registry(registry_secret)),
        "/etc/nginx/sites-enabled/artifacts": File(_nginx(layout)),
    }
