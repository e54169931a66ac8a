"""Changing the lab's directory while it runs, as its administrator would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.lab import machines
from collab_stack.lab.errors import LabError
from collab_stack.lab.infra import File

if TYPE_CHECKING:
    from docker import DockerClient

    from collab_stack.lab.layout import Layout

_FILE: Final = "/etc/lab/directory/change.ldif"


def change(client: DockerClient, layout: Layout, ldif: str) -> None:
    """Apply LDIF change records (RFC 2849) with ldapmodify, over slapd's local socket.

    :raises LabError: when slapd refuses one; those before it are applied.
    """
    container = machines.find(client, layout, "infra")
    if container is not None:
        container.put_archive("/", machines.pack({_FILE: File(ldif, mode=0o600)}))
    command = ("ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///", "-f", _FILE)
    code, output = machines.execute(client, layout, "infra", *command)
    if code:
        raise LabError(f"the directory refused a change: {output.strip()}", mend="mend the LDIF", code="lab-ldap")
