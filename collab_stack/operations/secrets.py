"""`secrets`: list, show, set, add and edit what secrets.yml holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from collab_stack import catalogue, plan
from collab_stack.errors import CollabError, ExitCode
from collab_stack.runner.lock import site_lock
from collab_stack.site import SiteError, atomic, authority, password, secrets
from collab_stack.site.findings import Finding, nearest
from collab_stack.site.loader import examine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from collab_stack.site import Site
    from collab_stack.site.password import VaultPassword

State = Literal["present", "missing", "unused"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A secret, without its value.

    :param state: ``missing``: the site needs it; ``unused``: nothing refers to it.
    :param supplied: a person has to supply it; others are generated.
    """

    name: str
    state: State
    supplied: bool


@dataclass(frozen=True, slots=True)
class Added:
    """What :func:`add_missing` did.

    :param names: generated and written.
    :param wanted: still missing, because a person has to supply them.
    """

    names: tuple[str, ...]
    wanted: tuple[str, ...]


def typed(directory: Path) -> Site:
    """Return the site without looking into secrets.yml.

    :raises SiteError: when site.yml or hosts.yml are invalid.
    """
    examination = examine(directory)
    if examination.site is None:
        raise SiteError(examination.findings)
    return examination.site


def needed(site: Site) -> frozenset[str]:
    """Return the names of the secrets that a site needs.

    :raises CollabError: when it cannot be planned.
    """
    return plan.build(site, catalogue.load()).secrets


def listing(directory: Path, vault_password_file: Path | None) -> list[Entry]:
    """Return every secret that the site has or needs, sorted by name.

    :raises CollabError: when the site or its secrets cannot be read.
    """
    wanted = needed(typed(directory))
    present = secrets.load(directory, password.find(directory, vault_password_file).secret)
    return [
        Entry(name, _state(name, present, wanted), secrets.is_supplied(name)) for name in sorted(wanted | set(present))
    ]


def _state(name: str, present: Mapping[str, str], wanted: frozenset[str]) -> State:
    if name not in present:
        return "missing"
    return "present" if name in wanted else "unused"


def show(directory: Path, vault_password_file: Path | None, name: str) -> str:
    """Return a secret's value.

    :raises CollabError: when there is none of that name, naming the nearest.
    """
    values = secrets.load(directory, password.find(directory, vault_password_file).secret)
    if name not in values:
        raise _unknown(name, f"secrets.yml has no secret `{name}`.", list(values), "see `collab-stack secrets list`")
    return values[name]


def set_value(directory: Path, vault_password_file: Path | None, name: str, value: str) -> bool:
    """Write one secret; return whether the file changed.

    :raises CollabError: when the site needs none of that name, or the value cannot be one.
    """
    wanted = needed(typed(directory))
    if name not in wanted:
        mend = "refer to it first, as `{{ collab_secrets.NAME }}` in hosts.yml, or see `collab-stack secrets list`"
        raise _unknown(name, f"The site needs no secret `{name}`.", sorted(wanted), mend)
    problem = secrets.unfit(value)
    if problem:
        raise CollabError(
            f"`{name}` cannot be set: {problem}.",
            mend=f"give one line: printf %s VALUE | collab-stack secrets set {name}",
            code="secret-unfit",
            exit_code=ExitCode.USAGE,
        )
    with site_lock(directory, "secrets set"):
        vault = password.find(directory, vault_password_file)
        values = secrets.load(directory, vault.secret)
        if values.get(name) == value:
            return False
        secrets.write(directory, values | {name: value}, vault.secret, password.site_label(directory))
    return True


def add_missing(directory: Path, vault_password_file: Path | None) -> Added:
    """Generate the secrets that the site needs and does not have; deploy calls this as well.

    A site whose secrets.yml is gone gets a new one. The certificate of the internal CA is written beside its key.

    :raises CollabError: when the site or its secrets cannot be read, or the CA's key is lost.
    """
    site = typed(directory)
    wanted = needed(site)
    with site_lock(directory, "secrets add-missing"):
        vault, label, values = _open(site, vault_password_file)
        after, certificate = fill(site, wanted, values)
        if after != values:
            secrets.write(directory, after, vault.secret, label)
        if certificate is not None:
            (directory / authority.FILE).parent.mkdir(exist_ok=True)
            atomic.write(directory / authority.FILE, certificate)
    return Added(tuple(sorted(set(after) - set(values))), tuple(sorted(wanted - set(after))))


def _open(site: Site, given: Path | None) -> tuple[VaultPassword, str | None, dict[str, str]]:
    directory = site.directory
    if (directory / secrets.FILE).exists():
        vault = password.find(directory, given)
        return vault, password.site_label(directory), secrets.load(directory, vault.secret)
    label = password.new_label(site.config.domain)
    vault = password.find(directory, given) if given is not None else password.create(label)
    return vault, label, {}


def fill(site: Site, wanted: frozenset[str], values: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """Return the secrets with the missing ones generated, and the CA's certificate when it has to be written.

    :raises SiteError: when the CA's certificate is there and its key is not: a new key would not fit what it signed.
    """
    after = dict(values)
    for name in sorted(wanted - set(values)):
        if name != secrets.CA_KEY and not secrets.is_supplied(name):
            after[name] = secrets.generate(name)
    exists = (site.directory / authority.FILE).exists()
    key = values.get(secrets.CA_KEY)
    if exists and key is None:
        raise SiteError([_key_lost()])
    if exists:
        return after, None
    organisation, domain = site.config.organisation.name, site.config.domain
    try:
        after[secrets.CA_KEY], certificate = authority.create(organisation, domain, key_pem=key)
    except (ValueError, TypeError) as error:
        mend = "run `collab-stack secrets edit` and remove it, then `collab-stack secrets add-missing`"
        where = f"{secrets.ROOT}.{secrets.CA_KEY}"
        raise SiteError([Finding(secrets.FILE, 1, where, f"this is not the CA's key ({error})", mend)]) from None
    return after, certificate


def _key_lost() -> Finding:
    return Finding(
        secrets.FILE,
        1,
        f"{secrets.ROOT}.{secrets.CA_KEY}",
        f"the key of {authority.FILE} is missing, and a new one would not fit what it has signed",
        f"restore {secrets.FILE} from version control; or remove {authority.FILE} to begin a new internal CA",
    )


def _unknown(name: str, message: str, known: list[str], mend: str) -> CollabError:
    near = nearest(name, known)
    return CollabError(
        f"{message} Did you mean `{near}`?" if near else message,
        mend=mend,
        code="secret-unknown",
        exit_code=ExitCode.USAGE,
    )
