"""`check`: validate a site without touching a host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from collab_stack import catalogue, plan
from collab_stack.errors import CollabError
from collab_stack.site import Finding, SiteError, password, secrets, waivers
from collab_stack.site.findings import MOST, errors
from collab_stack.site.loader import examine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from collab_stack.site import Site
    from collab_stack.site.loader import Examination

_REFERENCE: Final = re.compile(r"collab_secrets\.([a-z][a-z0-9_]*)")
_ASKED_BY: Final = {
    "directory_bind_password": "sso.directory.bind_dn",
    "mail_password": "mail.user",
    "nextcloud_s3_secret": "services.nextcloud.storage.access_key",
}


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check.

    :param site: the typed site; None when it cannot be typed.
    :param findings: everything that is wrong; empty when nothing is.
    :param more: how many findings beyond these were left out.
    """

    site: Site | None
    findings: tuple[Finding, ...]
    more: int = 0

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings do not count."""
        return self.site is not None and not errors(self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return what ``collab-stack check --json`` prints (docs/cli.md)."""
        result: dict[str, Any] = {"ok": self.ok, "findings": [finding.as_json() for finding in self.findings]}
        if not self.ok:
            first = errors(self.findings)[0]
            message = f"{first.where()}: {first.message}"
            result["error"] = {"code": "site-invalid", "message": message, "mend": first.mend}
        return result


def check(directory: Path, vault_password_file: Path | None = None, now: datetime | None = None) -> Report:
    """Check a site: its files, its secrets, its certificates, and whether it can be planned.

    :param vault_password_file: as the option of that name says; see :mod:`collab_stack.site.password`.
    :param now: with zone; the machine's clock when not given.
    """
    found: list[Finding] = []
    vault = None
    if (directory / secrets.FILE).exists():
        try:
            vault = password.find(directory, vault_password_file)
        except CollabError as error:
            found.append(Finding(secrets.FILE, 1, "", error.message, error.mend))
    examination = examine(directory, vault, now)
    found = [*examination.findings, *found, *_waivers(directory)]
    if examination.site is not None:
        found += _plan(examination, examination.site)
    shown = sorted(found, key=lambda finding: finding.severity != "error")[:MOST]
    order = {id(finding): place for place, finding in enumerate(found)}
    return Report(
        examination.site,
        tuple(sorted(shown, key=lambda finding: order[id(finding)])),
        len(found) - len(shown),
    )


def load(directory: Path, vault_password_file: Path | None = None) -> tuple[Site, password.VaultPassword]:
    """Return a site that has passed the whole check, and the source of its vault password.

    For the verbs that go on to the hosts.

    :raises SiteError: with every error; nothing was touched.
    """
    report = check(directory, vault_password_file)
    if report.site is None or not report.ok:
        raise SiteError(report.findings)
    return report.site, password.find(directory, vault_password_file)


def _plan(examination: Examination, site: Site) -> Iterator[Finding]:
    """Yield what keeps the site from being planned, and the secrets that its plan needs and does not find."""
    shipped = catalogue.load()
    refusals = plan.refusals(site, shipped)
    for refusal in refusals:
        tree = examination.trees.get(refusal.file)
        line = tree.line_of(refusal.key) if tree else None
        yield Finding(refusal.file, line, refusal.key, refusal.message, refusal.mend)
    if not refusals and examination.secrets is not None:
        needed = plan.build(site, shipped).secrets
        yield from secrets.missing(examination.secrets, needed, _places(examination))


def _waivers(directory: Path) -> tuple[Finding, ...]:
    if not (directory / waivers.FILE).exists():
        return ()
    from collab_stack.probes.registry import IDS  # noqa: PLC0415 - few sites have waivers, and the others need not pay for it

    try:
        waivers.read(directory, IDS)
    except SiteError as error:
        return error.findings
    return ()


def _places(examination: Examination) -> dict[str, tuple[str, int]]:
    """Return where the site asks for which secret."""
    places: dict[str, tuple[str, int]] = {}
    for file, tree in examination.trees.items():
        for _, node in tree.walk():
            for name in _REFERENCE.findall(node.value) if isinstance(node.value, str) else ():
                places.setdefault(name, (file, node.line))
    tree = examination.trees["site.yml"]
    for name, key in _ASKED_BY.items():
        places.setdefault(name, ("site.yml", tree.line_of(key)))
    return places
