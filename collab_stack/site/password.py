"""Where the vault password comes from, and how Ansible gets it.

The first of these that is there is used, and no other is looked at: ``--vault-password-file``, then
``COLLAB_VAULT_PASSWORD_FILE``, then the file that ``init`` wrote for this very site, then the keyring. A site and its
password know each other by the label in the header of secrets.yml, so a site may be moved or cloned.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import stat
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from collab_stack.errors import CollabError, ExitCode
from collab_stack.site import vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLE: Final = "COLLAB_VAULT_PASSWORD_FILE"
KEYRING_SERVICE: Final = "collab-stack"

_LABEL: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$")
_SCRIPT_SECONDS: Final = 60
_HEADER_BYTES: Final = 1024


@dataclass(frozen=True)
class VaultPassword:
    """A source of the vault password; it is read when first needed.

    :param origin: where it comes from, as people read it.
    :param path: a file, or an executable that prints it; None when the keyring holds it.
    :param label: the site's, under which the keyring holds it.
    """

    origin: str
    path: Path | None = None
    label: str | None = None
    _read: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def secret(self) -> bytes:
        """The password.

        :raises CollabError: when it cannot be had.
        """
        if self.path is None:
            return _from_keyring(self.label or "")
        value = _from_script(self.path) if _is_script(self.path) else _from_file(self.path)
        if not value:
            raise _unusable(f"The vault password from {self.origin} is empty.", f"put it into {self.path}")
        return value

    @contextmanager
    def ansible_file(self) -> Iterator[Path]:
        """Yield what Ansible takes as ``--vault-password-file``.

        The source's own file or executable; for the keyring a private file in memory that is gone afterwards.
        """
        if self.path is not None:
            yield self.path
            return
        with tempfile.NamedTemporaryFile(prefix="collab-stack-vault-", dir=memory_folder()) as stream:  # mode 0600
            stream.write(self.secret + b"\n")
            stream.flush()
            yield Path(stream.name)


def find(directory: Path, given: Path | None = None, environment: Mapping[str, str] | None = None) -> VaultPassword:
    """Return the source of the password of the site in ``directory``.

    :param given: what ``--vault-password-file`` (or, through click, the environment variable) said.
    :raises CollabError: ``vault-password-missing`` when there is none, ``vault-password-unusable`` when the one that
        was asked for is not there, or lies in the site, which is meant for version control.
    """
    env = os.environ if environment is None else environment
    if given is None and env.get(VARIABLE):
        given = Path(env[VARIABLE])
    if given is not None:
        return _given(directory, given)
    name = site_label(directory)
    if name is not None:
        path = default_file(name, env)
        if path.is_file():
            return VaultPassword(str(path), path, name)
        if importlib.util.find_spec("keyring") is not None and _in_keyring(name):
            return VaultPassword("the keyring", None, name)
    raise CollabError(
        f"No vault password for {directory}: none was given, and none is kept for this site on this machine.",
        mend=f"give --vault-password-file FILE, or set {VARIABLE}",
        code="vault-password-missing",
        exit_code=ExitCode.SITE_INVALID,
    )


def site_label(directory: Path) -> str | None:
    """Return the label of the site's vault, or None when secrets.yml has none or is not there."""
    try:
        with (directory / "secrets.yml").open("rb") as stream:
            header = stream.readline(_HEADER_BYTES).decode("ascii", errors="replace")
    except OSError:
        return None
    name = vault.label(header)
    return name if name and _LABEL.match(name) else None


def new_label(domain: str) -> str:
    """Return a label for a new site: its domain, and enough randomness that no other site has it."""
    return f"{domain[:100]}-{secrets.token_hex(4)}"


def default_file(label: str, environment: Mapping[str, str] | None = None) -> Path:
    """Return where ``init`` keeps the password of the site with this label, outside of the site."""
    env = os.environ if environment is None else environment
    base = env.get("XDG_CONFIG_HOME")
    root = Path(base) if base and Path(base).is_absolute() else Path(env.get("HOME") or Path.home()) / ".config"
    return root / "collab-stack" / "vault" / label


def create(label: str, environment: Mapping[str, str] | None = None) -> VaultPassword:
    """Write a random password for a new site, 0600 in a folder 0700; never over another.

    :raises CollabError: when the file cannot be written.
    """
    path = default_file(label, environment)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_urlsafe(32).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise _unusable(
            f"The vault password cannot be written to {path} ({error.strerror}).", "give --vault-password-file FILE"
        ) from None
    return VaultPassword(str(path), path, label)


def memory_folder() -> str | None:
    """Return a folder that is in memory and no disk, or None when the machine has none that may be written."""
    for folder in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108 - files in it are made 0600, O_EXCL
        if folder and Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


def _given(directory: Path, given: Path) -> VaultPassword:
    path = given.expanduser().absolute()
    if not path.exists():
        raise _unusable(f"The vault password file {given} is not there.", "give the right --vault-password-file")
    if path.resolve().is_relative_to(directory.resolve()):
        raise _unusable(
            f"The vault password file {given} lies in the site, which is meant for version control.",
            f"move it out: mv {given} ~/.config/collab-stack/",
        )
    return VaultPassword(str(given), path)


def _is_script(path: Path) -> bool:
    """Ansible's own rule: an executable file is run, any other is read."""
    return path.is_file() and os.access(path, os.X_OK)


def _from_file(path: Path) -> bytes:
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise _unusable(f"The vault password file {path} is a folder.", "give the file")
        with path.open("rb") as stream:
            return stream.read(65536).strip()  # as Ansible does
    except OSError as error:
        raise _unusable(
            f"The vault password file {path} cannot be read ({error.strerror}).", f"look at `ls -l {path}`"
        ) from None


def _from_script(path: Path) -> bytes:
    try:
        result = subprocess.run([str(path)], capture_output=True, timeout=_SCRIPT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unusable(f"The vault password program {path} failed: {error}.", f"run {path} by hand") from None
    if result.returncode:
        raise _unusable(f"The vault password program {path} ended with {result.returncode}.", f"run {path} by hand")
    return result.stdout.strip(b"\r\n")  # as Ansible does


def _in_keyring(label: str) -> bool:
    try:
        return bool(_from_keyring(label))
    except CollabError:
        return False


def _from_keyring(label: str) -> bytes:
    import keyring  # noqa: PLC0415 - optional, and slow to import
    import keyring.errors  # noqa: PLC0415 - the same

    try:
        value = keyring.get_password(KEYRING_SERVICE, label)
    except (keyring.errors.KeyringError, RuntimeError) as error:
        raise _unusable(f"The keyring does not answer: {error}.", "give --vault-password-file FILE") from None
    if not value:
        raise _unusable(
            "The keyring holds no vault password for this site.", f"run `keyring set {KEYRING_SERVICE} {label}`"
        )
    return value.encode()


def _unusable(message: str, mend: str) -> CollabError:
    return CollabError(message, mend=mend, code="vault-password-unusable", exit_code=ExitCode.SITE_INVALID)
