"""waivers.yml: which failures an agency knows of and accepts, why, and until when. Optional.

```yaml
waivers:
  - id: tls.days
    host: files.agency.example   # without it: wherever the probe fails
    reason: the new certificate is ordered, ticket 4711
    expires: 2027-01-31
```
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from collab_stack.site.document import parse
from collab_stack.site.findings import Finding, SiteError, suggestion
from collab_stack.site.model.base import Settings
from collab_stack.site.source import read_text
from collab_stack.site.validate import validate

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

FILE: Final = "waivers.yml"


class Waiver(Settings):
    """One accepted failure."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9.-]*$", examples=["tls.days"])]
    """Of the probe."""
    host: str | None = None
    """As the probe's results name it; without it, every host."""
    reason: Annotated[str, Field(min_length=10, max_length=300, examples=["new certificate ordered, ticket 4711"])]
    """Why it is accepted, for whoever reads it next."""
    expires: date
    """The last day on which it counts."""


class Waivers(Settings):
    """All of waivers.yml."""

    waivers: tuple[Waiver, ...] = ()
    """In any order."""


def read(directory: Path, known: Collection[str]) -> tuple[tuple[Waiver, int], ...]:
    """Return the waivers of a site, each with its line; none when there is no such file.

    :param known: ids that a waiver may name.
    :raises SiteError: with everything that is wrong with the file.
    """
    if not (directory / FILE).exists():
        return ()
    text = read_text(directory, FILE)
    if isinstance(text, Finding):
        raise SiteError([text])
    tree, findings = parse(text, FILE)
    if tree is None:
        raise SiteError(findings)
    value, more = validate(Waivers, tree, FILE)
    if value is None:
        raise SiteError([*findings, *more])
    listed = tree.member("waivers")
    lines = [node.line for node in listed.value] if listed is not None and isinstance(listed.value, list) else []
    findings += [
        Finding(FILE, line, "id", f"there is no probe `{waiver.id}`", suggestion(waiver.id, known))
        for waiver, line in zip(value.waivers, lines, strict=True)
        if waiver.id not in known
    ]
    if findings:
        raise SiteError(findings)
    return tuple(zip(value.waivers, lines, strict=True))
