"""What the callback plugin tells of real runs of ansible-playbook, on this machine over the local connection.

How many modules really ran is read from an interpreter that writes down each of its starts.
"""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from collab_stack.runner.command import Playbook
from collab_stack.runner.executor import Files, Outcome, execute

SECRET = "kJ8sLq0vXz3TnB5w"
PEM = "-----BEGIN KEY-----\nQUJDREVGR0hJSktMTU5PUA==\n-----END KEY-----\n"


@dataclass
class Bench:
    """A folder in which playbooks run."""

    path: Path
    events: list[dict[str, Any]]

    @property
    def executions(self) -> int:
        """How many modules really ran."""
        log = self.path / "executions"
        return len(log.read_text().splitlines()) if log.exists() else 0

    @property
    def text(self) -> str:
        """All that a run leaves behind for people to read."""
        return (self.path / "events").read_text() + (self.path / "log").read_text()

    def run(
        self,
        tasks: list[dict[str, Any]],
        *,
        handlers: tuple[dict[str, Any], ...] = (),
        check: bool = False,
        verbosity: int = 0,
        extra: tuple[str, ...] = (),
        roles: tuple[str, ...] = (),
    ) -> Outcome:
        play = {"hosts": "one", "gather_facts": False, "tasks": tasks, "handlers": list(handlers)}
        if roles:
            play["roles"] = list(roles)  # found beside the playbook
        (self.path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
        run = Playbook(
            playbook=str(self.path / "play.yml"),
            inventory=self.path / "inventory.yml",
            secrets=self.path / "secrets.yml",
            vault_password=self.path / "password",
            ssh_config=self.path / "ssh_config",
            work=self.path,
            events_fd=-1,
            run_id="test",
            check=check,
            verbosity=verbosity,
            extra=extra,
        )
        return execute(run, Files(self.path / "log", self.path / "events"), on_event=self.events.append)


@contextmanager
def folder_to_run_in() -> Iterator[Bench]:
    # Not in pytest's folder: the socket of a shared ssh connection may have 108 characters at most (unix(7)).
    with TemporaryDirectory() as folder:
        path = Path(folder)
        interpreter = path / "interpreter"
        interpreter.write_text(f'#!/bin/sh\necho run >>"{path}/executions"\nexec {sys.executable} "$@"\n')
        interpreter.chmod(interpreter.stat().st_mode | stat.S_IXUSR)
        hosts: dict[str, dict[str, Any]] = {
            "one": {"ansible_connection": "local", "ansible_python_interpreter": str(interpreter)},
        }
        (path / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        (path / "secrets.yml").write_text(yaml.safe_dump({"collab_secrets": {"word": SECRET, "pem": PEM}}))
        (path / "password").write_text("unused\n")
        yield Bench(path, [])


@pytest.fixture
def bench() -> Iterator[Bench]:
    with folder_to_run_in() as made:
        yield made


@dataclass
class Long:
    """One run of all that goes well: Ansible takes longer to start than for any of it."""

    bench: Bench
    outcome: Outcome


@pytest.fixture(scope="module")
def long() -> Iterator[Long]:
    with folder_to_run_in() as bench:
        (bench.path / "source.j2").write_text("text {{ 1 + 1 }}\n")
        (bench.path / "library").mkdir()
        (bench.path / "library" / "old.py").write_text(OLD)
        (bench.path / "file").write_text("old\n")
        for name, tasks in ROLES.items():
            (bench.path / "roles" / name / "tasks").mkdir(parents=True)
            (bench.path / "roles" / name / "tasks" / "main.yml").write_text(yaml.safe_dump(tasks))
        outcome = bench.run(
            [*counted(bench.path), HERE, RESCUED, written(bench.path), {"name": "old", "old": {}}],
            handlers=({"name": "tell", "ansible.builtin.command": {"cmd": "true"}},),
            extra=("--module-path", str(bench.path / "library")),
            roles=("application",),
        )
        yield Long(bench, outcome)


def counted(path: Path) -> list[dict[str, Any]]:
    """Return tasks that run a module once, more often, or not at all."""
    return [
        {"name": "one", "ansible.builtin.stat": {"path": "/"}},
        {"name": "loop", "ansible.builtin.stat": {"path": "{{ item }}"}, "loop": ["/", "/etc", "/usr"]},
        {"name": "filtered", "ansible.builtin.stat": {"path": "/"}, "loop": [1, 2], "when": "item == 1"},
        {"name": "skipped", "ansible.builtin.stat": {"path": "/"}, "when": False},
        {"name": "local", "ansible.builtin.debug": {"msg": "x"}},
        {"name": "fact", "ansible.builtin.set_fact": {"a": 1}},
        {"name": "copied", "ansible.builtin.copy": {"content": "x", "dest": f"{path}/a", "mode": "0600"}},
        {"name": "same", "ansible.builtin.copy": {"content": "x", "dest": f"{path}/a", "mode": "0600"}},
        {
            "name": "template",
            "ansible.builtin.template": {
                "src": f"{path}/source.j2",
                "dest": f"{path}/b",
                "mode": "0600",
            },
        },
        {
            "name": "retried",
            "ansible.builtin.command": {"cmd": "false"},
            "register": "tried",
            "until": "tried.rc == 0",
            "retries": 2,
            "delay": 0,
            "ignore_errors": True,
            "changed_when": False,
        },
    ]


HERE = {"name": "here", "ansible.builtin.stat": {"path": "/"}, "delegate_to": "localhost"}
RESCUED = {
    "name": "b",
    "block": [{"name": "fails", "ansible.builtin.command": {"cmd": "false"}, "changed_when": False}],
    "rescue": [{"name": "mends", "ansible.builtin.debug": {"msg": "fine"}}],
}
ROLES = {
    "application": [{"name": "include", "ansible.builtin.include_role": {"name": "shared"}}],
    "shared": [{"name": "look", "ansible.builtin.stat": {"path": "/"}}],
}
OLD = """\
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({})
module.deprecate('this is old', version='9.9', collection_name='ansible.builtin')
module.warn('take care')
module.exit_json()
"""


def written(path: Path) -> dict[str, Any]:
    """Return a task that changes a file, and tells a handler."""
    module = {"content": "new\n", "dest": f"{path}/file", "mode": "0600"}
    return {"name": "write", "ansible.builtin.copy": module, "notify": "tell"}


def test_counts_each_module_execution(long: Long) -> None:
    """A task for the controller costs no host anything, and neither does what only the controller does."""
    bench, outcome = long.bench, long.outcome
    assert outcome.ok, outcome
    assert "here" in {event.get("task") for event in bench.events}
    assert bench.executions > 10
    assert outcome.summary.remote_tasks == bench.executions
    assert outcome.summary.remote_by_host == {"one": bench.executions}


def test_handlers_and_diffs_name_what_changed(long: Long) -> None:
    changes = {change.object: change for change in long.outcome.summary.changes}
    copied = changes[f"{long.bench.path}/file"]
    assert copied.action == "update"
    assert "-old" in copied.diff
    assert "+new" in copied.diff
    assert "tell" in changes


def test_check_mode_changes_nothing_and_says_the_same(bench: Bench) -> None:
    task = {"name": "w", "ansible.builtin.copy": {"content": "n\n", "dest": f"{bench.path}/file", "mode": "0600"}}
    predicted = bench.run([task], check=True)
    assert not (bench.path / "file").exists()
    made = bench.run([task, {**task, "name": "again"}])
    assert made.ok
    assert len(made.summary.changes) == 1  # the second time it is there already
    assert [(c.object, c.action) for c in predicted.summary.changes] == [
        (c.object, c.action) for c in made.summary.changes
    ]


def test_a_failed_loop_tells_the_items_message_and_their_changes(bench: Bench) -> None:
    outcome = bench.run(
        [
            {
                "name": "loop",
                "ansible.builtin.command": {"cmd": "{{ item }}"},
                "loop": ["true", "sh -c 'echo broken >&2; exit 3'"],
            },
        ]
    )
    assert not outcome.ok
    failed = outcome.summary.failed_task
    assert failed is not None
    assert (failed.host, failed.task) == ("one", "loop")
    assert "broken" in failed.message
    assert outcome.summary.hosts["one"]["failures"] == 1


def test_a_rescued_failure_is_none(long: Long) -> None:
    assert "mends" in {event.get("task") for event in long.bench.events}
    assert long.outcome.ok
    assert long.outcome.summary.failed_task is None


def test_an_unreachable_host_is_told_apart(bench: Bench) -> None:
    inventory = {"all": {"hosts": {"one": {"ansible_host": "127.0.0.1", "ansible_port": 1}}}}
    (bench.path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (bench.path / "ssh_config").write_text("Host *\n  BatchMode yes\n")
    outcome = bench.run([{"name": "try", "ansible.builtin.stat": {"path": "/"}}])
    assert not outcome.ok
    failed = outcome.summary.failed_task
    assert failed is not None
    assert failed.unreachable
    assert "refused" in failed.message


def test_no_secret_is_in_events_or_log(bench: Bench) -> None:
    target = bench.path / "file"
    outcome = bench.run(
        [
            {"name": "quiet", "ansible.builtin.debug": {"msg": "{{ collab_secrets.word }}"}, "no_log": True},
            {"name": "loud", "ansible.builtin.debug": {"msg": "{{ collab_secrets.word }} {{ collab_secrets.pem }}"}},
            {
                "name": "file",
                "ansible.builtin.copy": {
                    "content": "{{ collab_secrets.word }}\n{{ collab_secrets.pem }}",
                    "dest": str(target),
                    "mode": "0600",
                },
            },
            {"name": "fails {{ collab_secrets.word }}", "ansible.builtin.fail": {"msg": "{{ collab_secrets.word }}"}},
        ],
        verbosity=3,
    )
    assert SECRET in target.read_text()  # the secrets were really there
    assert outcome.summary.failed_task is not None
    assert SECRET not in bench.text
    assert "QUJDREVGR0hJSktMTU5PUA" not in bench.text
    quiet = next(e for e in bench.events if e["event"] == "result" and e["task"] == "quiet")
    assert quiet["censored"]
    assert quiet["results"] == []


def test_deprecations_are_told(long: Long) -> None:
    assert any("this is old" in text for text in long.outcome.deprecations)
    assert long.outcome.summary.warnings == ["take care"]


def test_a_broken_playbook_gives_ansibles_own_error(bench: Bench) -> None:
    outcome = bench.run([{"name": "nothing of that name", "ansible.builtin.no_such_module": {}}])
    assert not outcome.ok
    assert "no_such_module" in outcome.complaint


def test_what_a_role_includes_is_its_own_work(long: Long) -> None:
    by_role = long.outcome.summary.remote_by_role
    assert by_role.keys() - {""} == {"application"}
    assert by_role["application"] == 1
