"""Whether a host is fit for a deploy, from what it said of itself. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from collab_stack.operations import needs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from collab_stack.operations.preflight import Wanted
    from collab_stack.plan.model import Permission

DEBIAN: Final = "13"

DATA_SERVICES: Final = ("keycloak", "nextcloud")
"""Services whose new version migrates their data at its first start, without a way back."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it must be.

    :param host: the host it is about; empty when it is about the house.
    :param check: a short stable word.
    """

    host: str
    check: str
    message: str
    mend: str


def host_problems(wanted: Wanted, host: str, need: needs.Needs, answer: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with one host, from what it said of itself."""
    return [
        Problem(host, check, f"{host}: {message}", mend)
        for check, message, mend in (
            *_system(need, answer),
            *_disks(need, answer),
            *_ports(need, answer),
            *_registries(answer),
            *_versions(wanted, answer),
            *_way_in(wanted.plan.inbound[host], answer["login"]),
        )
    ]


def _system(need: needs.Needs, answer: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    release = answer["release"]
    if (release["id"], release["version"]) != ("debian", DEBIAN):
        yield "debian", f"runs {release['id']} {release['version']}, not Debian {DEBIAN}", f"install Debian {DEBIAN}"
    if not answer["systemd"]:
        yield "systemd", "systemd is not its init", "boot it with systemd"
    if not answer["root"]:
        yield "sudo", "sudo gives another user than root", "set no ansible_become_user"
    if answer["memory_mib"] < need.memory_mib:
        yield (
            "memory",
            f"has {answer['memory_mib']} MiB of memory, and its services may use {need.memory_mib} MiB",
            "give it more memory, lower memory_mb of its services in site.yml, or move a service in hosts.yml",
        )
    if abs(answer["clock_offset"]) > needs.CLOCK_SECONDS:
        yield (
            "clock",
            f"its clock is {answer['clock_offset']:+.0f} s from this machine's",
            "set both clocks; the first deploy cannot: package signatures are checked against the clock",
        )
    if answer["leftovers"]:
        left = ", ".join(f"{entry['command']} (process {entry['pid']})" for entry in answer["leftovers"])
        yield "leftovers", f"a run that was killed still works there: {left}", "wait for it, or end it on the host"


def _disks(need: needs.Needs, answer: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    first = 0 if not answer["deployed"] else 1
    images_mib = needs.IMAGE_MIB[0] * len(answer["missing_images"]) or needs.IMAGE_MIB[1]
    wanted: dict[str, int] = {}
    for path, size in ((need.data_dir, needs.DATA_MIB[first]), (needs.DOCKER_DIR, images_mib if need.images else 0)):
        mount = answer["disks"][path]["mount"]
        wanted[mount] = wanted.get(mount, 0) + size
    free = {disk["mount"]: disk["free_mib"] for disk in answer["disks"].values()}
    for mount, size in wanted.items():
        if free[mount] < size:
            yield (
                "disk",
                f"{mount} has {free[mount]} MiB free, and {size} MiB are needed",
                f"make room on {mount}, or put a larger disk there",
            )


def _ports(need: needs.Needs, answer: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for held in answer["holders"]:
        service = need.ports[held["protocol"], held["port"]]
        if not needs.ours(held["unit"]):
            who = f"{held['command']} (process {held['pid']}{', ' + held['unit'] if held['unit'] else ''})"
            yield (
                "ports",
                f"port {held['port']}/{held['protocol']}, which {service} needs, is held by {who}",
                f"stop and disable {held['unit'] or held['command']} on the host",
            )


def _registries(answer: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for endpoint, reason in answer["registries"].items():
        if reason:
            yield (
                "images",
                f"lacks {len(answer['missing_images'])} images, and does not reach the registry {endpoint}: {reason}",
                "check registry.address in site.yml, and the firewall between the host and the registry",
            )


def _versions(wanted: Wanted, answer: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Refuse an older version of a service that keeps data, and a newer one without a backup or a word of consent."""
    planned = {service.name: service.image for service in wanted.plan.services if service.image}
    for service in DATA_SERVICES:
        before, after = _tag(answer["deployed"].get(service)), _tag(planned.get(service))
        if not before or not after or before == after:
            continue
        if _number(after) < _number(before):
            yield (
                "downgrade",
                f"{service} would go back from {before} to {after}, which cannot read what {before} has migrated",
                f"let services.{service}.version in site.yml be {'.'.join(map(str, _number(before)))} at least, or "
                "restore a backup of before",
            )
        elif service not in wanted.accepted:
            yield (
                "backup",
                f"{service} would go from {before} to {after}, which migrates its data, and there is no backup of it",
                f"back up {wanted.site.config.storage.data_dir} and the database, then: "
                f"collab-stack deploy --accept-no-backup {service}",
            )


def _number(tag: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", tag.partition("-")[0])))


def _way_in(inbound: Sequence[Permission], login: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Refuse a deploy that would shut out who deploys: a jump host, say, that is in no management network."""
    if not login:
        return
    address = ip_address(login["address"])
    let_in = [
        source
        for permission in inbound
        if (permission.protocol, permission.port) == ("tcp", login["port"])
        for source in (*permission.sources4, *permission.sources6)
    ]
    if not any(address in ip_network(source) for source in let_in):
        yield (
            "management",
            f"this login comes from {address} to port {login['port']}, which its packet filter is going to close",
            f"put {address} into networks.management in site.yml; behind a port forwarding, give the host's own SSH "
            "port as ansible_port",
        )


def _tag(image: str | None) -> str:
    return image.partition("@")[0].rpartition(":")[2] if image else ""
