"""How a deploy went, for people, programs and the record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from collab_stack.errors import CollabError, ExitCode
from collab_stack.operations.record import changed
from collab_stack.runner.events import Summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collab_stack.operations.fitness import Problem
    from collab_stack.operations.record import Run
    from collab_stack.runner.events import Failure
    from collab_stack.runner.executor import Outcome

PREFLIGHT_CALLS: Final = 1
"""Programs that the preflight runs on a host; they count among the remote tasks."""


class PreflightError(CollabError):
    """Something is not as it must be; nothing was touched.

    :param problems: all of them.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(problem.message for problem in problems),
            mend="\n".join(dict.fromkeys(problem.mend for problem in problems)),
            code="preflight",
            exit_code=ExitCode.PREFLIGHT_FAILED,
        )

    def as_json(self) -> list[dict[str, str]]:
        """Return the problems as plain data."""
        return [asdict(problem) for problem in self.problems]


@dataclass
class Result:
    """How a deploy went; filled as it goes.

    :param seconds: wall time from the verb's begin to the last probe.
    :param hosts: those that it is about.
    :param looked: how many of them answered the preflight.
    :param summary: what Ansible told, until the end or until it was interrupted.
    :param outcome: of Ansible; None when it was not reached, or was interrupted.
    :param probe: the probes' JSON object; None when they were not reached.
    :param versions: component -> the version that was asked for.
    """

    run: Run
    hosts: tuple[str, ...]
    seconds: float = 0.0
    looked: int = 0
    summary: Summary = field(default_factory=Summary)
    outcome: Outcome | None = None
    probe: Mapping[str, Any] | None = None
    versions: Mapping[str, str] | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What the process ends with."""
        if self.outcome is None or not self.outcome.ok:
            return ExitCode.CHANGE_FAILED
        return ExitCode.OK if self.probe is None or self.probe["ok"] else ExitCode.PROBE_FAILED

    @property
    def remote_tasks(self) -> int:
        """Every module execution on a host, the preflight's among them."""
        return self.looked * PREFLIGHT_CALLS + self.summary.remote_tasks

    @property
    def failed_task(self) -> dict[str, str] | None:
        """Where Ansible stopped, and what mends it."""
        if self.outcome is None or self.outcome.ok:
            return None
        failure = self.summary.failed_task
        if failure is None:
            return {
                "host": "",
                "role": "",
                "task": "",
                "message": self.outcome.complaint or f"Ansible ended with {self.outcome.returncode}",
                "mend": f"see {self.run.files.log}",
            }
        return {
            "host": failure.host,
            "role": failure.role,
            "task": failure.task,
            "message": failure.message,
            "mend": _mend(failure),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``collab-stack deploy --json`` prints (docs/cli.md)."""
        return {
            "ok": self.exit_code == ExitCode.OK,
            "run": self.run.id,
            "seconds": self.seconds,
            "hosts": {host: self._recap(host) for host in self.hosts},
            "remote_tasks": self.remote_tasks,
            "remote_tasks_by_role": self._by_role(),
            "changes": changed(self.summary)["changes"],
            "failed_task": self.failed_task,
            "probe": self.probe,
            "log": str(self.run.files.log),
        }

    def _by_role(self) -> dict[str, int]:
        told = {role or "facts": count for role, count in self.summary.remote_by_role.items()}
        return {"preflight": self.looked * PREFLIGHT_CALLS} | told

    def _recap(self, host: str) -> dict[str, int]:
        told = self.summary.hosts.get(host, {})
        names = {"ok": "ok", "changed": "changed", "failed": "failures", "unreachable": "unreachable"}
        return {name: int(told.get(key, 0)) for name, key in names.items()}


def _mend(failure: Failure) -> str:
    if failure.mend:
        return failure.mend
    if failure.unreachable:
        return f"check the connection to {failure.host}, then: collab-stack deploy"
    return f"mend the cause on {failure.host}, then: collab-stack deploy (it is safe to run again)"
