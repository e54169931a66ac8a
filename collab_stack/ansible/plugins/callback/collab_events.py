# Copyright: collab-stack contributors
# GNU General Public License v3.0 or later (see LICENSE)
"""Write what happens in a run as JSON lines to an inherited descriptor."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: collab_events
type: stdout
short_description: JSON lines for the collab-stack runner
description:
  - Writes one JSON object a line to the descriptor named by COLLAB_EVENTS_FD.
  - Results of tasks and parameters marked no_log arrive here already censored by Ansible.
"""

# Actions that run on the controller only: they cost no remote module execution.
LOCAL = frozenset(
    f"ansible.builtin.{name}"
    for name in (
        "add_host", "assert", "debug", "fail", "group_by", "import_role", "import_tasks", "include_role",
        "include_tasks", "include_vars", "meta", "pause", "set_fact", "set_stats", "validate_argument_spec",
    )
)  # fmt: skip
# Action plugins that run more than one module on the host for one task (stat and then copy).
DOUBLE = frozenset({"ansible.builtin.copy", "ansible.builtin.template", "ansible.builtin.unarchive"})
SHOWN = ("msg", "diff", "restarted", "changed_paths", "objects")


class CallbackModule(CallbackBase):
    """Turns Ansible's callbacks into events for the runner."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "collab_events"

    def __init__(self) -> None:
        super().__init__()
        descriptor = os.environ.get("COLLAB_EVENTS_FD", "")
        self._events = os.fdopen(int(descriptor), "w", encoding="utf-8", closefd=False) if descriptor else None

    def _emit(self, kind: str, **data: Any) -> None:
        if self._events is not None:
            self._events.write(json.dumps({"event": kind, **data}, default=str) + "\n")
            self._events.flush()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._emit("play", name=play.get_name())

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        self._emit("task", **self._about(task))

    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        self._emit("task", **self._about(task))

    def v2_runner_on_start(self, host: Any, task: Task) -> None:
        self._emit("start", host=host.get_name(), **self._about(task))

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result("failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result("skipped", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        self._emit("stats", hosts=hosts)

    def _about(self, task: Task) -> dict[str, Any]:
        role = task._role.get_name() if task._role else ""
        return {"role": role, "task": task.get_name().split(" : ")[-1], "action": task.resolved_action or task.action}

    def _result(self, status: str, result: Any) -> None:
        task, data = result._task, result._result
        about = self._about(task)
        items = data.get("results", [data]) if task.loop else [data]
        censored = bool(data.get("_ansible_no_log")) or bool(task.no_log)
        self._emit(
            "result",
            host=result._host.get_name(),
            status=status,
            changed=bool(data.get("changed")),
            remote=0 if status == "skipped" else self._remote(about["action"], items),
            results=[] if censored else [_shown(item) for item in items if isinstance(item, dict)],
            deprecations=[str(d.get("msg", d)) for d in data.get("deprecations", []) if isinstance(d, dict)],
            warnings=[] if censored else [str(w) for w in data.get("warnings", [])],
            censored=censored,
            **about,
        )

    @staticmethod
    def _remote(action: str, items: list[Any]) -> int:
        if action in LOCAL:
            return 0
        done = [item for item in items if isinstance(item, dict) and not item.get("skipped")]
        # An action plugin of ours says itself how many modules it ran on the host.
        told = [int(item["collab_remote_calls"]) for item in done if "collab_remote_calls" in item]
        return sum(told) if told else len(done) * (2 if action in DOUBLE else 1)


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    """Keep what a person reads of a result; module arguments and facts stay out."""
    shown = {key: item[key] for key in SHOWN if item.get(key)}
    for key in ("stderr", "module_stderr", "stdout"):
        if item.get("failed") and item.get(key):
            shown[key] = str(item[key])[-2000:]
    if item.get("changed"):
        shown["changed"] = True
    return shown
