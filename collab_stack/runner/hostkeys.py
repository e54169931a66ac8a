"""Read the SSH keys of hosts, also through jump hosts, and keep them in a known_hosts file."""

from __future__ import annotations

import base64
import hashlib
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from collab_stack.runner import ssh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

SCAN_SECONDS: Final = 15
"""For one host, jump hosts before it included; ssh gives up each connection after four."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's public key.

    :param name: as in known_hosts: an address, or ``[address]:port``.
    :param kind: such as ``ssh-ed25519``.
    :param key: in base64.
    """

    name: str
    kind: str
    key: str

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -lf`` prints it on the host's own console."""
        digest = hashlib.sha256(base64.b64decode(self.key)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.name} {self.kind} {self.key}"


class ScanError(Exception):
    """No key could be read; the message is ssh's own."""


def read(path: Path) -> list[HostKey]:
    """Return the keys of a known_hosts file; marked, hashed and commented lines are left out."""
    if not path.exists():
        return []
    keys = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if len(fields) >= 3 and not line.startswith(("#", "@", "|")):
            keys += [HostKey(name, fields[1], fields[2]) for name in fields[0].split(",")]
    return keys


def render(keys: Iterable[HostKey]) -> str:
    """Return the text of a site's known_hosts file."""
    header = "# Written by `collab-stack hosts trust`: the SSH keys of the site's hosts. Keep it in version control.\n"
    return header + "".join(f"{key}\n" for key in sorted(set(keys), key=str))


def jumps(variables: Mapping[str, object]) -> list[str]:
    """Return the jump hosts on the way to a host, nearest first, as hosts.yml writes them."""
    words = shlex.split(str(variables.get("ansible_ssh_common_args", "")))
    text = " ".join(words)
    for mark in ("-J ", "-J", "-o ProxyJump=", "-oProxyJump="):
        if text.startswith(mark):
            return text.removeprefix(mark).split(",")
    return []


def jump_variables(chain: Sequence[str]) -> dict[str, object]:
    """Return connection variables of the last host of a chain of jump hosts, reached through those before it."""
    user, _, place = chain[-1].rpartition("@")
    address, _, port = place.partition(":")
    found: dict[str, object] = {"ansible_host": address}
    if user:
        found["ansible_user"] = user
    if port:
        found["ansible_port"] = int(port)
    if chain[:-1]:
        found["ansible_ssh_common_args"] = "-J " + ",".join(chain[:-1])
    return found


def scan(
    variables: Mapping[str, object], trusted: Sequence[HostKey], folder: Path, identities: Sequence[str] = ()
) -> HostKey:
    """Return the key that a host shows, without logging in to it.

    ssh itself asks for it, so that names, ports and jump hosts are understood as they are in a deploy. Of the jump
    hosts only trusted ones are used.

    :param trusted: keys of the jump hosts on the way.
    :param folder: private and empty; holds ssh's files.
    :param identities: private keys that jump hosts are offered, besides the usual ones.
    :raises ScanError: when the host, or a jump host, cannot be reached.
    """
    known, before = folder / "known_hosts", list(trusted)
    known.write_text("".join(f"{key}\n" for key in before), encoding="utf-8")
    config = folder / "ssh_config"
    text = ssh.config(known, identities).replace("StrictHostKeyChecking yes", "StrictHostKeyChecking accept-new")
    config.write_text("Host *\n  ForwardAgent no\n" + text, encoding="utf-8")
    options = ("-T", "-o", "ControlPath=none", "-o", "PreferredAuthentications=none", "-o", "PubkeyAuthentication=no")
    try:
        done = subprocess.run(
            [*ssh.command(variables, config, options), "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SCAN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ScanError("timed out") from None
    new = [key for key in read(known) if key not in before]
    # A jump host is met first; the key that was written last is the host's own.
    if not new or _is_jump(new[-1], variables):
        raise ScanError(done.stderr.decode(errors="replace"))
    return new[-1]


def _is_jump(key: HostKey, variables: Mapping[str, object]) -> bool:
    """Say whether a key is that of a jump host that nobody has trusted yet."""
    places = [jump.rpartition("@")[2] for jump in jumps(variables)]
    names = {place if ":" not in place else "[{}]:{}".format(*place.split(":")) for place in places}
    return key.name in names
