"""What nobody can know about a unit: whether it read a file while that was altered, or how its start will end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.ansible.bench import Bench, Unit, told


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.systemd.units["app.service"] = Unit()
    return made


def test_what_another_tree_mends_may_have_been_read_altered(bench: Bench) -> None:
    """A unit that restarted between a file's alteration and its mending goes on with what was altered."""
    other = {"files": [{"path": bench.path("ca.pem"), "content": "good\n"}]}
    unit = {"name": "app.service", "state": "started", "watches": [bench.path("ca.pem")]}
    bench.run("other", **other)
    bench.run(units=[unit])
    (bench.root / "ca.pem").write_text("altered\n")
    bench.run("other", **other)
    told_before = bench.predict(units=[unit], changed_elsewhere=[bench.path("ca.pem")])
    assert told(bench.make(units=[unit])) == told(told_before) == [("app.service", "restart", [bench.path("ca.pem")])]
    assert not bench.run(units=[unit])["changed"]


def test_what_a_command_makes_anew_may_have_been_read_altered(bench: Bench) -> None:
    made = bench.path("made")
    command = {"name": "make", "argv": ["sh", "-c", f"echo good > {made}"], "watches": [made]}
    unit = {"name": "app.service", "state": "started", "watches": [made]}
    bench.make("other", commands=[command])
    bench.run(units=[unit])
    (bench.root / "made").write_text("altered\n")
    assert told(bench.make("other", commands=[command])) == [("make", "run", [made])]
    assert told(bench.make(units=[unit])) == [("app.service", "restart", [made])]
    assert not bench.run(units=[unit])["changed"]


def test_waits_for_a_unit_that_a_boot_is_starting(bench: Bench) -> None:
    unit = {"name": "app.service", "enabled": True, "state": "started"}
    bench.run(units=[unit])
    bench.systemd.units["app.service"] = Unit(active="activating", sub="start-post", file_state="enabled")
    calls = len(bench.systemd.calls)
    assert not bench.run(units=[unit])["changed"]
    assert bench.systemd.calls[calls:] == ["start app.service"]
