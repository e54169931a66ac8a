"""PostgreSQL: its clients reach it over verified TLS, it answers queries, and nobody talks to it in clear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from collab_stack.probes.model import Probe, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.probes.target import Target

_UNIT: Final = "look at `journalctl -u postgresql@17-collab` on the database host"

MOST_CONNECTIONS: Final = 0.9
"""Of max_connections; above it the next busy morning is refused."""


class Transport(Probe):
    """Each host whose services use the database gets a TLS connection that verify-full accepts."""

    id = "postgresql.tls"
    service = "postgresql"
    severity = "critical"
    lane = "hosts"
    did = "asked the database for TLS from its clients' hosts"
    mend = _UNIT

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per client host."""
        yield from transport(self.service, target, _UNIT)


class Queries(Probe):
    """The server answers a query, has connections left, and no client of it is without TLS."""

    id = "postgresql.query"
    service = "postgresql"
    severity = "critical"
    lane = "hosts"
    did = "asked pg_stat_ssl on the database host"
    mend = _UNIT

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per database host."""
        for host, found in target.health("database"):
            did = f"psql on {host}: pg_stat_ssl and max_connections"
            if found.get("error"):
                yield Seen("fail", did, found["error"], _UNIT, host=host)
            elif found["clear"]:
                saw = f"connections without TLS by {', '.join(found['clear'])}"
                yield Seen("fail", did, saw, "run `collab-stack deploy --only postgresql`", host=host)
            elif found["connections"] > found["most"] * MOST_CONNECTIONS:
                saw = f"{found['connections']} of {found['most']} connections are taken"
                mend = "raise max_connections in services.postgresql.extra.settings, and its memory"
                yield Seen("fail", did, saw, mend, host=host)
            else:
                saw = f"{found['connections']} of {found['most']} connections, none from elsewhere without TLS"
                yield Seen("pass", did, saw, host=host)


def transport(service: str, target: Target, unit: str) -> Iterator[Seen]:
    """Yield what each client host saw of a service's TLS."""
    for host, report in target.reports().items():
        found: dict[str, Any] | None = report.health.get("tls", {}).get(service)
        if found is None:
            continue
        did = f"opened TLS to {found['name']} ({found['address']}:{found['port']}) from {host}"
        if found.get("error"):
            mend = f"{unit}; run `collab-stack deploy --only tls,{service}` when it is the certificate"
            yield Seen("fail", did, found["error"], mend, host=host)
        else:
            yield Seen("pass", did, f"{found['version']}, verified; {found['answer']}", host=host)
