"""Marking failures that the site accepts (:mod:`collab_stack.site.waivers`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from collab_stack.probes.model import Result
from collab_stack.site.waivers import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from collab_stack.site.waivers import Waiver


def apply(results: Iterable[Result], waivers: Sequence[tuple[Waiver, int]], today: date) -> list[Result]:
    """Return the results with what is waived marked so, and a failure for each waiver that has expired.

    An expired waiver waives nothing, and stays a finding until somebody renews or removes it.

    :param waivers: each with its line in waivers.yml.
    """
    valid = [waiver for waiver, _ in waivers if waiver.expires >= today]
    marked = [_waived(result, valid) for result in results]
    return marked + [_expired(waiver, line) for waiver, line in waivers if waiver.expires < today]


def _waived(result: Result, waivers: Sequence[Waiver]) -> Result:
    if result.state != "fail":
        return result
    for waiver in waivers:
        if waiver.id == result.id and waiver.host in (None, result.host):
            until = f"waived until {waiver.expires.isoformat()}: {waiver.reason}"
            return replace(result, state="waived", mend=f"{until}. To mend it: {result.mend}")
    return result


def _expired(waiver: Waiver, line: int) -> Result:
    what = f"{waiver.id} at {waiver.host}" if waiver.host else waiver.id
    return Result(
        id="waiver.expired",
        service="site",
        host=None,
        state="fail",
        severity="minor",
        did=f"read {FILE}:{line}",
        saw=f"the waiver of {what} expired on {waiver.expires.isoformat()}: {waiver.reason}",
        mend=f"mend what it was about, then remove it from {FILE}; or give it a new date",
        seconds=0.0,
    )
