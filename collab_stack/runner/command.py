"""How Ansible is started: pure functions from what is wanted to (argv, env). Nothing here runs anything."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from collab_stack import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

FORKS: Final = 20
"""More hosts than an agency of this size has, so that a task never waits for a second round."""

SSH_CONNECT_TIMEOUT: Final = 10
"""Seconds; the preflight has found unreachable hosts before, in less."""

REMOTE_TEMP: Final = "~/.collab-stack/tmp"
"""Of our own, so that what a killed run left there can be removed while we hold the host's lock (preflight)."""

PYTHON: Final = "/usr/bin/python3"
"""Debian's own; naming it saves Ansible's search, one round trip a host."""


@dataclass(frozen=True)
class Playbook:
    """One run of ansible-playbook.

    :param playbook: file name below ``ansible/playbooks``.
    :param inventory: the generated inventory (holds no secret).
    :param secrets: the site's vault file, handed to Ansible as it is.
    :param vault_password: a file or executable that gives the vault password.
    :param ssh_config: the configuration that `ssh.config` renders, so that jump hosts are checked like the hosts.
    :param work: a private folder for Ansible's own temporary files, with ``cp/`` for ssh's sockets.
    :param events_fd: inherited descriptor, opened for appending, on which the callback plugin writes JSON lines.
    :param run_id: names the run; marks its processes on the hosts.
    :param tags: run only these roles; empty runs all.
    :param variables: further ``--extra-vars``, each ``name=value`` or JSON; never a secret.
    :param extra: Ansible's own flags, given after ``--``.
    """

    playbook: str
    inventory: Path
    secrets: Path
    vault_password: Path
    ssh_config: Path
    work: Path
    events_fd: int
    run_id: str
    check: bool = False
    limit: str | None = None
    tags: tuple[str, ...] = ()
    verbosity: int = 0
    variables: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


def arguments(run: Playbook) -> list[str]:
    """Return the argument list of ansible-playbook; no secret is ever part of it."""
    argv = [str(executable("ansible-playbook")), "--diff"]
    argv += ["--inventory", str(run.inventory), "--vault-password-file", str(run.vault_password)]
    for variables in (f"@{run.secrets}", f"collab_run={run.run_id}", *run.variables):
        argv += ["--extra-vars", variables]
    if run.check:
        argv.append("--check")
    if run.limit:
        argv += ["--limit", run.limit]
    if run.tags:
        argv += ["--tags", ",".join(run.tags)]
    if run.verbosity:
        argv.append("-" + "v" * run.verbosity)
    return [*argv, *run.extra, str(paths.ansible_content() / "playbooks" / run.playbook)]


def environment(run: Playbook, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return Ansible's environment: nothing of the operator's own Ansible settings leaks into a run.

    Each variable is documented by ``ansible-config list`` or, for the ssh connection, ``ansible-doc -t connection
    ssh``, in ansible-core 2.19 and 2.21 alike.
    """
    kept = {key: value for key, value in inherited.items() if not key.startswith("ANSIBLE_")}
    return kept | _content() | _behaviour() | _connection(run)


def _content() -> dict[str, str]:
    content = paths.ansible_content()
    return {
        "ANSIBLE_CONFIG": str(content / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(paths.roles()),
        "ANSIBLE_LIBRARY": str(content / "modules"),
        "ANSIBLE_MODULE_UTILS": str(content / "module_utils"),
        "ANSIBLE_ACTION_PLUGINS": str(content / "plugins" / "action"),
        "ANSIBLE_FILTER_PLUGINS": str(content / "plugins" / "filter"),
        "ANSIBLE_CALLBACK_PLUGINS": str(content / "plugins" / "callback"),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "0",
    }


def _behaviour() -> dict[str, str]:
    return {
        "ANSIBLE_STDOUT_CALLBACK": "collab_events",
        "ANSIBLE_FORKS": str(FORKS),
        "ANSIBLE_INJECT_FACT_VARS": "0",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "1",
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "1",
        "ANSIBLE_ANY_ERRORS_FATAL": "1",
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "0",
        "ANSIBLE_NO_TARGET_SYSLOG": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _connection(run: Playbook) -> dict[str, str]:
    return {
        "COLLAB_EVENTS_FD": str(run.events_fd),
        "ANSIBLE_HOME": str(run.work / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(run.work / "tmp"),
        "ANSIBLE_REMOTE_TEMP": REMOTE_TEMP,
        "ANSIBLE_PYTHON_INTERPRETER": PYTHON,
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_TIMEOUT": str(SSH_CONNECT_TIMEOUT),
        "ANSIBLE_HOST_KEY_CHECKING": "1",
        "ANSIBLE_SSH_ARGS": shlex.join(["-F", str(run.ssh_config), *multiplexing(run.work)]),
    }


def multiplexing(work: Path) -> list[str]:
    """Return ssh's options that let all sessions of a run, Ansible's and our own, share one connection to a host."""
    return ["-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", f"ControlPath={work}/cp/%C"]


def executable(name: str) -> Path:
    """Return one of Ansible's scripts: beside the interpreter that runs us, also when its venv is not activated."""
    return Path(sys.executable).parent / name
