"""What a probe is, and what it says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.probes.target import Target

State = Literal["pass", "fail", "skip", "waived"]

Severity = Literal["critical", "major", "minor"]
"""``critical``: people cannot work. ``major``: something is broken or open. ``minor``: it will be, if nobody acts."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation.

    :param host: a host of hosts.yml, or the public name that was asked; None when it is about the stack as a whole.
    :param service: when it is about another service than the probe's own.
    :param did: what was done, so that a person can repeat it.
    :param saw: what came of it. Never a secret, never a token.
    :param mend: what to do; empty on pass.
    """

    state: Literal["pass", "fail", "skip"]
    did: str
    saw: str
    mend: str = ""
    host: str | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """An observation with what is known about its probe, in the shape of ``collab-stack probe --json``.

    :param seconds: how long it took, wall time.
    """

    id: str
    service: str
    host: str | None
    state: State
    severity: Severity
    did: str
    saw: str
    mend: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


class ProbeError(Exception):
    """A probe found what it looks for broken and has nothing more to do.

    :param saw: what it saw.
    :param mend: what to do about it.
    """

    def __init__(self, saw: str, mend: str) -> None:
        super().__init__(saw)
        self.saw = saw
        self.mend = mend


class Probe(ABC):
    """One question to the running stack.

    ``id`` is for ever: waivers and scripts name it. Probes of one ``lane`` run one after the other, in the order of the
    registry; lanes run at the same time. ``did`` and ``mend`` are said when something unforeseen happens.
    """

    id: ClassVar[str]
    service: ClassVar[str]
    severity: ClassVar[Severity]
    lane: ClassVar[str]
    did: ClassVar[str]
    mend: ClassVar[str]

    def applies(self, target: Target) -> bool:
        """Say whether the site has what this probe asks about."""
        return self.service in target.services

    @abstractmethod
    def run(self, target: Target) -> Iterator[Seen]:
        """Look, and yield one observation per host or name.

        :raises ProbeError: when it is broken.
        :raises OSError: also means broken: refused, timed out, a certificate that does not verify.
        """
