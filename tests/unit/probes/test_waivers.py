"""waivers.yml: what it accepts, until when, and what is wrong with it at which line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from collab_stack.probes.model import Result
from collab_stack.probes.registry import IDS
from collab_stack.probes.waivers import apply
from collab_stack.site import waivers
from collab_stack.site.findings import SiteError

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 11, 25)


def write(directory: Path, text: str) -> tuple[tuple[waivers.Waiver, int], ...]:
    (directory / waivers.FILE).write_text(text)
    return waivers.read(directory, IDS)


def test_a_waiver_covers_its_failure_until_its_day(tmp_path: Path) -> None:
    cron = Result("nextcloud.cron", "nextcloud", "host1", "fail", "major", "asked", "never", "look", 0.1)
    results = [cron, replace(cron, id="host.clock", service="hosts", state="pass")]
    text = (
        "waivers:\n  - id: nextcloud.cron\n    host: host1\n    reason: timer is being moved\n    expires: 2026-11-25\n"
    )
    accepted = write(tmp_path, text)
    states = {result.id: result.state for result in apply(results, accepted, TODAY)}
    assert states == {"nextcloud.cron": "waived", "host.clock": "pass"}
    later = apply(results, accepted, date(2026, 11, 26))
    assert {result.id: result.state for result in later} == {
        "nextcloud.cron": "fail",
        "host.clock": "pass",
        "waiver.expired": "fail",
    }
    assert later[-1].did == "read waivers.yml:2"
    elsewhere = [replace(result, host="host2") for result in results]
    assert "waived" not in {result.state for result in apply(elsewhere, accepted, TODAY)}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "waivers:\n  - id: nextcloud.corn\n    reason: timer is moved\n    expires: 2026-12-01\n",
            2,
            "nextcloud.cron",
        ),
        ("waivers:\n  - id: nextcloud.cron\n    reason: short\n    expires: 2026-12-01\n", 3, ""),
        ("waivers:\n  - id: nextcloud.cron\n    reason: timer is moved\n    expires: never\n", 4, ""),
        ("waivers:\n  - id: nextcloud.cron\n    reason: timer is moved\n", 2, ""),
    ],
)
def test_a_wrong_waiver_is_refused_at_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(SiteError) as refused:
        write(tmp_path, text)
    assert f"waivers.yml:{line}" in refused.value.message
    assert words in refused.value.mend


def test_no_file_waives_nothing(tmp_path: Path) -> None:
    assert waivers.read(tmp_path, IDS) == ()
