"""What the role makes of a definition: the tree that its one task would write, by a real run in check mode.

There is no systemd to ask in a unit test, so a stand-in for systemctl says that no unit exists yet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CONTENT = ROOT / "collab_stack" / "ansible"
SECRET = "kJ8sLq0vXz3TnB5w"
IMAGE = "registry.agency.example:5000/app@sha256:" + "0" * 64

MINIMAL: dict[str, Any] = {
    "name": "app",
    "description": "The application",
    "image": IMAGE,
    "user": "1000:1001",
    "network": "collab-app",
    "memory_mb": 256,
}

FULL: dict[str, Any] = MINIMAL | {
    "description": "An application, 100% ours",
    "entrypoint": "/bin/app",
    "command": ["serve", '--motto="$HOME at 100%"', "a\\b"],
    "environment": {"LANG": "sv_SE.UTF-8", "MOTTO": "$HOME is 'here' \"and\" 100%", "COUNT": 3},
    "secret_environment": {"PASSWORD": SECRET},
    "files": [{"name": "app.conf", "content": "key = {{ '{{ not a template }}' }}\n", "mount": "/etc/app.conf"}],
    "secret_files": [{"name": "app.key", "content": f"{SECRET}-in-a-file\n", "mount": "/etc/app.key", "mode": "0440"}],
    "volumes": [{"name": "data", "mount": "/data", "owner": "33", "mode": "0770"}],
    "mounts": [{"source": "/etc/collab/tls/app/key.pem", "mount": "/tls/key.pem"}],
    "tmpfs": [{"mount": "/tmp"}, {"mount": "/cache", "size_mb": 8, "mode": "0700", "executable": True}],
    "hosts": [{"address": "10.20.0.7", "name": "postgresql.collab.internal"}],
    "publish": [{"address": "10.20.0.5", "port": 8443, "container_port": 9443}],
    "capabilities": [{"name": "CHOWN", "reason": "jails"}],
    "health": {"url": "https://10.20.0.5:8443/ready", "ca": "/etc/collab/tls/ca.pem", "server_name": "app.internal"},
    "after": ["postgresql.service"],
    "host_files": [{"path": "/etc/systemd/system/collab-app-cron.timer", "content": "[Timer]\n"}],
    "host_units": [{"name": "collab-app-cron.timer", "enabled": True, "state": "started"}],
}


class Role:
    """Runs the role in check mode on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        systemctl = path / "bin" / "systemctl"
        systemctl.parent.mkdir()
        block = r"Id=%s\nLoadState=not-found\nActiveState=inactive\n\n"
        systemctl.write_text(f'#!/bin/sh\nshift 3\nfor unit; do printf "{block}" "$unit"; done\n')
        systemctl.chmod(0o755)

    def run(self, *definitions: dict[str, Any]) -> list[dict[str, Any]]:
        """Return, per definition, the task's result, or ``{"refused": message}``."""
        tasks = [self._block(definition) for definition in definitions]
        written = {"content": "{{ said | to_json }}", "dest": f"{self.path}/said.json", "mode": "0600"}
        tasks.append({"ansible.builtin.copy": written, "check_mode": False, "diff": False})
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        (self.path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
        (self.path / "ansible.cfg").write_text("")
        environment = {
            "PATH": f"{self.path}/bin:{os.environ['PATH']}",
            "HOME": str(self.path),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(self.path / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
            "ANSIBLE_LIBRARY": str(CONTENT / "modules"),
            "ANSIBLE_MODULE_UTILS": str(CONTENT / "module_utils"),
            "ANSIBLE_INJECT_FACT_VARS": "0",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        }
        done = subprocess.run(
            [
                Path(sys.executable).parent / "ansible-playbook",
                "--check",
                "-vvv",
                "-e",
                f"ansible_python_interpreter={sys.executable}",
                self.path / "play.yml",
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.output = done.stdout + done.stderr
        said: list[dict[str, Any]] = json.loads((self.path / "said.json").read_text())
        return said

    def _block(self, definition: dict[str, Any]) -> dict[str, Any]:
        variables = {f"container_service_{key}": value for key, value in definition.items()}

        def keep(what: str) -> dict[str, Any]:
            return {"ansible.builtin.set_fact": {"said": f"{{{{ said | default([]) + [{what}] }}}}"}}

        return {
            "block": [
                {"ansible.builtin.include_role": {"name": "container_service"}, "vars": variables},
                keep("container_service_result"),
            ],
            "rescue": [keep("{'refused': ansible_failed_result.msg}")],
        }


REFUSED: dict[str, dict[str, Any]] = {
    "needs container_service_host_network_reason": {"network": "host"},
    "numeric uid:gid": {"user": "app"},
    "in quotes": {"environment": {"ON": True}},
    "several lines": {"secret_environment": {"KEY": "one\ntwo"}},
    "Docker would misread": {"environment": {"A B": "x"}},
    "lower case letters": {"name": "App"},
    "both a command and a url": {"health": {"command": ["true"], "url": "http://127.0.0.1/"}},
    "an argument or the description": {"command": ["a\nb"]},
}

DEFINITIONS: dict[str, dict[str, Any]] = {
    "full": FULL,
    "minimal": MINIMAL,
    "excepted": MINIMAL
    | {"network": "host", "host_network_reason": "media ports", "writable_root_reason": "upstream's init"},
    **{reason: MINIMAL | case for reason, case in REFUSED.items()},
}


@pytest.fixture(scope="module")
def role(tmp_path_factory: pytest.TempPathFactory) -> Role:
    return Role(tmp_path_factory.mktemp("role"))


@pytest.fixture(scope="module")
def results(role: Role) -> dict[str, dict[str, Any]]:
    """All definitions in one run, which takes most of its time to start."""
    return dict(zip(DEFINITIONS, role.run(*DEFINITIONS.values()), strict=True))


def written(result: dict[str, Any]) -> dict[str, str]:
    """Return object -> what the diff says it would be."""
    return {diff["after_header"]: diff["after"] for diff in result["diff"]}


def test_writes_everything_in_one_task(results: dict[str, dict[str, Any]]) -> None:
    result = results["full"]
    assert [item["object"] for item in result["objects"]] == [
        "/etc/collab",
        "/etc/collab/app",
        "/srv/collab",
        "/srv/collab/containers",
        "/srv/collab/containers/app",
        "/srv/collab/containers/app/data",
        "/usr/local/lib/collab",
        "/etc/collab/app/app.key",
        "/etc/collab/app/environment.secret",
        "/etc/collab/app/app.conf",
        "/etc/collab/app/environment",
        "/etc/systemd/system/collab-app-cron.timer",
        "/etc/systemd/system/collab-app.service",
        "/usr/local/lib/collab/container-ready",
        "collab-app.service",
        "collab-app-cron.timer",
    ]
    files = written(result)
    assert files["/etc/collab/app"] == "directory\nmode: 0700\nowner: root\ngroup: root\n"
    assert files["/srv/collab/containers"] == "directory\nmode: 0700\nowner: root\ngroup: root\n"
    assert files["/srv/collab/containers/app/data"] == "directory\nmode: 0770\nowner: 33\ngroup: 1001\n"
    assert files["/etc/collab/app/app.key"].startswith("file\nmode: 0440\nowner: 1000\ngroup: 1001\n")
    assert files["/etc/collab/app/environment.secret"].startswith("file\nmode: 0600\nowner: root\n")
    assert files["/etc/collab/app/app.conf"].endswith("key = {{ not a template }}\n")
    assert "LANG=sv_SE.UTF-8\nCOUNT=3\n" not in files["/etc/collab/app/environment"]  # sorted
    assert "COUNT=3\nLANG=sv_SE.UTF-8\nMOTTO=$HOME is 'here' \"and\" 100%\n" in files["/etc/collab/app/environment"]


def test_unit_says_what_the_definition_says(results: dict[str, dict[str, Any]]) -> None:
    unit = written(results["full"])["/etc/systemd/system/collab-app.service"]
    for line in (
        "Description=An application, 100%% ours",
        "After=docker.service network-online.target postgresql.service",
        "# CHOWN: jails",
        "  --user 1000:1001 \\",
        "  --read-only \\",
        "  --cap-drop ALL --security-opt no-new-privileges \\",
        "  --cap-add CHOWN \\",
        "  --memory 256m --memory-swap 256m \\",
        '  --add-host "postgresql.collab.internal:10.20.0.7" \\',
        "  --publish 10.20.0.5:8443:9443/tcp \\",
        '  --tmpfs "/tmp:rw,nosuid,nodev,noexec,size=64m,mode=1777" \\',
        '  --tmpfs "/cache:rw,nosuid,nodev,exec,size=8m,mode=0700" \\',
        '  --mount "type=bind,source=/srv/collab/containers/app/data,target=/data" \\',
        '  --mount "type=bind,source=/etc/collab/app/app.key,target=/etc/app.key,readonly" \\',
        '  --mount "type=bind,source=/etc/collab/tls/app/key.pem,target=/tls/key.pem,readonly" \\',
        f'  "{IMAGE}" "serve" "--motto=\\"$$HOME at 100%%\\"" "a\\\\b"',
        "ExecStartPost=/usr/local/lib/collab/container-ready --seconds 120"
        ' --url "https://10.20.0.5:8443/ready" --ca "/etc/collab/tls/ca.pem" --server-name "app.internal" collab-app',
    ):
        assert line in unit.splitlines()


def test_secrets_are_in_files_alone(role: Role, results: dict[str, dict[str, Any]]) -> None:
    assert SECRET not in json.dumps(results)
    assert SECRET not in role.output


def test_exceptions_stand_in_the_unit(results: dict[str, dict[str, Any]]) -> None:
    unit = written(results["minimal"])["/etc/systemd/system/collab-app.service"]
    assert "--read-only" in unit
    assert "--hostname app" in unit
    assert "ExecStartPost" not in unit
    unit = written(results["excepted"])["/etc/systemd/system/collab-app.service"]
    assert "--read-only" not in unit
    assert "--hostname" not in unit
    assert "# Writable root: upstream's init" in unit
    assert "# Host's network: media ports" in unit


@pytest.mark.parametrize("reason", REFUSED)
def test_refuses_what_would_be_misread(results: dict[str, dict[str, Any]], reason: str) -> None:
    assert reason in results[reason].get("refused", "was accepted")
