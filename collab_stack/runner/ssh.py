"""How hosts are reached: one ssh configuration for Ansible and for our own sessions. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def config(known_hosts: Path) -> str:
    """Return the ssh configuration of a site.

    A file, because ssh hands its ``-F`` on to the jump host's session but no ``-o``: so a jump host's key is checked
    against the site's own list too. What the operator's own configuration says comes after and still counts.

    :param known_hosts: the site's file of trusted host keys (``collab-stack hosts trust`` writes it).
    """
    return (
        "Host *\n"
        f'  UserKnownHostsFile "{known_hosts}"\n'
        "  GlobalKnownHostsFile /dev/null\n"
        "  StrictHostKeyChecking yes\n"
        "  BatchMode yes\n"
        "  ServerAliveInterval 15\n"
        "  LogLevel ERROR\n"
        "Include ~/.ssh/config\n"
        "Include /etc/ssh/ssh_config\n"
    )


def command(variables: Mapping[str, object], ssh_config: Path, *, timeout: int = 5) -> list[str]:
    """Return ``ssh … host`` for a host's ``ansible_*`` variables; append the remote command.

    :param variables: the host's connection variables from hosts.yml; ``ansible_host`` is required.
    :param ssh_config: the file that holds :func:`config`.
    :param timeout: seconds until an unreachable host is given up.
    """
    argv = ["ssh", "-F", str(ssh_config), "-o", f"ConnectTimeout={timeout}"]
    argv += shlex.split(str(variables.get("ansible_ssh_common_args", "")))
    if key := variables.get("ansible_ssh_private_key_file"):
        argv += ["-i", str(key)]
    if port := variables.get("ansible_port"):
        argv += ["-p", str(port)]
    if user := variables.get("ansible_user"):
        argv += ["-l", str(user)]
    return [*argv, str(variables["ansible_host"])]
