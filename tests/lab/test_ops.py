"""The same site from the operator's workstation: Debian 13, Python 3.13, the newest Ansible, through a jump host."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from collab_stack.errors import ExitCode
from collab_stack.lab import machines
from collab_stack.lab.layout import OPERATOR
from tests.lab.machine import Machine
from tests.lab.stack import Stack

HOME = f"/home/{OPERATOR}"
SITE = f"{HOME}/site"
PASSWORD = f"{HOME}/vault-password"
KEY = f"{HOME}/.ssh/id_operator"
UID = 1000


@dataclass(frozen=True)
class Workstation:
    """`ops`, with the program and the site on it."""

    ops: Machine
    command: str

    def run(self, words: str) -> tuple[int, str]:
        """Run a verb on the site as the operator; return exit code and standard output."""
        environment = f"COLLAB_VAULT_PASSWORD_FILE={PASSWORD} HOME={HOME}"
        return self.ops.run(f"cd {HOME} && {environment} {self.command} {words} --site {SITE} 2>stderr", OPERATOR)

    def json(self, words: str) -> dict[str, Any]:
        """Run a verb with ``--json`` that has to succeed."""
        code, output = self.run(f"{words} --json")
        assert code == 0, f"{words} ended with {code}: {output}\n{self.ops.sh(f'tail -n 30 {HOME}/stderr')}"
        found: dict[str, Any] = json.loads(output)
        return found


@pytest.fixture(scope="module")
def workstation(stack: Stack, wheel: Path) -> Workstation:
    """The wheel on ops, and a copy of the site that reaches the host through infra."""
    lab = stack.lab
    command = lab.install_on_ops(wheel)
    ops = Machine(lab, "ops")
    container = machines.find(lab.client, lab.state.layout, "ops")
    assert container is not None
    ops.sh(f"rm -rf {SITE} && install -d -m 0700 -o {OPERATOR} -g {OPERATOR} {HOME}/.ssh")
    assert container.put_archive("/", packed(stack))
    made = Workstation(ops, command)
    # Trust of its own for the jump host too, whose key the site does not have yet.
    assert made.run("hosts trust --yes")[0] == 0
    return made


def packed(stack: Stack) -> bytes:
    """Return the site with the workstation's way to the host, its vault password and the operator's key."""
    buffer = io.BytesIO()
    state = stack.lab.state
    (kept,) = stack.program.home.glob(".config/collab-stack/**/*agency.example*")
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(stack.directory.rglob("*")):
            name = path.relative_to(stack.directory)
            if path.is_file() and name.parts[0] not in ("runs", "hosts.yml"):
                add(archive, f"{SITE}/{name}", path.read_bytes())
        add(archive, f"{SITE}/hosts.yml", hosts(stack).encode())
        add(archive, PASSWORD, kept.read_bytes())
        add(archive, KEY, state.operator_key.read_bytes())
    return buffer.getvalue()


def add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    """Add a private file of the operator's, and the folder that it is in."""
    folder = tarfile.TarInfo(str(Path(path).parent).lstrip("/"))
    folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o700, UID, UID
    info = tarfile.TarInfo(path.lstrip("/"))
    info.size, info.mode, info.uid, info.gid = len(content), 0o600, UID, UID
    archive.addfile(folder)
    archive.addfile(info, io.BytesIO(content))


def hosts(stack: Stack) -> str:
    """Return hosts.yml with a jump host."""
    content = yaml.safe_load((stack.directory / "hosts.yml").read_text())
    jump = f"{OPERATOR}@{stack.lab.state.layout.address('infra')}"
    content["all"]["vars"] |= {
        "ansible_ssh_private_key_file": KEY,
        "ansible_ssh_common_args": f"-o ProxyJump={jump}",
    }
    return yaml.safe_dump(content, sort_keys=False)


def test_it_is_another_machine_with_another_ansible(workstation: Workstation) -> None:
    folder = Path(workstation.command).parent
    said = workstation.ops.sh(f"{folder}/python --version; {folder}/ansible --version | head -n 1; id -u", OPERATOR)
    assert said.split()[1].startswith("3.13.")
    assert "core 2.21." in said
    assert said.split()[-1] == str(UID)
    assert workstation.ops.run(f"{folder}/python -m pip list | grep -i pytest", OPERATOR)[0] == 1


def test_check_and_plan_find_nothing_to_do(workstation: Workstation) -> None:
    assert workstation.json("check")["findings"] == []
    assert workstation.json("plan")["changes"] == []


def test_a_deploy_through_the_jump_host_changes_nothing(stack: Stack, workstation: Workstation) -> None:
    done = workstation.json("deploy")
    assert done["changes"] == []
    assert done["hosts"]["host1"] == {**done["hosts"]["host1"], "changed": 0, "failed": 0, "unreachable": 0}
    assert done["probe"]["ok"]
    record = json.loads(workstation.ops.sh(f"tail -n 1 {SITE}/runs/journal.jsonl"))
    assert record["who"] == f"{OPERATOR}@ops"
    assert record["deprecations"] == []
    layout = stack.lab.state.layout
    logins = stack.host.sh("journalctl -u ssh --no-pager --since '-15 min' | grep 'Accepted publickey'")
    assert f"from {layout.address('infra')}" in logins
    assert f"from {layout.address('ops')} " not in logins


def test_a_probe_from_there_is_green(workstation: Workstation) -> None:
    probe = workstation.json("probe")
    assert {result["state"] for result in probe["results"]} <= {"pass", "skip"}


def test_a_jump_host_that_would_be_shut_out_is_named(stack: Stack, workstation: Workstation) -> None:
    address = str(stack.lab.state.layout.address("infra"))
    kept = f"{HOME}/site.yml.kept"
    workstation.ops.sh(f"cp {SITE}/site.yml {kept} && sed -i '\\|{address}/32|d' {SITE}/site.yml", OPERATOR)
    code, output = workstation.run("deploy --json")
    workstation.ops.sh(f"mv {kept} {SITE}/site.yml", OPERATOR)
    assert code == ExitCode.PREFLIGHT_FAILED, output
    assert f"this login comes from {address} to port 22" in output
