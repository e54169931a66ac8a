"""hosts.yml as it is written: an Ansible inventory, of which only this much is read."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated

from pydantic import AfterValidator, Field

from collab_stack.site.model.base import Port, Settings


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError("give the host's IPv4 address, such as 10.20.0.11: firewall rules need it") from None


HostName = Annotated[
    str,
    Field(
        max_length=100,
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$",
        examples=["host1"],
    ),
]
"""A host's short or full name, in lower case."""

_JUMP = r"([a-z_][a-z0-9_-]*@)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"


class Connection(Settings):
    """How hosts are reached. These and no other ``ansible_*`` keys are read."""

    ansible_user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$", examples=["operator"])] | None = None
    """Login on the host; it may use sudo."""
    ansible_port: Port | None = None
    """Port of its SSH server; 22 when not given."""
    ansible_ssh_private_key_file: (
        Annotated[str, Field(pattern=r"^[A-Za-z0-9._/~-]+$", examples=["~/.ssh/id_ed25519"])] | None
    ) = None
    """Private key on the operator's machine, when the agent does not offer the right one."""
    ansible_ssh_common_args: (
        Annotated[
            str,
            Field(
                pattern=rf"^(-J |-o ?ProxyJump=){_JUMP}(,{_JUMP})*$",
                examples=["-J operator@jump.agency.example"],
            ),
        ]
        | None
    ) = None
    """A jump host, or several in a row; nothing else."""
    ansible_become_password: (
        Annotated[
            str,
            Field(
                pattern=r"^\{\{ collab_secrets\.([a-z][a-z0-9_]*_)?become_password \}\}$",
                examples=["{{ collab_secrets.operator_become_password }}"],
            ),
        ]
        | None
    ) = None
    """The sudo password, never in clear: a reference to a name in secrets.yml that ends in `become_password`."""


class Machine(Connection):
    """One host."""

    ansible_host: Annotated[str, Field(examples=["10.20.0.11"]), AfterValidator(_ipv4)]
    """Its IPv4 address."""


class Member(Settings):
    """A host within a group: only its name counts."""


class Group(Settings):
    """The hosts of a group."""

    hosts: dict[HostName, Member | None] = {}
    """Names of the hosts, each followed by a colon."""


class All(Settings):
    """Every host, and the groups."""

    vars: Connection = Connection()
    """What holds for every host that does not say otherwise."""
    hosts: Annotated[dict[HostName, Machine], Field(min_length=1)]
    """Every host once, with its address."""
    children: dict[str, Group | None]
    """Group -> the hosts that carry what belongs to it."""


class HostsFile(Settings):
    """All of hosts.yml."""

    all: All
    """The group that holds everything, as Ansible wants it."""
