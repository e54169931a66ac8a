"""What each container of a lab is made of. Pure: from the lab's layout and images to specifications."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from collab_stack.lab.debian import sources
from collab_stack.lab.infra import File
from collab_stack.lab.layout import DOMAIN, OPERATOR, PACKAGES_PORT, REGISTRY_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_stack.lab.layout import Layout
    from collab_stack.lab.state import State

OPERATOR_ID: Final = 1000

SYSTEMD_CAPABILITIES: Final = ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE")
"""What systemd and an inner Docker need, without --privileged (which a machine without SYS_RESOURCE refuses)."""

SYSTEMD_SECURITY: Final = ("seccomp=unconfined", "apparmor=unconfined")


@dataclass(frozen=True, slots=True)
class Leg:
    """A container's connection to a network; without addresses Docker chooses them."""

    network: str
    ipv4: str | None = None
    ipv6: str | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """A container.

    :param legs: the first is connected when the container is made.
    :param keeps_data: it is never replaced by a newer one; only `lab down` removes it.
    :param loopback_ports: container ports that are published on the machine's loopback, on a port of Docker's choice.
    """

    short: str
    image: str
    legs: tuple[Leg, ...]
    systemd: bool = True
    keeps_data: bool = False
    command: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    loopback_ports: tuple[int, ...] = ()

    def digest(self) -> str:
        """Return a hash of everything above: another hash means another container."""
        text = json.dumps(self, default=_plain, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}  # type: ignore[attr-defined]


def host(state: State, short: str, image: str) -> Spec:
    """Return a machine that collab-stack deploys to."""
    layout = state.layout
    files = {**_machine_files(state, short), **_resolver(layout), **_package_sources()}
    return Spec(
        short=short,
        image=image,
        legs=(_agency(layout, short),),
        keeps_data=True,
        volumes={
            layout.volume(f"{short}-docker"): "/var/lib/docker",
            layout.volume(f"{short}-containerd"): "/var/lib/containerd",
        },
        files=files,
    )


def ops(state: State, image: str) -> Spec:
    """Return the operator's workstation."""
    layout = state.layout
    key = File((state.operator_key).read_text(), mode=0o600, uid=OPERATOR_ID, gid=OPERATOR_ID)
    files = {
        **_machine_files(state, "ops"),
        **_resolver(layout),
        **_package_sources(),
        f"/home/{OPERATOR}/.ssh/id_ed25519": key,
        "/usr/local/share/ca-certificates/lab.crt": File(state.ca_file.read_text()),
    }
    return Spec(short="ops", image=image, legs=(_agency(layout, "ops"),), files=files)


def infra(state: State, image: str, files: Mapping[str, File], extra_hosts: Mapping[str, str]) -> Spec:
    """Return what the agency already has; the only container with a leg on a network with a route.

    :param files: of :func:`collab_stack.lab.infra.files`.
    :param extra_hosts: names that the machine resolves by its own /etc/hosts.
    """
    layout = state.layout
    return Spec(
        short="infra",
        image=image,
        legs=(_agency(layout, "infra"), Leg(layout.network("uplink"))),
        volumes={
            layout.volume("packages"): "/var/cache/apt-cacher-ng",
            layout.volume("registry"): "/var/lib/docker-registry",
            layout.volume("artifacts"): "/srv/artifacts",
            layout.volume("mail"): "/var/mail/sink",
        },
        files={**_machine_files(state, "infra", own_files=""), **files},
        extra_hosts=extra_hosts,
        loopback_ports=(REGISTRY_PORT,),
    )


def gateway(state: State, image: str) -> Spec:
    """Return the agency's way out, which leads to ``outside`` alone."""
    layout = state.layout
    own4, own6 = layout.outside_gateway
    out4, out6 = layout.outside_address
    return Spec(
        short="gateway",
        image=image,
        legs=(_agency(layout, "gateway"), Leg(layout.network("outside"), str(own4), str(own6))),
        systemd=False,
        command=("/usr/local/sbin/gateway",),
        capabilities=("NET_ADMIN",),
        environment={
            "OUTSIDE": str(out4),
            "OUTSIDE6": str(out6),
            "AGENCY": str(layout.agency),
            "AGENCY6": str(layout.agency6),
        },
        sysctls={"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"},
    )


def outside(state: State, image: str) -> Spec:
    """Return the internet, as far as the lab is concerned."""
    layout = state.layout
    gateway4, gateway6 = layout.outside_gateway
    own4, own6 = layout.outside_address
    return Spec(
        short="outside",
        image=image,
        legs=(Leg(layout.network("outside"), str(own4), str(own6)),),
        systemd=False,
        capabilities=("NET_ADMIN", "NET_RAW"),
        environment={
            "GATEWAY": str(gateway4),
            "GATEWAY6": str(gateway6),
            "AGENCY": str(layout.agency),
            "AGENCY6": str(layout.agency6),
        },
    )


def _agency(layout: Layout, short: str) -> Leg:
    return Leg(layout.network("agency"), str(layout.address(short)), str(layout.address6(short)))


def _machine_files(state: State, short: str, own_files: str = "hosts hostname resolv.conf") -> dict[str, File]:
    """Return what an installer would have written: SSH keys, the operator's access, addresses."""
    layout = state.layout
    private, public = state.host_key(short)
    routed = short != "infra"  # infra's default route is its other leg
    network = (
        f'OWN_FILES="{own_files}"\n'
        f"GATEWAY={layout.address('gateway') if routed else ''}\n"
        f"GATEWAY6={layout.address6('gateway') if routed else ''}\n"
    )
    hosts = (
        "127.0.0.1 localhost\n"
        f"{layout.address(short)} {layout.fqdn(short)} {short}\n"
        "::1 localhost ip6-localhost ip6-loopback\n"
        "ff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n"
    )
    public_key = state.operator_key.with_suffix(".pub").read_text()
    return {
        "/etc/ssh/ssh_host_ed25519_key": File(private, mode=0o600),
        "/etc/ssh/ssh_host_ed25519_key.pub": File(public),
        f"/home/{OPERATOR}/.ssh/authorized_keys": File(public_key, mode=0o600, uid=OPERATOR_ID, gid=OPERATOR_ID),
        "/etc/lab/network": File(network),
        "/etc/lab/chpasswd": File(f"{OPERATOR}:{state.sudo_password}\n", mode=0o600),
        "/etc/lab/hosts": File(hosts),
        "/etc/lab/hostname": File(f"{short}\n"),
    }


def _resolver(layout: Layout) -> dict[str, File]:
    text = f"search {DOMAIN}\nnameserver {layout.address('infra')}\n"
    return {"/etc/lab/resolv.conf": File(text)}


def _package_sources() -> dict[str, File]:
    lines = sources(f"http://packages.{DOMAIN}:{PACKAGES_PORT}")
    return {"/etc/apt/sources.list": File("".join(f"{line}\n" for line in lines))}
