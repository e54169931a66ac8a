"""How hosts are reached: one ssh configuration for Ansible and for our own sessions. Pure."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

CONNECT_TIMEOUT: Final = 4
"""Seconds until a host is given up: an unreachable one is told within five."""

_REFERENCE: Final = re.compile(r"\{\{\s*collab_secrets(?:\.(\w+)|\[['\"](\w+)['\"]\])\s*\}\}")


def config(known_hosts: Path, identities: Iterable[str] = ()) -> str:
    """Return the ssh configuration of a site.

    A file, because ssh hands its ``-F`` on to the jump host's session but no ``-o``: so a jump host's key is checked
    against the site's own list too. What the operator's own configuration says comes after and still counts.

    :param known_hosts: the site's file of trusted host keys (``collab-stack hosts trust`` writes it).
    :param identities: private keys that hosts.yml names; jump hosts are offered them too, besides the usual ones.
    """
    return (
        "Host *\n"
        f"  UserKnownHostsFile {_quoted(known_hosts)}\n"
        "  GlobalKnownHostsFile /dev/null\n"
        "  StrictHostKeyChecking yes\n"
        "  CheckHostIP no\n"
        "  UpdateHostKeys no\n"
        "  HashKnownHosts no\n"
        "  BatchMode yes\n"
        f"  ConnectTimeout {CONNECT_TIMEOUT}\n"
        "  ServerAliveInterval 15\n"
        "  LogLevel ERROR\n"
        + "".join(f"  IdentityFile {_quoted(identity)}\n" for identity in identities)
        + "Include ~/.ssh/config\n"
        "Include /etc/ssh/ssh_config\n"
    )


def command(variables: Mapping[str, object], ssh_config: Path, options: tuple[str, ...] = ()) -> list[str]:
    """Return ``ssh … host`` for a host's ``ansible_*`` variables; append the remote command.

    :param variables: the host's connection variables from hosts.yml; ``ansible_host`` is required.
    :param ssh_config: the file that holds :func:`config`.
    :param options: further options of ssh.
    """
    argv = ["ssh", "-F", str(ssh_config), *options]
    for key in ("ansible_ssh_common_args", "ansible_ssh_extra_args"):
        argv += shlex.split(str(variables.get(key, "")))
    if identity := variables.get("ansible_ssh_private_key_file"):
        argv += ["-i", str(identity)]
    if port := variables.get("ansible_port"):
        argv += ["-p", str(port)]
    if user := variables.get("ansible_user"):
        argv += ["-l", str(user)]
    return [*argv, str(variables["ansible_host"])]


def become_password(variables: Mapping[str, object], secrets: Mapping[str, str]) -> str | None:
    """Return the sudo password that hosts.yml refers to, or None when it names none.

    :param secrets: the content of secrets.yml.
    :raises KeyError: when secrets.yml has no secret of that name.
    """
    text = variables.get("ansible_become_password") or variables.get("ansible_become_pass")
    if text is None:
        return None
    return _REFERENCE.sub(lambda match: secrets[match[1] or match[2]], str(text))


def becomes(variables: Mapping[str, object]) -> bool:
    """Say whether root is reached by sudo; not when the login is root's own."""
    return bool(variables.get("ansible_become", variables.get("ansible_user") != "root"))


def _quoted(path: Path | str) -> str:
    # In this option ssh expands % (its tokens) and ${} (the environment); only % can be escaped.
    return '"' + str(path).replace("%", "%%").replace('"', '\\"') + '"'


FAILURES: Final[tuple[tuple[str, str, str], ...]] = (
    # What ssh says, what that means, what mends it. The first one that fits counts.
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its SSH key is not the one that the site trusts: it was reinstalled, or somebody else answers in its place",
        "compare the key on the host's own console; if it is right: collab-stack hosts trust --replace {host}",
    ),
    (
        "host key is known for",
        "its SSH key is not known to the site",
        "collab-stack hosts trust",
    ),
    (
        "Host key verification failed",
        "its SSH key is not known to the site",
        "collab-stack hosts trust",
    ),
    (
        "Could not resolve hostname",
        "its name does not resolve",
        "give its IP address as ansible_host in hosts.yml, or mend the name service of this machine",
    ),
    (
        "Permission denied",
        "SSH refuses the login",
        "check ansible_user and the key in hosts.yml; try: ssh {user}@{address}",
    ),
    (
        "Connection refused",
        "nothing listens on its SSH port",
        "start sshd on the host, or correct ansible_port in hosts.yml",
    ),
    (
        "No route to host",
        "there is no route to it, or it is switched off",
        "check that the host runs, and the route and firewall between it and this machine",
    ),
    (
        "Network is unreachable",
        "this machine has no route to its network",
        "connect this machine to the management network, or give a jump host in hosts.yml",
    ),
    (
        "python3: command not found",
        "it has no python3",
        "install it on the host: apt-get install python3",
    ),
    (
        "timed out",
        "it does not answer",
        "check that the host runs, and the firewall between it and this machine",
    ),
)
"""OpenSSH's own words; they have been the same for all of its portable releases since 7."""


def reason(stderr: str) -> tuple[str, str]:
    """Return what an ssh that could not connect means, and what mends it.

    The mend may hold ``{host}``, ``{user}`` and ``{address}``.
    """
    for words, meaning, mend in FAILURES:
        if words in stderr:
            return meaning, mend
    last = next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "ssh said nothing")
    return f"SSH failed: {last}", "try: ssh {user}@{address}"
