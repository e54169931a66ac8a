"""A site that was read, found valid, planned, and whose secrets are at hand: what every verb on hosts begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collab_stack import catalogue, plan
from collab_stack.operations import secrets as site_secrets
from collab_stack.operations.check import load
from collab_stack.site import SiteError, secrets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from collab_stack.catalogue import Catalogue
    from collab_stack.plan import Plan
    from collab_stack.site import Site
    from collab_stack.site.password import VaultPassword


@dataclass(frozen=True)
class Opened:
    """A site at hand.

    :param secrets: the content of secrets.yml. Never printed, logged or recorded.
    :param new_secrets: names of those that were generated just now.
    """

    site: Site
    plan: Plan
    catalogue: Catalogue
    vault: VaultPassword
    secrets: Mapping[str, str]
    new_secrets: tuple[str, ...] = ()


def open_site(directory: Path, vault_password_file: Path | None, *, complete: bool = False) -> Opened:
    """Read, validate and plan a site.

    :param complete: generate the secrets that the plan needs and secrets.yml has not, when nothing else is wrong.
    :raises SiteError: with all findings; nothing was touched.
    """
    new: tuple[str, ...] = ()
    try:
        site, vault = load(directory, vault_password_file)
    except SiteError as error:
        if not complete or not all("secrets add-missing" in finding.mend for finding in error.findings):
            raise
        new = site_secrets.add_missing(directory, vault_password_file).names
        site, vault = load(directory, vault_password_file)
    shipped = catalogue.load()
    return Opened(site, plan.build(site, shipped), shipped, vault, secrets.load(directory, vault.secret), new)
