"""Whether the site's resolvers lead its public names to where the plan wants them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import dns.exception
import dns.resolver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collab_stack.plan.model import DnsRecord

SECONDS: Final = 3.0
"""For one answer of one resolver; they stand in the house."""


def wrong_names(records: Sequence[DnsRecord], resolvers: Sequence[str]) -> list[tuple[str, str]]:
    """Ask every resolver for every name; return (what is wrong, what mends it).

    :param records: the records of the plan; a name with several leads to all of their values.
    :param resolvers: addresses, as site.yml gives them.
    """
    wanted: dict[tuple[str, str], set[str]] = {}
    for record in records:
        wanted.setdefault((record.name, record.kind), set()).add(record.value)
    questions = [(resolver, name, kind) for resolver in resolvers for name, kind in wanted]
    with ThreadPoolExecutor(max_workers=16) as pool:
        answers = list(pool.map(lambda question: ask(*question), questions))
    silent = sorted({resolver for (resolver, _, _), answer in zip(questions, answers, strict=True) if answer is None})
    found = [
        (
            f"the resolver {resolver} does not answer",
            "check dns.resolvers in site.yml, and the firewall between them and this machine",
        )
        for resolver in silent
    ]
    for (resolver, name, kind), answer in zip(questions, answers, strict=True):
        values = wanted[name, kind]
        if answer is not None and answer != values:
            told = " and ".join(sorted(answer)) or "nothing"
            found.append(
                (
                    f"{name} leads to {told} at the resolver {resolver}, not to {' and '.join(sorted(values))}",
                    f"create in the agency's DNS: {'; '.join(f'{name} {kind} {value}' for value in sorted(values))}"
                    " (collab-stack plan --dns prints all)",
                )
            )
    return found


def ask(server: str, name: str, kind: str) -> set[str] | None:
    """Return what a resolver says of a name: addresses, or an alias's target; None when it is silent."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [server]
    resolver.lifetime = SECONDS
    try:
        answer = resolver.resolve(f"{name}.", kind)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return set()
    except (dns.exception.DNSException, OSError):
        return None
    return {str(entry).removesuffix(".") for entry in answer}
