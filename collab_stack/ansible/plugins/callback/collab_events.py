# Copyright: collab-stack contributors
# GNU General Public License v3.0 or later (see LICENSE)
"""Write what happens in a run as JSON lines to an inherited descriptor."""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

if TYPE_CHECKING:
    from ansible.executor.stats import AggregateStats
    from ansible.executor.task_result import CallbackTaskResult
    from ansible.inventory.host import Host
    from ansible.playbook.play import Play
    from ansible.playbook.task import Task

DOCUMENTATION = """
name: collab_events
type: stdout
short_description: JSON lines for the collab-stack runner
description:
  - Appends one JSON object a line to the descriptor named by COLLAB_EVENTS_FD, which is a file opened for appending, so
    that lines of Ansible's workers never mix.
  - Every module execution on a host is an event of its own (C(module)), told by the worker that does it. A task tells
    only its action, and an action may run several modules.
  - Results of tasks and parameters marked no_log arrive here already censored by Ansible. Whatever value of
    C(collab_secrets) were still in a line is masked.
"""

SHOWN = ("msg", "mend", "diff", "restarted", "objects")
# What says which object an Ansible module changed, when its diff does not.
NAMES = ("dest", "path", "name")
# Actions that reach the host without a module.
RAW = frozenset({"ansible.builtin.raw", "ansible.builtin.script"})
CONTROLLER = frozenset({"localhost", "127.0.0.1", "::1"})
MASK = "********"


class CallbackModule(CallbackBase):
    """Turns Ansible's callbacks into events for the runner."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "collab_events"

    def __init__(self) -> None:
        super().__init__()
        descriptor = os.environ.get("COLLAB_EVENTS_FD", "")
        self._descriptor = int(descriptor) if descriptor else None
        self._secrets: list[str] = []
        count_modules(self._emit)

    def _emit(self, kind: str, **data: object) -> None:
        if self._descriptor is None:
            return
        line = json.dumps({"event": kind, "time": round(time.time(), 3), **data}, default=str)
        for secret in self._secrets:
            line = line.replace(secret, MASK)
        os.write(self._descriptor, line.encode() + b"\n")

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Tell a play; from here on the secrets are known and masked."""
        manager = play.get_variable_manager()
        self._secrets = masked(manager.extra_vars.get("collab_secrets"))
        _Play.roles = tuple(role.get_name() for role in play.get_roles())
        self._emit("play", name=play.get_name())

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:  # noqa: ARG002 - Ansible's signature
        """Tell a task."""
        self._emit("task", **about(task))

    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        """Tell a handler."""
        self._emit("task", **about(task))

    def v2_runner_on_start(self, host: Host, task: Task) -> None:
        """Tell that a host begins a task."""
        self._emit("start", host=host.get_name(), **about(task))

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Tell a task that did well."""
        self._result("ok", result)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        """Tell a task that failed, whether or not that ends the run."""
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        """Tell a host that could not be reached."""
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        """Tell a task whose condition is false."""
        self._result("skipped", result)

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """Tell the recap."""
        self._emit("stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})

    def _result(self, status: str, result: CallbackTaskResult) -> None:
        # `result.task` and `result.result` since 2.19; the underscored names are deprecated.
        task, data = result.task, result.result
        items = [item for item in data.get("results", [data]) if isinstance(item, dict)] if task.loop else [data]
        censored = any(item.get("_ansible_no_log") for item in (data, *items)) or bool(task.no_log)
        self._emit(
            "result",
            host=result.host.get_name(),
            status=status,
            changed=bool(data.get("changed")),
            results=[] if censored else [shown(item) for item in items],
            deprecations=[text(entry) for entry in data.get("deprecations", [])],
            warnings=[] if censored else [text(entry) for entry in data.get("warnings", [])],
            censored=censored,
            **about(task),
        )


def count_modules(emit: Callable[..., None]) -> None:
    """Let every module execution tell itself, from the worker process that does it.

    Ansible has no callback for this. ``_execute_module`` is what every action plugin, by its documentation, runs
    modules with; workers are forked after callbacks are loaded, so they have it too.
    """
    original = getattr(ActionBase._execute_module, "__wrapped__", ActionBase._execute_module)

    @functools.wraps(original)
    def counted(
        self: ActionBase,
        module_name: str | None = None,
        module_args: dict[str, Any] | None = None,
        tmp: str | None = None,
        task_vars: Mapping[str, Any] | None = None,
        **more: object,
    ) -> dict[str, Any]:
        if self._task.delegate_to not in CONTROLLER:
            host = str((task_vars or {}).get("inventory_hostname", ""))
            emit("module", host=host, module=str(module_name or self._task.action), **about(self._task))
        done: dict[str, Any] = original(self, module_name, module_args, tmp, task_vars, **more)
        return done

    ActionBase._execute_module = counted


class _Play:
    """The play that runs, as workers know it too: they are forked from it."""

    roles: tuple[str, ...] = ()


def about(task: Task) -> dict[str, Any]:
    """Return which task of which role this is.

    What a play's one role includes of another (an application of container_service) is that role's own work.
    """
    own = task._role.get_name() if task._role else ""
    role = _Play.roles[0] if own and len(_Play.roles) == 1 else own
    return {"role": role, "task": task.get_name().split(" : ")[-1], "action": task.resolved_action or task.action}


def shown(item: dict[str, Any]) -> dict[str, Any]:
    """Keep what a person reads of a result; module arguments and facts stay out."""
    kept = {key: item[key] for key in SHOWN if item.get(key)}
    for key in ("stderr", "module_stderr", "stdout", "exception"):
        if item.get("failed") and item.get(key):
            kept[key] = str(item[key])[-2000:]
    kept.update({key: True for key in ("changed", "failed", "skipped") if item.get(key)})
    if item.get("changed"):
        kept.update({key: item[key] for key in NAMES if isinstance(item.get(key), str)})
    return kept


def text(entry: object) -> str:
    """Return the message of a warning or deprecation, which is text or a structure by Ansible's version."""
    return str(entry.get("msg", entry)) if isinstance(entry, dict) else str(entry)


def masked(secrets: object) -> list[str]:
    """Return what is masked: each secret, and each line of a long one, as it stands in JSON."""
    values = [str(value) for value in secrets.values()] if isinstance(secrets, dict) else []
    lines = {line.strip() for value in values for line in (value, *value.splitlines())}
    # Shorter ones would mask ordinary words; a generated secret is longer.
    return sorted((json.dumps(line)[1:-1] for line in lines if len(line) >= 8), key=len, reverse=True)
