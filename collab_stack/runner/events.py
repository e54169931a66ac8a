"""What a run tells while it goes on, gathered into a summary. Pure: events in, numbers and findings out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Change:
    """One object that a run changed, or in check mode would change."""

    host: str
    role: str
    object: str
    action: str
    diff: str


@dataclass(frozen=True)
class Failure:
    """The first task that failed."""

    host: str
    role: str
    task: str
    message: str
    unreachable: bool


@dataclass
class Summary:
    """Totals of one Ansible run, filled by :meth:`add`.

    ``remote_tasks`` counts every module execution on a host, loop items included, by host and by role.
    """

    hosts: dict[str, dict[str, int]] = field(default_factory=dict)
    remote_by_host: dict[str, int] = field(default_factory=dict)
    remote_by_role: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    deprecations: list[str] = field(default_factory=list)
    finished: bool = False

    @property
    def remote_tasks(self) -> int:
        """Every module execution on every host."""
        return sum(self.remote_by_host.values())

    @property
    def failed_task(self) -> Failure | None:
        """The first failure, or None."""
        return self.failures[0] if self.failures else None

    def add(self, event: dict[str, Any]) -> None:
        """Take one event of the callback plugin into account."""
        if event["event"] == "stats":
            self.hosts = event["hosts"]
            self.finished = True
        if event["event"] != "result":
            return
        host, role = event["host"], event["role"]
        self.remote_by_host[host] = self.remote_by_host.get(host, 0) + event["remote"]
        self.remote_by_role[role] = self.remote_by_role.get(role, 0) + event["remote"]
        self.deprecations += event["deprecations"]
        if event["status"] in ("failed", "unreachable"):
            self.failures.append(_failure(event))
        elif event["changed"]:
            self.changes += _changes(event)


def _failure(event: dict[str, Any]) -> Failure:
    texts = [
        str(result.get(key, "")).strip()
        for result in event["results"]
        for key in ("msg", "stderr", "module_stderr")
        if result.get(key)
    ]
    message = "\n".join(dict.fromkeys(texts)) or "the task failed and its output is withheld because it holds secrets"
    return Failure(event["host"], event["role"], event["task"], message, event["status"] == "unreachable")


def _changes(event: dict[str, Any]) -> list[Change]:
    """Name each changed object: by its diff's header where there is one, else by the task."""
    found = [
        Change(event["host"], event["role"], name, action, text)
        for result in event["results"]
        for name, action, text in _objects(result)
    ]
    return found or [Change(event["host"], event["role"], event["task"], "change", "")]


def _objects(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    diffs = result.get("diff") or []
    found = []
    for diff in [diffs] if isinstance(diffs, dict) else diffs:
        header = str(diff.get("after_header") or diff.get("before_header") or "").strip()
        before, after = _text(diff.get("before")), _text(diff.get("after"))
        prepared = _text(diff.get("prepared"))
        if before == after and not prepared:
            continue
        found.append((header or "object", _action(before, after), prepared or _unified(before, after)))
    known = {name for name, _, _ in found}
    found += [(unit, "restart", "") for unit in result.get("restarted", []) if unit not in known]
    return found


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    import yaml  # noqa: PLC0415 - only a structured diff needs it

    return str(yaml.safe_dump(value, sort_keys=True, allow_unicode=True))


def _action(before: str, after: str) -> str:
    if not before:
        return "create"
    return "change" if after else "remove"


def _unified(before: str, after: str) -> str:
    import difflib  # noqa: PLC0415 - only a change needs it

    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return "\n".join(list(lines)[2:])
