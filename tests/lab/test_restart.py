"""A host that goes down and comes back needs no command: everything is green again within three minutes."""

from __future__ import annotations

import pytest

from tests.lab.stack import Stack

SECONDS = 180


@pytest.mark.parametrize("how", ["in order", "at once"])
def test_all_is_green_after_the_host_went_down(stack: Stack, how: str) -> None:
    stack.deploy()  # whatever tests before left
    started = stack.host.sh("stat -c %Y /proc/1")
    if how == "in order":
        stack.host.restart()
    else:
        stack.host.cut_power()
    assert stack.host.sh("stat -c %Y /proc/1") != started, "it was not restarted"
    print(f"{how}: green after {stack.green(SECONDS):.0f} s")  # noqa: T201 - shown with -s
    assert stack.host.sh("systemctl --failed --plain --no-legend") == ""


UNITS = (
    "docker.service",
    "haproxy.service",
    "valkey-server@collab.service",
    "collab-web.service",
    "postgresql@17-collab.service",
)


def test_a_service_that_fails_again_and_again_comes_back(stack: Stack) -> None:
    """systemd's own limit, five starts in ten seconds, would leave it down until somebody comes."""
    for unit in UNITS:
        kill = f"systemctl kill --signal=KILL {unit}; sleep 0.3"
        stack.host.sh(f"for turn in 1 2 3 4 5 6; do {kill}; systemctl start {unit}; done; {kill}")
    print(f"killed seven times: green after {stack.green(SECONDS):.0f} s")  # noqa: T201 - shown with -s


def test_the_next_deploy_has_nothing_to_do(stack: Stack) -> None:
    assert stack.deploy()["changes"] == []
