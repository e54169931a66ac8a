"""hosts.yml: the machines, how they are reached, and which group each is in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Host:
    """One machine.

    :param address: what ``ansible_host`` says, an IPv4 address.
    :param variables: its connection settings, every allowed ``ansible_*`` key; a sudo password is a reference to
        secrets.yml such as ``{{ collab_secrets.host1_become_password }}``.
    """

    name: str
    address: str
    variables: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hosts:
    """All machines.

    :param hosts: name -> machine, in the order of the file.
    :param groups: group -> names of its machines, in the order of the file.
    """

    hosts: Mapping[str, Host]
    groups: Mapping[str, tuple[str, ...]]
