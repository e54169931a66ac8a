"""What must be true before a deploy touches anything: of each host, of the house around them, of what is locked."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from collab_stack.errors import CollabError
from collab_stack.operations import artifacts, images, names, needs
from collab_stack.operations.registry import UnreachableRegistryError, parse
from collab_stack.runner import ssh
from collab_stack.runner.command import REMOTE_TEMP
from collab_stack.runner.rootsession import RootSessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from collab_stack.operations.reach import Reach
    from collab_stack.plan import Plan
    from collab_stack.site import Site

PROGRAM: Final = "host_preflight"

SESSION_SECONDS: Final = 30

LEFTOVER_SECONDS: Final = 900
"""How long a deploy waits for what a killed one still works on. Keycloak's first start may take as long (its unit's
limit); on a busy machine with 2 cores it took 146 s."""

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


@dataclass(frozen=True, slots=True)
class Report:
    """What the preflight found.

    :param problems: empty when a deploy may begin.
    :param answers: host -> what it said of itself.
    """

    problems: tuple[Problem, ...]
    answers: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Wanted:
    """What is looked at.

    :param hosts: the hosts that the deploy is limited to.
    :param lost: host -> what ssh said, of those that could not be reached when the locks were taken.
    :param accepted: services whose data may be migrated without a backup.
    """

    site: Site
    plan: Plan
    hosts: Sequence[str]
    lost: Mapping[str, str]
    run_id: str
    accepted: Sequence[str] = ()


def run(wanted: Wanted, reach: Reach) -> Report:
    """Look at everything at once; nothing is changed but what a killed run left in a temporary folder."""
    reachable = [host for host in wanted.hosts if host not in wanted.lost]
    problems = [unreachable(host, wanted.lost[host], reach) for host in wanted.hosts if host in wanted.lost]
    with ThreadPoolExecutor(max_workers=32) as pool:
        dns = pool.submit(names.wrong_names, wanted.plan.dns, wanted.site.config.dns.resolvers)
        archives = pool.submit(
            _guarded, lambda: artifacts.pull(wanted.site.lock.artifacts, artifacts.ca_of(wanted.site))
        )
        looks = {host: pool.submit(_look, wanted, reach, host) for host in reachable}
        answers = {}
        for host, look in looks.items():
            answer, found = look.result()
            problems += found
            if answer is not None:
                answers[host] = answer
        problems += [Problem("", "dns", f"DNS: {message}", mend) for message, mend in dns.result()]
        problems += archives.result()
        missing = {image for answer in answers.values() for image in answer["missing_images"]}
        problems += [
            problem
            for found in pool.map(lambda image: _image(wanted.site, image), sorted(missing))
            for problem in found
        ]
    return Report(tuple(problems), answers)


def unreachable(host: str, complaint: str, reach: Reach) -> Problem:
    """Return the problem of a host that ssh does not reach."""
    meaning, mend = ssh.reason(complaint)
    settings = reach.variables[host]
    address = str(settings["ansible_host"])
    port = f" port {settings['ansible_port']}" if settings.get("ansible_port") else ""
    words = {"host": host, "user": settings.get("ansible_user", "you"), "address": address}
    return Problem(host, "ssh", f"{host} ({address}{port}) is not reached: {meaning}", mend.format_map(words))


def _look(wanted: Wanted, reach: Reach, host: str) -> tuple[dict[str, Any] | None, list[Problem]]:
    need = needs.of(wanted.site, wanted.plan, host)
    parameters = {
        "run": wanted.run_id,
        "wait": LEFTOVER_SECONDS,
        "temp": REMOTE_TEMP,
        "paths": [need.data_dir, needs.DOCKER_DIR],
        "ports": [list(key) for key in need.ports],
        "images": list(need.images),
        "registries": sorted({_endpoint(image) for image in need.images}),
    }
    before = time.time()
    try:
        answer = reach.run(host, PROGRAM, parameters, SESSION_SECONDS + LEFTOVER_SECONDS)
    except RootSessionError as error:
        return None, [_sudo(host, error, reach)]
    # The host read its clock some time between these two moments: within them it may be right.
    told, after = float(answer["time"]), time.time()
    answer["clock_offset"] = round(min(told - before, 0.0) + max(told - after, 0.0), 1)
    return answer, host_problems(wanted, host, need, answer)


def _endpoint(image: str) -> tuple[str, int]:
    name, _, port = image.partition("/")[0].partition(":")
    return ("registry-1.docker.io" if name == "docker.io" else name, int(port or 443))


def _sudo(host: str, error: RootSessionError, reach: Reach) -> Problem:
    words = {
        "sudo-password-wrong": (
            f"{host}: sudo refuses the password that hosts.yml refers to",
            "collab-stack secrets edit, and correct the become_password",
        ),
        "sudo-password-missing": (
            f"{host}: sudo asks for a password, and hosts.yml names none",
            "set ansible_become_password: '{{ collab_secrets.operator_become_password }}' in hosts.yml",
        ),
        "sudo-refused": (
            f"{host}: sudo does not let {reach.variables[host].get('ansible_user', 'the login')} become root: {error}",
            "let the login use sudo for all commands",
        ),
        "timeout": (f"{host}: reached, but it does not answer in time", f"look at the load of {host}"),
    }
    if error.kind == "ssh":
        return unreachable(host, str(error), reach)
    message, mend = words.get(error.kind, (f"{host}: the look at the host failed: {error}", f"look at {host}"))
    return Problem(host, "sudo" if error.kind.startswith("sudo") else "ssh", message, mend)


def host_problems(wanted: Wanted, host: str, need: needs.Needs, answer: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with one host, from what it said of itself. Pure."""
    return [
        Problem(host, check, f"{host}: {message}", mend)
        for check, message, mend in (
            *_system(need, answer),
            *_disks(need, answer),
            *_ports(need, answer),
            *_registries(answer),
            *_versions(wanted, answer),
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
    """Refuse a new version of a service that keeps data, unless it is said that no backup is wanted."""
    planned = {service.name: service.image for service in wanted.plan.services if service.image}
    for service in DATA_SERVICES:
        before, after = _tag(answer["deployed"].get(service)), _tag(planned.get(service))
        if before and after and before != after and service not in wanted.accepted:
            yield (
                "backup",
                f"{service} would go from {before} to {after}, which migrates its data, and there is no backup of it",
                f"back up {wanted.site.config.storage.data_dir} and the database, then: "
                f"collab-stack deploy --accept-no-backup {service}",
            )


def _tag(image: str | None) -> str:
    return image.partition("@")[0].rpartition(":")[2] if image else ""


def _image(site: Site, image: str) -> list[Problem]:
    """Ask the registry for an image that a host has not got yet."""
    name, _, digest = image.partition("@")
    reference = parse(name)
    mend = "copy it there again, or: collab-stack images lock"
    try:
        if images.client(site, reference.registry).has(reference.repository, digest):
            return []
    except UnreachableRegistryError:
        return []  # what counts is whether the hosts reach it, and they said so themselves
    except CollabError as error:
        return [Problem("", "images", error.message, error.mend)]
    return [Problem("", "images", f"The registry {reference.registry} does not hold {image}.", mend)]


def _guarded(action: Callable[[], object]) -> list[Problem]:
    try:
        action()
    except CollabError as error:
        return [Problem("", "artifacts", error.message, error.mend)]
    return []
