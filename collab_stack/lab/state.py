"""What a lab remembers between commands: its number, its keys and passwords. One private folder per lab."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import string
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from collab_stack.lab import ca
from collab_stack.lab.errors import LabError
from collab_stack.lab.layout import MOST_LABS, Layout
from collab_stack.lab.people import PEOPLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_FILE: Final = "lab.json"
_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(slots=True)
class State:
    """A lab's memory.

    :param folder: where it lies; 0700, with ca.pem, ca.key, operator's SSH key and hosts' SSH keys.
    :param people: uid -> password.
    :param images: "upstream" or "standins", as decided when the images were made.
    :param loaded: reference in the lab's registry -> digest there.
    :param played: component and version -> "real" or "standin", for what the registry and archive server hold.
    :param artifacts: component -> URL of its archive in the lab.
    :param site: the site that the lab serves the names of, when one was given.
    """

    folder: Path
    name: str
    index: int
    host_count: int
    sudo_password: str
    reader_password: str
    people: dict[str, str]
    hosts_image: str = "host"
    images: str = ""
    loaded: dict[str, str] = field(default_factory=dict)
    played: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    site: str | None = None

    @property
    def layout(self) -> Layout:
        """Names and addresses."""
        return Layout(self.name, self.index, self.host_count)

    @property
    def ca_file(self) -> Path:
        """The lab's authority, PEM."""
        return self.folder / "ca.pem"

    @property
    def operator_key(self) -> Path:
        """The operator's private SSH key."""
        return self.folder / "operator_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The hosts' SSH keys, in OpenSSH's form."""
        return self.folder / "known_hosts"

    def save(self) -> None:
        """Write the memory; a reader sees the old or the new one."""
        content = {key: value for key, value in asdict(self).items() if key != "folder"}
        write_private(self.folder / _FILE, json.dumps(content, indent=2) + "\n")

    def leaf(self, *names: str, days: int = ca.LEAF_DAYS) -> tuple[str, str]:
        """Return certificate and key (PEM) of a server, signed by the lab's authority."""
        return ca.make_leaf(self.ca_file.read_text(), (self.folder / "ca.key").read_text(), names, days)

    def kept_leaf(self, label: str, *names: str) -> tuple[str, str]:
        """Return a leaf that is made once and kept, so that nothing changes from one `lab up` to the next."""
        certificate, key = self.folder / f"{label}.pem", self.folder / f"{label}.key"
        if not (certificate.exists() and key.exists()):
            made = self.leaf(*names)
            write_private(certificate, made[0])
            write_private(key, made[1])
        return certificate.read_text(), key.read_text()

    def host_key(self, short: str) -> tuple[str, str]:
        """Return a container's private and public SSH key, made once: a lab that is made anew looks the same."""
        private = self.folder / f"ssh_host_{short}"
        public = private.with_suffix(".pub")
        if not public.exists():
            make_ssh_key(private, f"{short}.{self.name}")
        return private.read_text(), public.read_text()

    def write_known_hosts(self) -> None:
        """Write the SSH keys of all machines, so that nobody has to trust one at first sight."""
        lines = [
            f"{self.layout.address(short)},{self.layout.fqdn(short)} {self.host_key(short)[1]}"
            for short in ("ops", "infra", *self.layout.hosts)
        ]
        write_private(self.known_hosts, "".join(lines))


def root() -> Path:
    """Return the folder of all labs' memories, by the XDG base directory specification."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "collab-stack" / "lab"


def cache() -> Path:
    """Return the folder of what was downloaded once, by the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "collab-stack"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def names() -> tuple[str, ...]:
    """Return the names of all labs of this user."""
    return tuple(sorted(path.parent.name for path in root().glob(f"*/{_FILE}")))


def load(name: str) -> State | None:
    """Return a lab's memory, or None when there is no such lab.

    :raises LabError: when the memory cannot be read.
    """
    file = root() / name / _FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return State(folder=file.parent, **content)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LabError(
            f"{file}: the lab's memory cannot be read ({error})",
            mend=f"collab-stack lab down --name {name}",
            code="lab-state",
        ) from error


def create(name: str, host_count: int, taken: Collection[int]) -> State:
    """Make the memory of a new lab, with the first free number, its authority and its keys.

    :param taken: numbers that labs of other users of this machine have.
    :raises LabError: when all numbers are taken.
    """
    with _file_lock(root() / ".create.lock"):
        return _create(name, host_count, taken)


def _create(name: str, host_count: int, taken: Collection[int]) -> State:
    mine = [state.index for state in (load(other) for other in names()) if state is not None]
    free = sorted(set(range(MOST_LABS)) - set(taken) - set(mine))
    if not free:
        raise LabError(
            f"all {MOST_LABS} labs that this machine can hold exist",
            mend="collab-stack lab down --name NAME, of one that is not needed",
            code="lab-limit",
        )
    folder = root() / name
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    certificate, key = ca.make_ca(f"Lab CA {name}")
    write_private(folder / "ca.pem", certificate)
    write_private(folder / "ca.key", key)
    make_ssh_key(folder / "operator_ed25519", f"operator@{name}")
    people = {person.uid: _password() for person in PEOPLE}
    state = State(folder, name, free[0], host_count, _password(), _password(), people)
    state.save()
    return state


def forget(name: str) -> None:
    """Remove a lab's memory."""
    shutil.rmtree(root() / name, ignore_errors=True)


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lab's lock; the kernel frees it when its holder is killed.

    :raises LabError: when another process holds it.
    """
    root().mkdir(parents=True, exist_ok=True)
    with (root() / f".{name}.lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            raise LabError(
                f"process {handle.read().strip() or '?'} is at work on the lab {name}",
                mend="wait until it is done, then run the same command again",
                code="lab-locked",
            ) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner may read, in one move."""
    temporary = path.with_name(f".{path.name}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
    temporary.replace(path)


def make_ssh_key(path: Path, comment: str) -> None:
    """Write an Ed25519 key pair in OpenSSH's form: ``path`` and ``path``.pub."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    write_private(path, private.decode())
    write_private(path.with_suffix(".pub"), f"{public.decode()} {comment}\n")


def _password() -> str:
    """Return a password of letters and digits, about 95 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))
