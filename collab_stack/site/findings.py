"""What is wrong with a site: where, what, and what would be right."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from collab_stack.errors import CollabError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning"]

MOST: Final = 100
"""More findings than this help nobody; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    :param file: relative to the site's directory.
    :param line: counted from 1; None when it is not about a line, such as a missing file.
    :param key: dotted path within the file, empty when it is not about a key.
    :param message: what is wrong. Never holds a secret.
    :param mend: what would be right, or the command that makes it so.
    """

    file: str
    line: int | None
    key: str
    message: str
    mend: str
    severity: Severity = "error"

    def __post_init__(self) -> None:
        # A finding repeats words of the file: they must neither steer a terminal nor bury what is said.
        for name, longest in (("key", 300), ("message", 600), ("mend", 1500)):
            object.__setattr__(self, name, _clean(getattr(self, name), longest))

    def as_json(self) -> dict[str, Any]:
        """Return it in the shape of ``collab-stack check --json``."""
        fields = asdict(self)
        return {name: fields[name] for name in ("file", "line", "key", "severity", "message", "mend")}

    def where(self) -> str:
        """Return ``file:line: key``, as far as there is one."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}" if self.key else place


def _clean(text: str, longest: int) -> str:
    shown = text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


class SiteError(CollabError):
    """The site is refused; nothing was touched.

    :param findings: every error, in the order of the files.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(finding for finding in findings if finding.severity == "error")
        super().__init__(
            "\n".join(f"{finding.where()}: {finding.message}" for finding in self.findings),
            mend="\n".join(dict.fromkeys(finding.mend for finding in self.findings)),
            code="site-invalid",
            exit_code=ExitCode.SITE_INVALID,
        )


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that make a site invalid."""
    return [finding for finding in findings if finding.severity == "error"]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a typo most likely meant, or None when nothing is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the mend for an unknown word: the nearest known one, or else all of them."""
    words = list(known)
    near = nearest(word, words)
    if near is not None:
        return f"did you mean `{near}`?"
    listed = ", ".join(f"`{name}`" for name in words[:40])
    return f"known here: {listed}" if words else "nothing is known here: remove it"
