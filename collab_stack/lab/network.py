"""The lab's networks, and the rules that let a lab's own bridges forward to themselves."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from collab_stack.lab.engine import as_root
from collab_stack.lab.errors import LabError

if TYPE_CHECKING:
    from docker import DockerClient

    from collab_stack.lab.layout import Layout

LABEL: Final = "org.collab-stack.lab"
"""On everything of a lab in Docker; its value is the lab's name."""

_CHAIN: Final = "DOCKER-USER"
_INTERNAL: Final = ("agency", "outside")


def ensure(client: DockerClient, layout: Layout) -> None:
    """Make the lab's three networks where they are missing, and let its bridges forward to themselves.

    :raises LabError: when a range is in use on this machine.
    """
    for short in (*_INTERNAL, "uplink"):
        try:
            client.networks.get(layout.network(short))
        except NotFound:
            _create(client, layout, short)
    for short in _INTERNAL:
        _accept(layout, short)


def _create(client: DockerClient, layout: Layout, short: str) -> None:
    pools4 = {"agency": layout.agency, "outside": layout.outside, "uplink": layout.uplink}
    pools6 = {"agency": layout.agency6, "outside": layout.outside6}
    pools = [IPAMPool(subnet=str(pools4[short]), gateway=str(pools4[short][1]))]
    if short in pools6:
        pools.append(IPAMPool(subnet=str(pools6[short]), gateway=str(pools6[short][1])))
    try:
        client.networks.create(
            layout.network(short),
            driver="bridge",
            internal=short in _INTERNAL,
            enable_ipv6=short in pools6,
            ipam=IPAMConfig(pool_configs=pools),
            options={"com.docker.network.bridge.name": layout.bridge(short)},
            labels={LABEL: layout.name},
        )
    except APIError as error:
        raise LabError(
            f"the network {layout.network(short)} ({pools4[short]}) cannot be made: {error.explanation}",
            mend="docker network ls, and remove what holds that range; or collab-stack lab down --name of another lab",
            code="lab-network",
        ) from error


def _rule(layout: Layout, short: str) -> list[str]:
    bridge = layout.bridge(short)
    comment = f"collab-lab {layout.name}"
    return ["-i", bridge, "-o", bridge, "-m", "comment", "--comment", comment, "-j", "ACCEPT"]


def _accept(layout: Layout, short: str) -> None:
    """Let a bridge forward to itself.

    With br_netfilter, Docker's rules for --internal networks drop what the gateway passes on, because its source or
    destination is not in the network's own range. Where Docker manages IPv6 rules, too, the same is said there.
    """
    for tool in _tools():
        if _run([tool, "-w", "5", "-C", _CHAIN, *_rule(layout, short)]).returncode == 0:
            continue
        done = _run([tool, "-w", "5", "-I", _CHAIN, *_rule(layout, short)])
        if done.returncode and tool == "iptables":
            raise LabError(
                f"iptables refused a rule for {layout.bridge(short)}: {done.stderr.strip()}",
                mend="run the same command as root, or with sudo that asks for no password",
                code="lab-rules",
            )


def remove(client: DockerClient, name: str) -> None:
    """Remove a lab's rules and networks."""
    for tool in _tools():
        for rule in rules(name, tool):
            _run([tool, "-w", "5", "-D", *rule])
    for network in client.networks.list(filters={"label": f"{LABEL}={name}"}):
        network.remove()


def rules(name: str, tool: str = "iptables") -> list[list[str]]:
    """Return the lab's rules as iptables lists them, each without its leading -A."""
    listed = _run([tool, "-w", "5", "-S", _CHAIN])
    found = [shlex.split(line) for line in listed.stdout.splitlines()]
    return [words[1:] for words in found if f"collab-lab {name}" in words]


def indexes_in_use(client: DockerClient) -> set[int]:
    """Return the numbers of all labs of this machine, of other users too, from their networks' bridges."""
    used = set()
    for network in client.networks.list(filters={"label": LABEL}):
        bridge = (network.attrs.get("Options") or {}).get("com.docker.network.bridge.name", "")
        number = bridge.split("-", 1)[0].removeprefix("lab")
        if number.isdigit():
            used.add(int(number))
    return used


def _tools() -> list[str]:
    """Return the commands for IPv4 and, where Docker has a chain there, IPv6."""
    if shutil.which("iptables", path=_path()) is None:
        raise LabError("iptables is missing", mend="apt-get install iptables", code="lab-tool")
    tools = ["iptables"]
    if _run(["ip6tables", "-w", "5", "-S", _CHAIN]).returncode == 0:
        tools.append("ip6tables")
    return tools


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*as_root(), *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PATH": _path()},
    )


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
