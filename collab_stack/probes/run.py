"""Run probes: lanes at the same time, the probes of a lane one after the other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from collab_stack.probes.model import ProbeError, Result, Seen
from collab_stack.probes.registry import PROBES
from collab_stack.probes.web import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from collab_stack.probes.model import Probe
    from collab_stack.probes.target import Target

SESSION_LANE: Final = "login"
"""Its probes build on each other (log in, use the token, log out), so a part of it cannot be left out."""

HOST_LANE: Final = "hosts"
"""Its probes judge what hosts report; all others look at the public names."""


def run(
    target: Target,
    only: Collection[str] = (),
    said: Callable[[Result], None] = lambda _result: None,
    probes: Sequence[type[Probe]] = PROBES,
) -> list[Result]:
    """Run every probe that applies and return what they saw, in the order of the registry.

    :param only: services to report on; empty is all. What these probes need besides runs too, unreported.
    :param said: told each result as it comes, from several threads.
    """
    lanes: dict[str, list[tuple[int, Probe]]] = {}
    for index, kind in enumerate(probes):
        probe = kind()
        if probe.applies(target):
            lanes.setdefault(probe.lane, []).append((index, probe))
    wanted = {name: lane for name, lane in lanes.items() if _matters(lane, only)}
    results: list[tuple[int, Result]] = []

    def work(lane: list[tuple[int, Probe]]) -> None:
        for index, probe in lane:
            for result in observe(probe, target):
                if not only or result.service in only:
                    results.append((index, result))  # list.append is atomic
                    said(result)

    with ThreadPoolExecutor(max_workers=max(len(wanted), 1)) as pool:
        for future in [pool.submit(work, lane) for lane in wanted.values()]:
            future.result()
    return [result for _, result in sorted(results, key=lambda pair: pair[0])]


def _matters(lane: list[tuple[int, Probe]], only: Collection[str]) -> bool:
    # Probes of the hosts report under each service, so their lane always matters.
    return not only or any(probe.service in only or probe.service == "hosts" for _, probe in lane)


def observe(probe: Probe, target: Target) -> Iterator[Result]:
    """Run one probe and yield its results; whatever breaks it is a failure of what it looks at."""
    began = time.monotonic()

    def result(seen: Seen) -> Result:
        nonlocal began
        ended = time.monotonic()
        seconds, began = ended - began, ended
        service = seen.service or probe.service
        return Result(probe.id, service, seen.host, seen.state, probe.severity, seen.did, seen.saw, seen.mend, seconds)

    where = target.name(probe.service) if probe.service in target.urls and probe.lane != HOST_LANE else None
    try:
        for seen in probe.run(target):
            yield result(seen)
    except ProbeError as error:
        yield result(Seen("fail", probe.did, error.saw, error.mend, host=where))
    except OSError as error:
        yield result(Seen("fail", probe.did, describe(error), probe.mend, host=where))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # An answer of another shape than the protocol says: the other side is broken, or is somebody else.
        saw = f"an answer that makes no sense ({type(error).__name__}: {error})"
        yield result(Seen("fail", probe.did, saw, probe.mend, host=where))
