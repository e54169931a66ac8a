"""A site that can be planned, without its secrets: for verbs that need none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collab_stack import catalogue, plan
from collab_stack.operations.secrets import typed

if TYPE_CHECKING:
    from pathlib import Path

    from collab_stack.catalogue import Catalogue
    from collab_stack.plan import Plan
    from collab_stack.site import Site


@dataclass(frozen=True, slots=True)
class Typed:
    """Site, catalogue and the plan that follows from them."""

    site: Site
    catalogue: Catalogue
    plan: Plan


def typed_site(directory: Path) -> Typed:
    """Read and plan a site; secrets.yml stays closed.

    :raises CollabError: SITE_INVALID when it cannot be typed or planned.
    """
    site = typed(directory)
    shipped = catalogue.load()
    return Typed(site, shipped, plan.build(site, shipped))
