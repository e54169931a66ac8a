"""From a directory to a typed site, or to everything that is wrong with it. Reads only; nothing is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel

from collab_stack.errors import CollabError
from collab_stack.site import certificates, extra, fixed, inventory, secrets
from collab_stack.site.document import parse
from collab_stack.site.findings import Finding, errors
from collab_stack.site.model import Lock, Site, SiteConfig
from collab_stack.site.screen import screen
from collab_stack.site.source import read_text
from collab_stack.site.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from collab_stack.site.document import Node
    from collab_stack.site.model import Hosts
    from collab_stack.site.password import VaultPassword

LOCK_FILE: Final = "images.lock"

_PASSWORD_KEYS: Final = frozenset({"ansible_become_password"})

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Examination:
    """What was read and what is wrong.

    :param site: the typed site; None when site.yml, hosts.yml or images.lock cannot be typed. A site may be there
        although there are errors (an expired certificate, say).
    :param findings: in the order site.yml, hosts.yml, images.lock, secrets.yml, tls/, deployed.yml.
    :param secrets: names in secrets.yml; None when they were not or could not be read.
    :param trees: file -> its tree, for the lines of further findings.
    """

    site: Site | None
    findings: tuple[Finding, ...]
    secrets: frozenset[str] | None
    trees: dict[str, Node] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether there is a site and no error."""
        return self.site is not None and not errors(self.findings)


def examine(directory: Path, vault: VaultPassword | None = None, now: datetime | None = None) -> Examination:
    """Read a site and say what is wrong with it.

    :param vault: opens secrets.yml and the private key in tls/; without it they are only seen to be encrypted.
    :param now: with zone; the machine's clock when not given.
    """
    if not directory.is_dir():
        mend = "give the site's directory with --site, or make one: `collab-stack init DIR --domain DOMAIN`"
        finding = Finding(str(directory), None, "", "there is no such directory", mend)
        return Examination(None, (finding,), None)
    reader = _Reader(directory)
    config = reader.typed("site.yml", SiteConfig)
    hosts = reader.hosts()
    lock = reader.typed(LOCK_FILE, Lock) if (directory / LOCK_FILE).exists() else Lock()
    names = None
    if config is not None:
        names = reader.rest(config, vault, now or datetime.now(UTC))
    site = None
    if config is not None and hosts is not None and lock is not None:
        site = Site(directory, config, hosts, lock)
    return Examination(site, tuple(reader.findings), names, reader.trees)


class _Reader:
    """Reads file after file and gathers what is wrong."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.findings: list[Finding] = []
        self.trees: dict[str, Node] = {}

    def typed(self, name: str, model: type[M]) -> M | None:
        """Return a file as a model, or None when it has errors."""
        return self._read(name, lambda tree: validate(model, tree, name))

    def hosts(self) -> Hosts | None:
        """Return hosts.yml, or None when it has errors."""
        return self._read(inventory.FILE, inventory.read, _PASSWORD_KEYS)

    def _read(
        self,
        name: str,
        convert: Callable[[Node], tuple[T | None, list[Finding]]],
        allowed: frozenset[str] = frozenset(),
    ) -> T | None:
        text = read_text(self.directory, name)
        if isinstance(text, Finding):
            self.findings.append(text)
            return None
        tree, found = parse(text, name)
        if tree is not None and tree.value is None:
            found = [Finding(name, 1, "", "the file is empty", f"restore {name} from version control")]
        if tree is None or tree.value is None:
            self.findings += found
            return None
        self.trees[name] = tree
        found += screen(tree, name, allowed)
        value, more = convert(tree)
        # What YAML or the screen has refused already needs no second finding from the types.
        said = {finding.key for finding in found}
        found += [finding for finding in more if finding.key not in said]
        self.findings += found
        return None if errors(found) else value

    def rest(self, config: SiteConfig, vault: VaultPassword | None, now: datetime) -> frozenset[str] | None:
        """Look at what goes together with site.yml, and return the names of the secrets."""
        tree = self.trees["site.yml"]
        self.findings += extra.check(config, tree)
        password = self._password(vault)
        values, found = secrets.read(self.directory, password)
        self.findings += found
        self.findings += certificates.check(
            certificates.Material(self.directory, config, tree, password if values is not None else None, values, now)
        )
        recorded, found = fixed.read(self.directory)
        self.findings += found
        if recorded is not None:
            self.findings += fixed.compare(recorded, config, tree)
        return frozenset(values) if values is not None else None

    def _password(self, vault: VaultPassword | None) -> bytes | None:
        try:
            return vault.secret if vault is not None else None
        except CollabError as error:
            self.findings.append(Finding(secrets.FILE, 1, "", error.message, error.mend))
            return None
