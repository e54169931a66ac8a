"""What the callback plugin tells of real runs of ansible-playbook, on this machine over the local connection.

How many modules really ran is read from an interpreter that writes down each of its starts.
"""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
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


@pytest.fixture
def bench() -> Iterator[Bench]:
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


def test_counts_each_module_execution(bench: Bench) -> None:
    (bench.path / "source.j2").write_text("text {{ 1 + 1 }}\n")
    outcome = bench.run(
        [
            {"name": "one", "ansible.builtin.stat": {"path": "/"}},
            {"name": "loop", "ansible.builtin.stat": {"path": "{{ item }}"}, "loop": ["/", "/etc", "/usr"]},
            {"name": "filtered", "ansible.builtin.stat": {"path": "/"}, "loop": [1, 2], "when": "item == 1"},
            {"name": "skipped", "ansible.builtin.stat": {"path": "/"}, "when": False},
            {"name": "local", "ansible.builtin.debug": {"msg": "x"}},
            {"name": "fact", "ansible.builtin.set_fact": {"a": 1}},
            {"name": "copied", "ansible.builtin.copy": {"content": "x", "dest": f"{bench.path}/a", "mode": "0600"}},
            {"name": "same", "ansible.builtin.copy": {"content": "x", "dest": f"{bench.path}/a", "mode": "0600"}},
            {
                "name": "template",
                "ansible.builtin.template": {
                    "src": f"{bench.path}/source.j2",
                    "dest": f"{bench.path}/b",
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
    )
    assert outcome.ok, outcome
    assert bench.executions > 10
    assert outcome.summary.remote_tasks == bench.executions
    assert outcome.summary.remote_by_host == {"one": bench.executions}


def test_a_task_for_the_controller_costs_no_host_anything(bench: Bench) -> None:
    outcome = bench.run([{"name": "here", "ansible.builtin.stat": {"path": "/"}, "delegate_to": "localhost"}])
    assert outcome.ok
    assert outcome.summary.remote_tasks == 0


def test_handlers_and_diffs_name_what_changed(bench: Bench) -> None:
    target = bench.path / "file"
    target.write_text("old\n")
    outcome = bench.run(
        [
            {
                "name": "write",
                "ansible.builtin.copy": {"content": "new\n", "dest": str(target), "mode": "0600"},
                "notify": "tell",
            },
        ],
        handlers=({"name": "tell", "ansible.builtin.command": {"cmd": "true"}},),
    )
    assert outcome.ok
    copied, told = outcome.summary.changes
    assert (copied.object, copied.action) == (str(target), "update")
    assert "-old" in copied.diff
    assert "+new" in copied.diff
    assert told.object == "tell"


def test_check_mode_changes_nothing_and_says_the_same(bench: Bench) -> None:
    task = {"name": "w", "ansible.builtin.copy": {"content": "n\n", "dest": f"{bench.path}/file", "mode": "0600"}}
    predicted = bench.run([task], check=True)
    assert not (bench.path / "file").exists()
    made = bench.run([task])
    assert [(c.object, c.action) for c in predicted.summary.changes] == [
        (c.object, c.action) for c in made.summary.changes
    ]
    assert bench.run([task]).summary.changes == []


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


def test_a_rescued_failure_is_none(bench: Bench) -> None:
    block = {
        "name": "b",
        "block": [{"name": "fails", "ansible.builtin.command": {"cmd": "false"}, "changed_when": False}],
        "rescue": [{"name": "mends", "ansible.builtin.debug": {"msg": "fine"}}],
    }
    outcome = bench.run([block])
    assert outcome.ok
    assert outcome.summary.failed_task is None


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


def test_deprecations_are_told(bench: Bench) -> None:
    library = bench.path / "library"
    library.mkdir()
    (library / "old.py").write_text(
        "from ansible.module_utils.basic import AnsibleModule\n"
        "module = AnsibleModule({})\n"
        "module.deprecate('this is old', version='9.9', collection_name='ansible.builtin')\n"
        "module.warn('take care')\n"
        "module.exit_json()\n"
    )
    outcome = bench.run([{"name": "old", "old": {}}], extra=("--module-path", str(library)))
    assert outcome.ok
    assert any("this is old" in text for text in outcome.deprecations)
    assert outcome.summary.warnings == ["take care"]


def test_a_broken_playbook_gives_ansibles_own_error(bench: Bench) -> None:
    outcome = bench.run([{"name": "nothing of that name", "ansible.builtin.no_such_module": {}}])
    assert not outcome.ok
    assert "no_such_module" in outcome.complaint


def test_what_a_role_includes_is_its_own_work(bench: Bench) -> None:
    roles = bench.path / "roles"
    for name, tasks in {
        "application": [{"name": "include", "ansible.builtin.include_role": {"name": "shared"}}],
        "shared": [{"name": "look", "ansible.builtin.stat": {"path": "/"}}],
    }.items():
        (roles / name / "tasks").mkdir(parents=True)
        (roles / name / "tasks" / "main.yml").write_text(yaml.safe_dump(tasks))
    outcome = bench.run([], roles=("application",))
    assert outcome.ok
    assert outcome.summary.remote_by_role == {"application": 1}
