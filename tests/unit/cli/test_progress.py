"""The display of a run, in plain lines."""

from __future__ import annotations

import time

from collab_stack.cli.progress import LineWatch, LiveWatch, progress


def start(host: str, role: str, task: str) -> dict[str, str]:
    return {"event": "start", "host": host, "role": role, "task": task}


def test_a_line_for_each_role_of_each_host() -> None:
    lines: list[str] = []
    with LineWatch(lines.append) as watch:
        watch.phase("converge")
        watch.roles({"host1": ["base", "edge"], "host2": ["base"]})
        for host, role, task in (
            ("host1", "base", "a"),
            ("host2", "base", "a"),
            ("host1", "base", "b"),
            ("host1", "edge", "c"),
        ):
            watch.event(start(host, role, task))
        watch.event({"event": "tick"})
    assert [line.partition("] ")[2] for line in lines] == [
        "Making the hosts what the site says",
        "host1 1/2 base",
        "host2 1/1 base",
        "host1 2/2 edge",
    ]


def test_a_sign_of_life_while_nothing_happens() -> None:
    lines: list[str] = []
    with LineWatch(lines.append, beat=0.2) as watch:
        watch.phase("converge")
        watch.roles({"host1": ["base"]})
        watch.event(start("host1", "base", "Install packages"))
        time.sleep(0.7)
    beats = [line for line in lines if "… host1: Install packages" in line]
    assert 2 <= len(beats) <= 3


def test_a_terminal_gets_the_live_display() -> None:
    assert isinstance(progress(stream_is_terminal=True), LiveWatch)
    assert isinstance(progress(stream_is_terminal=False), LineWatch)


def test_the_live_display_takes_every_event() -> None:
    with LiveWatch() as watch:
        watch.phase("preflight")
        watch.phase("converge")
        watch.roles({"host1": ["base", "edge"]})
        watch.event(start("host1", "base", "a"))
        watch.event(start("host1", "edge", "b"))
        watch.phase("probe")
    assert watch._seen == {"host1": ["base", "edge"]}
