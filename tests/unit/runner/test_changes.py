"""Objects and totals, read from events."""

from __future__ import annotations

from typing import Any

from collab_stack.runner.changes import changes
from collab_stack.runner.events import Summary


def result(status: str = "ok", changed: bool = True, **data: Any) -> dict[str, Any]:  # noqa: ANN401 - a module's own
    return {
        "event": "result",
        "host": "host1",
        "role": "edge",
        "task": "Converge HAProxy",
        "status": status,
        "changed": changed,
        "results": [{"changed": changed, **data}],
        "deprecations": [],
        "warnings": [],
        "censored": False,
    }


def named(event: dict[str, Any]) -> list[tuple[str, str]]:
    return [(change.object, change.action) for change in changes(event)]


def test_our_modules_name_their_objects_and_diffs_go_with_them() -> None:
    event = result(
        objects=[{"object": "/etc/a", "action": "update"}, {"object": "a.service", "action": "restart"}],
        diff=[{"before_header": "/etc/a", "after_header": "/etc/a", "before": "x\n", "after": "y\n"}],
    )
    first, second = changes(event)
    assert (first.object, first.action, first.diff.splitlines()[-2:]) == ("/etc/a", "update", ["-x", "+y"])
    assert (second.object, second.action, second.diff) == ("a.service", "restart", "")


def test_ansibles_modules_are_named_by_their_diffs() -> None:
    assert named(result(diff={"before": "", "after": "y\n", "after_header": "/etc/b (content)"})) == [
        ("/etc/b", "create")
    ]
    assert named(result(diff={"before": {"path": "/c", "mode": "0644"}, "after": {"path": "/c", "mode": "0600"}})) == [
        ("/c", "update")
    ]
    assert named(result(diff={"prepared": "The following NEW packages will be installed: nginx"})) == [
        ("packages", "change")
    ]
    assert named(result(diff=[{"before": "same", "after": "same"}], name="chrony.service")) == [
        ("chrony.service", "change")
    ]


def test_a_task_that_says_nothing_is_named_itself() -> None:
    assert named(result()) == [("Converge HAProxy", "change")]
    assert named(result(changed=False)) == []


def test_what_a_failed_task_changed_before_counts() -> None:
    summary = Summary()
    summary.add(
        result("failed", False, failed=True, msg="no", mend="do so", objects=[{"object": "/a", "action": "create"}])
    )
    assert [change.object for change in summary.changes] == ["/a"]
    assert summary.failed_task is not None
    assert (summary.failed_task.message, summary.failed_task.mend) == ("no", "do so")


def test_modules_are_counted_by_host_and_role() -> None:
    summary = Summary()
    for host, role in (("a", "base"), ("a", "edge"), ("b", "base")):
        summary.add({"event": "module", "host": host, "role": role, "module": "managed_tree"})
    assert summary.remote_tasks == 3
    assert summary.remote_by_host == {"a": 2, "b": 1}
    assert summary.remote_by_role == {"base": 2, "edge": 1}
