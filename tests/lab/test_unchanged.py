"""A deploy that has nothing to do: nothing changes, in few remote tasks, within its memory, in the promised shape."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.lab import shapes
from tests.lab.program import Memory
from tests.lab.stack import Stack

BUDGET: dict[str, int] = json.loads(Path(__file__).with_name("budget.json").read_text())
"""Role -> remote tasks on a host where it has nothing to do. A new number needs a reason in its commit."""

MOST_TASKS = 25
"""Remote tasks on a host, by the architecture's budget."""

MOST_MEMORY_MIB = 300 * 10**6 / 2**20
"""Of all processes of the program together."""


@dataclass(frozen=True)
class Again:
    """A deploy of what is deployed already."""

    data: dict[str, Any]
    record: dict[str, Any]
    memory: Memory


@pytest.fixture(scope="module")
def again(stack: Stack) -> Again:
    """Deploy once more, watched."""
    with stack.started("deploy", "--json") as process, Memory(process.pid) as memory:
        out, err = process.communicate(timeout=600)
    assert process.returncode == 0, f"{out}\n{err}"
    return Again(json.loads(out), stack.journal()[-1], memory)


def test_nothing_changes(again: Again) -> None:
    assert again.data["changes"] == []
    assert {name: told["changed"] for name, told in again.data["hosts"].items()} == {"host1": 0}
    print(f"{again.data['seconds']} s, {again.data['remote_tasks']} remote tasks")  # noqa: T201 - shown with -s


def test_it_takes_few_remote_tasks(again: Again) -> None:
    counted = again.data["remote_tasks_by_role"]
    assert sum(counted.values()) == again.data["remote_tasks"] <= MOST_TASKS
    over = {role: count for role, count in counted.items() if count > BUDGET.get(role, 0)}
    assert over == {}, "more than tests/lab/budget.json allows"
    lazy = {role: count for role, count in BUDGET.items() if counted.get(role, 0) < count}
    assert lazy == {}, "the budget can be lowered"


def test_no_ansible_feature_that_goes_away_is_used(stack: Stack, again: Again) -> None:
    assert again.record["deprecations"] == []
    assert [entry["deprecations"] for entry in stack.journal() if entry.get("deprecations")] == []


def test_the_controller_needs_little_memory(again: Again) -> None:
    print(f"{again.memory.peak:.0f} MiB in {len(again.memory.largest)} processes")  # noqa: T201 - shown with -s
    assert 30 < again.memory.peak <= MOST_MEMORY_MIB, again.memory.largest


def test_a_plan_says_so_too(stack: Stack) -> None:
    plan = stack.json("plan")
    jsonschema.validate(plan, shapes.PLAN)
    assert plan["ok"]
    assert plan["changes"] == []


def test_objects_have_the_promised_shape(stack: Stack, again: Again) -> None:
    jsonschema.validate(again.data, shapes.DEPLOY)
    jsonschema.validate(stack.json("check"), shapes.CHECK)
    jsonschema.validate(stack.json("probe"), shapes.PROBE)
    jsonschema.validate(stack.json("plan", "--no-hosts"), {**shapes.PLAN, "properties": {}, "required": ["services"]})


def test_failures_have_the_promised_shape(stack: Stack) -> None:
    for words, code in ((("deploy", "--limit", "nobody"), 2), (("deploy", "--only", "nextclod"), 2)):
        failed = stack.json(*words, code=code)
        jsonschema.validate(failed, shapes.FAILED)
    assert failed["error"]["mend"] == "--only nextcloud"


def test_the_record_is_a_chain_and_names_what_was_done(stack: Stack, again: Again) -> None:
    assert again.record["ok"]
    assert again.record["exit"] == 0
    assert again.record["changes"] == []
    assert again.record["versions"].keys() >= {"keycloak", "nextcloud", "user_oidc"}
    times = [entry["started"] for entry in stack.journal()]
    assert times == sorted(times)
