"""What the first deploy fixes for ever: recorded in ``deployed.yml``, which belongs into version control.

Changing one of these afterwards would not change the stack but cut people off from what they have: another identity
attribute gives everybody a new, empty account; another realm, storage or folder begins empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.site import atomic
from collab_stack.site.document import parse
from collab_stack.site.findings import Finding, SiteError
from collab_stack.site.model.base import Settings
from collab_stack.site.source import read_text
from collab_stack.site.validate import validate

if TYPE_CHECKING:
    from pathlib import Path

    from collab_stack.site.document import Node
    from collab_stack.site.model import SiteConfig

FILE: Final = "deployed.yml"

_HEADER: Final = """\
# Written by `collab-stack deploy`: what the first deploy has fixed. Keep it in version control.
# A change of one of these needs a migration of the data it names, not an edit here.
"""


class Fixed(Settings):
    """The settings that do not change once people's data depends on them; None while not deployed yet."""

    realm: str | None = None
    """sso.realm: part of every login URL, and of each application's link to an account."""
    identity: str | None = None
    """sso.directory.identity: the key of files and messages in every application."""
    nextcloud_storage: str | None = None
    """services.nextcloud.storage: `local`, or `s3 HOST/BUCKET`."""
    data_dir: str | None = None
    """storage.data_dir: where everything lies on the hosts."""


_KEYS: Final = {
    "realm": "sso.realm",
    "identity": "sso.directory.identity",
    "nextcloud_storage": "services.nextcloud.storage.kind",
    "data_dir": "storage.data_dir",
}


def of(config: SiteConfig) -> Fixed:
    """Return what a deploy of this site would fix."""
    nextcloud = config.services.nextcloud
    storage = nextcloud.storage
    return Fixed(
        realm=config.sso.realm if _ours(config.services.keycloak) else None,
        identity=config.sso.directory.identity if config.sso.directory else None,
        nextcloud_storage=(
            (storage.kind if storage.kind == "local" else f"s3 {storage.hostname}/{storage.bucket}")
            if _ours(nextcloud)
            else None
        ),
        data_dir=config.storage.data_dir,
    )


def _ours(service: object) -> bool:
    return bool(getattr(service, "enabled", False)) and getattr(service, "external", None) is None


def read(directory: Path) -> tuple[Fixed | None, list[Finding]]:
    """Return the record, None before the first deploy, and what is wrong with the file."""
    if not (directory / FILE).exists():
        return None, []
    text = read_text(directory, FILE)
    if isinstance(text, Finding):
        return None, [text]
    tree, findings = parse(text, FILE)
    if tree is None or findings:
        return None, findings
    return validate(Fixed, tree, FILE)


def record(directory: Path, config: SiteConfig) -> bool:
    """Record what a deploy has fixed; values that stand already are never overwritten. Return whether it changed.

    Deploy calls this before it creates the first thing that depends on them, so a killed deploy has fixed them too.

    :raises SiteError: when the file is unreadable, or says something else than the site.
    """
    before, findings = read(directory)
    if before is not None:
        findings = compare(before, config, None)
    if findings:
        raise SiteError(findings)
    known = before.model_dump(exclude_none=True) if before else {}
    after = of(config).model_dump(exclude_none=True) | known
    if after == known:
        return False
    lines = [f'{key}: "{value}"\n' for key, value in after.items()]  # patterns of the model leave nothing to escape
    atomic.write(directory / FILE, _HEADER + "".join(lines))
    return True


def compare(recorded: Fixed, config: SiteConfig, tree: Node | None) -> list[Finding]:
    """Return a finding for each setting that differs from what the first deploy has fixed."""
    now = of(config)
    found = []
    for name, key in _KEYS.items():
        before, after = getattr(recorded, name), getattr(now, name)
        if before is None or after is None or before == after:
            continue
        found.append(
            Finding(
                "site.yml",
                tree.line_of(key) if tree else None,
                key,
                f"the first deploy has fixed this as `{before}`; here it is `{after}`",
                f"set it back to `{before}` ({FILE} has the record); a change would separate people from their data",
            )
        )
    return found
