"""How Ansible is started: a pure function from what is wanted to (argv, env). Nothing here runs anything."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collab_stack import paths

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# 20 forks: more hosts than an agency of this size has, so that a task never waits for a second round.
FORKS = 20
SSH_CONNECT_TIMEOUT = 10


@dataclass(frozen=True)
class Playbook:
    """One run of ansible-playbook.

    :param playbook: file name below ``ansible/playbooks``.
    :param inventory: the generated inventory (holds no secret).
    :param secrets: the site's vault file, handed to Ansible as it is.
    :param vault_password: a file or executable that gives the vault password.
    :param ssh_config: the configuration that `ssh.config` renders, so that jump hosts are checked like the hosts.
    :param work: a private folder for Ansible's own temporary files.
    :param events_fd: inherited descriptor on which the callback plugin writes JSON lines.
    :param extra: Ansible's own flags, given after ``--``.
    """

    playbook: str
    inventory: Path
    secrets: Path
    vault_password: Path
    ssh_config: Path
    work: Path
    events_fd: int
    check: bool = False
    limit: str | None = None
    tags: tuple[str, ...] = ()
    verbosity: int = 0
    variables: tuple[str, ...] = ()
    extra: tuple[str, ...] = field(default=())


def arguments(run: Playbook) -> list[str]:
    """Return the argument list of ansible-playbook; no secret is ever part of it."""
    argv = [
        str(_executable("ansible-playbook")),
        "--inventory",
        str(run.inventory),
        "--vault-password-file",
        str(run.vault_password),
        "--extra-vars",
        f"@{run.secrets}",
    ]
    for variable in run.variables:
        argv += ["--extra-vars", variable]
    if run.check:
        argv += ["--check"]
    argv += ["--diff"]
    if run.limit:
        argv += ["--limit", run.limit]
    if run.tags:
        argv += ["--tags", ",".join(run.tags)]
    if run.verbosity:
        argv.append("-" + "v" * run.verbosity)
    argv += run.extra
    argv.append(str(paths.ansible_content() / "playbooks" / run.playbook))
    return argv


def environment(run: Playbook, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return Ansible's environment: nothing of the operator's own Ansible settings leaks into a run."""
    kept = {key: value for key, value in inherited.items() if not key.startswith("ANSIBLE_")}
    content = paths.ansible_content()
    return kept | {
        "ANSIBLE_CONFIG": "/dev/null",
        "ANSIBLE_HOME": str(run.work / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(run.work / "tmp"),
        "ANSIBLE_REMOTE_TEMP": "~/.ansible/tmp",
        "ANSIBLE_ROLES_PATH": str(paths.roles()),
        "ANSIBLE_LIBRARY": str(content / "modules"),
        "ANSIBLE_MODULE_UTILS": str(content / "module_utils"),
        "ANSIBLE_ACTION_PLUGINS": str(content / "plugins" / "action"),
        "ANSIBLE_CALLBACK_PLUGINS": str(content / "plugins" / "callback"),
        "ANSIBLE_STDOUT_CALLBACK": "collab_events",
        "ANSIBLE_CALLBACKS_ENABLED": "",
        "COLLAB_EVENTS_FD": str(run.events_fd),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_FORKS": str(FORKS),
        "ANSIBLE_TIMEOUT": str(SSH_CONNECT_TIMEOUT),
        "ANSIBLE_HOST_KEY_CHECKING": "1",
        "ANSIBLE_SSH_ARGS": f"-F {run.ssh_config} -o ControlMaster=auto -o ControlPersist=60s",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(run.work / "cp"),
        "ANSIBLE_INJECT_FACT_VARS": "0",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "1",
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "1",
        "ANSIBLE_ANY_ERRORS_FATAL": "1",
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _executable(name: str) -> Path:
    """Ansible's scripts stand beside the interpreter that runs us, also when the venv is not activated."""
    from pathlib import Path  # noqa: PLC0415 - the only use at run time

    return Path(sys.executable).parent / name
