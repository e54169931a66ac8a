"""Valkey: its clients reach it over verified TLS, and it knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_stack.probes.model import Probe
from collab_stack.probes.postgresql import transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.probes.model import Seen
    from collab_stack.probes.target import Target


class Transport(Probe):
    """Each host whose services use the cache gets a verified TLS connection, logs in as the service, and hears PONG.

    Nextcloud's status stays well while the cache is away, and its logins hang: so this asks the cache itself.
    """

    id = "valkey.tls"
    service = "valkey"
    severity = "critical"
    lane = "hosts"
    did = "logged in to the cache over TLS from its clients' hosts"
    mend = "look at `journalctl -u valkey-server@collab` on the cache host"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per client host."""
        yield from transport(self.service, target, self.mend)
