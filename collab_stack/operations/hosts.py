"""`hosts trust`: read the hosts' SSH keys, let somebody compare them, and keep them in the site."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from collab_stack.operations.reach import KNOWN_HOSTS, connections, identities
from collab_stack.runner import hostkeys, ssh
from collab_stack.runner.hostkeys import HostKey, ScanError
from collab_stack.runner.lock import site_lock
from collab_stack.runner.workdir import private_folder
from collab_stack.site import atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from collab_stack.site import Site

_COMPARE: Final = "compare it on the host's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"

State = Literal["known", "trusted", "changed", "declined", "unreachable"]


@dataclass(frozen=True, slots=True)
class Trust:
    """What came of one host, or of a jump host.

    :param host: its name in hosts.yml, or a jump host as hosts.yml writes it.
    :param key: the key that it shows; None when it was not reached.
    :param before: the key that the site trusted until now.
    :param message: what is wrong, and mend what to do; empty when nothing is.
    """

    host: str
    state: State
    key: HostKey | None = None
    before: HostKey | None = None
    message: str = ""
    mend: str = ""

    @property
    def ok(self) -> bool:
        """Whether the site trusts the key that the host shows."""
        return self.state in ("known", "trusted")

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.host,
            "state": self.state,
            "address": self.key.name if self.key else None,
            "type": self.key.kind if self.key else None,
            "fingerprint": self.key.fingerprint if self.key else None,
            "trusted_before": self.before.fingerprint if self.before else None,
            "message": self.message,
            "mend": self.mend,
        }


def trust(site: Site, confirm: Callable[[Trust], bool], replaced: Collection[str] = ()) -> tuple[Trust, ...]:
    """Read every host's key, and write those that are known or confirmed into the site's known_hosts.

    Jump hosts come first, because the way to the others leads through them.

    :param confirm: asked for each key that the site does not trust yet, one at a time.
    :param replaced: hosts whose changed key may be confirmed too.
    :return: jump hosts, then hosts in the order of hosts.yml.
    :raises CollabError: LOCKED when another run works on the site.
    """
    path = site.directory / KNOWN_HOSTS
    variables = connections(site)
    with site_lock(site.directory, "hosts trust"), private_folder() as work:
        session = _Session(hostkeys.read(path), _Scanner(work.path, identities(variables)), confirm, replaced)
        found = []
        for chain in _chains(variables.values()):
            found.append(session.decide(chain[-1], session.look(chain[-1], hostkeys.jump_variables(chain))))
        with ThreadPoolExecutor(max_workers=16) as pool:
            looks = {name: pool.submit(session.look, name, settings) for name, settings in variables.items()}
            found += [session.decide(name, look.result()) for name, look in looks.items()]
        text = hostkeys.render(session.keys)
        if session.keys and (not path.exists() or path.read_text(encoding="utf-8") != text):
            atomic.write(path, text)
    return tuple(found)


def _chains(variables: Collection[Mapping[str, object]]) -> list[list[str]]:
    """Return each jump host with those before it, every one once, nearest first."""
    ways = [hostkeys.jumps(settings) for settings in variables]
    chains = [way[: length + 1] for way in ways for length in range(len(way))]
    return [chain for index, chain in enumerate(chains) if chain not in chains[:index]]


@dataclass(frozen=True)
class _Scanner:
    """Where scans put their files, and the keys that jump hosts are offered."""

    folder: Path
    identities: Sequence[str]

    def scan(self, variables: Mapping[str, object], way: Sequence[HostKey]) -> HostKey:
        """Return the key that a host shows."""
        return hostkeys.scan(variables, way, Path(tempfile.mkdtemp(dir=self.folder)), self.identities)


class _Session:
    """The keys that are trusted so far, and how more of them are."""

    def __init__(
        self, keys: Sequence[HostKey], scanner: _Scanner, confirm: Callable[[Trust], bool], replaced: Collection[str]
    ) -> None:
        self.keys = list(keys)
        self._scanner = scanner
        self._confirm = confirm
        self._replaced = replaced

    def look(self, host: str, variables: Mapping[str, object]) -> HostKey | Trust:
        """Return the key that a host shows, or why it is not reached."""
        names = {jump.rpartition("@")[2] for jump in hostkeys.jumps(variables)}
        way = [key for key in self.keys if key.name.replace("[", "").replace("]", "") in names]
        try:
            return self._scanner.scan(variables, way)
        except ScanError as error:
            meaning, mend = ssh.reason(str(error))
            address = str(variables["ansible_host"])
            words = {"host": host, "user": variables.get("ansible_user", "you"), "address": address}
            message = f"{host} ({address}) is not reached: {meaning}"
            return Trust(host, "unreachable", message=message, mend=mend.format_map(words))

    def decide(self, host: str, shown: HostKey | Trust) -> Trust:
        """Compare a key with what is trusted, ask about a new one, and take it over."""
        if isinstance(shown, Trust):
            return shown
        if shown in self.keys:
            return Trust(host, "known", shown)
        before = next((key for key in self.keys if key.name == shown.name and key.kind == shown.kind), None)
        offered = Trust(host, "declined", shown, before)
        if before is not None and host not in self._replaced:
            return replace(
                offered,
                state="changed",
                message=f"{host} shows the key {shown.fingerprint}, and the site trusts {before.fingerprint}: it was "
                "reinstalled, or somebody else answers in its place",
                mend=f"{_COMPARE}; if it is right: collab-stack hosts trust --replace {host}",
            )
        if not self._confirm(offered):
            return replace(
                offered,
                message=f"{host}: the key {shown.fingerprint} was not confirmed",
                mend=_COMPARE,
            )
        # A host that was reinstalled has new keys of every kind.
        self.keys = [key for key in self.keys if before is None or key.name != shown.name] + [shown]
        return replace(offered, state="trusted")
