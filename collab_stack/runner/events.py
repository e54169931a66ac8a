"""What a run tells while it goes on, gathered into a summary. Pure: events in, numbers and findings out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from collab_stack.runner.changes import Change, changes

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed on a host.

    :param message: what the module said.
    :param mend: the command or change that mends it, when the module knows.
    """

    host: str
    role: str
    task: str
    message: str
    mend: str
    unreachable: bool


@dataclass
class Summary:
    """Totals of one Ansible run, filled by :meth:`add`.

    ``remote_by_host`` and ``remote_by_role`` count every module execution on a host, loop items included.
    ``hosts`` is Ansible's own recap, host -> count of ok, changed, failures, unreachable, …; empty until the end.
    """

    hosts: dict[str, dict[str, int]] = field(default_factory=dict)
    remote_by_host: dict[str, int] = field(default_factory=dict)
    remote_by_role: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    deprecations: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    finished: bool = False

    @property
    def remote_tasks(self) -> int:
        """Every module execution on every host."""
        return sum(self.remote_by_host.values())

    @property
    def failed_task(self) -> Failure | None:
        """The first failure that was not rescued, or None."""
        lost = {name for name, recap in self.hosts.items() if recap.get("failures") or recap.get("unreachable")}
        return next((failure for failure in self.failures if not self.finished or failure.host in lost), None)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take one event of the callback plugin into account."""
        kind = event["event"]
        if kind == "stats":
            self.hosts = event["hosts"]
            self.finished = True
        elif kind == "module":
            host, role = event["host"], event["role"]
            self.remote_by_host[host] = self.remote_by_host.get(host, 0) + 1
            self.remote_by_role[role] = self.remote_by_role.get(role, 0) + 1
        elif kind == "result":
            self._result(event)

    def _result(self, event: Mapping[str, Any]) -> None:
        self.deprecations += event["deprecations"]
        self.warnings += event["warnings"]
        self.changes += changes(event)  # also of a task that failed: what it changed before, it has changed
        if event["status"] in ("failed", "unreachable"):
            self.failures.append(_failure(event))


def _failure(event: Mapping[str, Any]) -> Failure:
    # A loop's own message ("One or more items failed") says nothing; those of its items come first.
    results = [result for result in event["results"] if not result.get("skipped")]
    texts = [
        str(result[key]).strip()
        for result in results
        for key in ("msg", "stderr", "module_stderr")
        if result.get(key) and (result.get("failed") or event["status"] == "unreachable" or len(results) == 1)
    ]
    withheld = "the task failed, and its output is withheld because it may hold secrets"
    return Failure(
        host=event["host"],
        role=event["role"],
        task=event["task"],
        message="\n".join(dict.fromkeys(texts))
        or (withheld if event["censored"] else "the task failed without a message"),
        mend=next((str(result["mend"]) for result in results if result.get("mend")), ""),
        unreachable=event["status"] == "unreachable",
    )
