"""A plan from the site's files alone: no packet is sent, and no vault password is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collab_stack import catalogue, plan
from collab_stack.plan import diagram
from collab_stack.plan.overrides import Override, overrides
from collab_stack.site import SiteError
from collab_stack.site.atomic import write
from collab_stack.site.findings import Finding, errors
from collab_stack.site.loader import examine

if TYPE_CHECKING:
    from pathlib import Path

    from collab_stack.plan import Plan
    from collab_stack.site import Site


@dataclass(frozen=True)
class Planned:
    """A site and what follows from it."""

    site: Site
    plan: Plan
    overrides: tuple[Override, ...]

    def as_json(self) -> dict[str, Any]:
        """Return what ``collab-stack plan --json`` says without asking a host."""
        return plan.to_json(self.plan) | {
            "dns": [{"name": record.name, "type": record.kind, "value": record.value} for record in self.plan.dns],
            "overrides": [item._asdict() for item in self.overrides],
            "unlocked": list(self.plan.unlocked),
        }

    def draw(self, file: Path) -> None:
        """Write the data-flow diagram: ``.svg`` or ``.mmd`` (Mermaid), by the file's name.

        :raises ValueError: for any other name.
        :raises OSError: when it cannot be written.
        """
        title = f"Data flows of {self.site.config.organisation.name} ({self.site.config.domain})"
        drawn = {".svg": lambda: diagram.svg(self.plan, title), ".mmd": lambda: diagram.mermaid(self.plan)}
        if file.suffix not in drawn:
            raise ValueError(f"{file.name} is neither .svg nor .mmd")
        write(file, drawn[file.suffix]())


def offline(directory: Path) -> Planned:
    """Return the plan of a site.

    :raises SiteError: with everything that is wrong.
    """
    examination = examine(directory)
    if examination.site is None or not examination.ok:
        raise SiteError(errors(examination.findings))
    return of(examination.site)


def of(site: Site) -> Planned:
    """Return the plan of a site that is read already.

    :raises SiteError: when it cannot be planned.
    """
    shipped = catalogue.load()
    refused = plan.refusals(site, shipped)
    if refused:
        raise SiteError(Finding(each.file, None, each.key, each.message, each.mend) for each in refused)
    context = plan.make_context(site, shipped)
    return Planned(site, plan.build(site, shipped), overrides(site.config, context.placement))
