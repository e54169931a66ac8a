"""What must be true before a deploy touches anything: of each host, of the house around them, of what is locked."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from collab_stack.errors import CollabError
from collab_stack.operations import artifacts, images, names, needs
from collab_stack.operations.fitness import Problem, host_problems
from collab_stack.operations.registry import UnreachableRegistryError, parse
from collab_stack.runner import ssh
from collab_stack.runner.command import REMOTE_TEMP
from collab_stack.runner.rootsession import RootSessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from collab_stack.operations.reach import Reach
    from collab_stack.plan import Plan
    from collab_stack.site import Site

PROGRAM: Final = "host_preflight"

SESSION_SECONDS: Final = 30

LEFTOVER_SECONDS: Final = 900
"""How long a deploy waits for what a killed one still works on. Keycloak's first start may take as long (its unit's
limit); on a busy machine with 2 cores it took 146 s."""


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
