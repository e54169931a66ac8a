"""The exact words and environment that Ansible is started with."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from collab_stack import paths
from collab_stack.plan.roles import ORDER
from collab_stack.runner.command import Playbook, arguments, environment, executable

RUN = Playbook(
    playbook="site.yml",
    inventory=Path("/run/x/inventory.yml"),
    secrets=Path("/site/secrets.yml"),
    vault_password=Path("/home/op/vault"),
    ssh_config=Path("/run/x/ssh_config"),
    work=Path("/run/x"),
    events_fd=7,
    run_id="20261124T120000Z-1",
)
SITE = str(paths.ansible_content() / "playbooks" / "site.yml")
BEGIN = [
    str(Path(sys.executable).parent / "ansible-playbook"),
    "--diff",
    "--inventory",
    "/run/x/inventory.yml",
    "--vault-password-file",
    "/home/op/vault",
    "--extra-vars",
    "@/site/secrets.yml",
    "--extra-vars",
    "collab_run=20261124T120000Z-1",
]


def test_a_plain_run() -> None:
    assert arguments(RUN) == [*BEGIN, SITE]


def test_every_option() -> None:
    run = replace(
        RUN,
        check=True,
        limit="host1,host2",
        tags=("base", "tls"),
        verbosity=3,
        variables=("a=1",),
        extra=("--forks", "5"),
    )
    assert arguments(run) == [
        *BEGIN,
        "--extra-vars",
        "a=1",
        "--check",
        "--limit",
        "host1,host2",
        "--tags",
        "base,tls",
        "-vvv",
        "--forks",
        "5",
        SITE,
    ]


def test_the_environment_is_ours_alone() -> None:
    inherited = {"PATH": "/usr/bin", "HOME": "/home/op", "ANSIBLE_HOST_KEY_CHECKING": "0", "ANSIBLE_STRATEGY": "free"}
    content = paths.ansible_content()
    assert environment(RUN, inherited) == {
        "PATH": "/usr/bin",
        "HOME": "/home/op",
        "ANSIBLE_CONFIG": str(content / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(paths.roles()),
        "ANSIBLE_LIBRARY": str(content / "modules"),
        "ANSIBLE_MODULE_UTILS": str(content / "module_utils"),
        "ANSIBLE_ACTION_PLUGINS": str(content / "plugins" / "action"),
        "ANSIBLE_FILTER_PLUGINS": str(content / "plugins" / "filter"),
        "ANSIBLE_CALLBACK_PLUGINS": str(content / "plugins" / "callback"),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "0",
        "ANSIBLE_STDOUT_CALLBACK": "collab_events",
        "ANSIBLE_FORKS": "20",
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
        "COLLAB_EVENTS_FD": "7",
        "ANSIBLE_HOME": "/run/x/ansible",
        "ANSIBLE_LOCAL_TEMP": "/run/x/tmp",
        "ANSIBLE_REMOTE_TEMP": "~/.collab-stack/tmp",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_TIMEOUT": "10",
        "ANSIBLE_HOST_KEY_CHECKING": "1",
        "ANSIBLE_SSH_ARGS": (
            "-F /run/x/ssh_config -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=/run/x/cp/%C"
        ),
    }


@cache
def told(program: str, *words: str) -> str:
    """What one of Ansible's programs says; each takes its time to start."""
    argv = [str(executable(program)), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}).stdout


def test_ansible_knows_every_setting() -> None:
    """Ansible ignores a variable that it does not know: here none of ours is."""
    listed = told("ansible-config", "list")
    documented = told("ansible-doc", "-t", "connection", "ssh") + told("ansible-doc", "-t", "shell", "sh")
    names = [name for name in environment(RUN, {}) if name.startswith("ANSIBLE_")]
    # The only one that names the file itself and so is in no list.
    assert [name for name in names if name not in listed + documented] == ["ANSIBLE_CONFIG"]


@pytest.mark.parametrize("flag", ["--diff", "--check", "--limit", "--tags", "--inventory", "--vault-password-file"])
def test_ansible_knows_every_flag(flag: str) -> None:
    assert flag in told("ansible-playbook", "--help")


def test_the_playbook_has_a_play_for_every_role_in_order() -> None:
    plays = yaml.safe_load(Path(SITE).read_text())
    assert [play["hosts"] for play in plays] == ["all", *(f"role_{role}" for role in ORDER)]
    for play, role in zip(plays[1:], ORDER, strict=True):
        assert play["tags"] == [role]
        assert play["roles"] == [{"role": role}]
        assert (play["become"], play["any_errors_fatal"], play["gather_facts"]) == (True, True, False)
