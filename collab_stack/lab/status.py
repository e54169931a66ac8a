"""What `lab status` says: addresses, URLs, the authority, people, and what is upstream's own software."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collab_stack.lab import machines, people, state
from collab_stack.lab.layout import OPERATOR
from collab_stack.plan.definitions import SERVICES

if TYPE_CHECKING:
    from docker import DockerClient

    from collab_stack.lab.state import State

_DEBIAN: Final = ("Debian 13", "PostgreSQL", "Valkey", "HAProxy", "nginx", "OpenLDAP", "Docker Engine")
"""Real in every lab."""


def status(client: DockerClient, memory: State) -> dict[str, Any]:
    """Return the object of `lab status --json` (docs/cli.md); ``ok`` is true when all containers run."""
    layout = memory.layout
    running = {short: _running(client, memory, short) for short in layout.containers}
    real, standins = played(memory)
    return {
        "ok": all(running.values()),
        "name": memory.name,
        "hosts": [{"name": short, "address": str(layout.address(short))} for short in layout.hosts],
        "urls": {
            service: f"https://{layout.fqdn(definition.public_label)}"
            for service, definition in SERVICES.items()
            if definition.public_label is not None
        },
        "ca": str(ca_bundle(memory)),
        "users": [
            {"name": person.uid, "password": memory.people[person.uid], "groups": sorted(person.groups)}
            for person in people.PEOPLE
        ],
        "real": real,
        "standins": standins,
        "containers": {short: "running" if up else "stopped" for short, up in running.items()},
        "operator": {"login": OPERATOR, "ssh_key": str(memory.operator_key), "sudo_password": memory.sudo_password},
        "resolver": str(layout.address("infra")),
    }


def _running(client: DockerClient, memory: State, short: str) -> bool:
    container = machines.find(client, memory.layout, short)
    return container is not None and container.status == "running"


def played(memory: State) -> tuple[list[str], list[str]]:
    """Return what runs upstream's own software, and what a stand-in plays; each with its version."""
    real = [text for text, how in memory.played.items() if how == "real"]
    standins = [text for text, how in memory.played.items() if how == "standin"]
    return [*_DEBIAN, *real], standins


def ca_bundle(memory: State) -> Path:
    """Return a file with every authority that a browser of the lab's agency trusts.

    The lab's own, and the internal one of the site when the lab was given one.
    """
    bundle = memory.folder / "ca-bundle.pem"
    parts = [memory.ca_file.read_text()]
    internal = Path(memory.site) / "tls" / "internal-ca.pem" if memory.site else None
    if internal is not None and internal.is_file():
        parts.append(internal.read_text())
    state.write_private(bundle, "".join(parts))
    return bundle
