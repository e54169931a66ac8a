"""What makes a site impossible to plan, though each of its values alone is right."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from collab_stack.errors import CollabError, ExitCode
from collab_stack.plan.definitions import SERVICES
from collab_stack.plan.networks import capacity
from collab_stack.plan.outside import ANYONE, is_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from collab_stack.plan.model import Flow
    from collab_stack.plan.placement import Placement
    from collab_stack.site import SiteConfig


class Refusal(NamedTuple):
    """Why a site is refused.

    :param file: of the site directory.
    :param key: dotted path within the file.
    """

    file: str
    key: str
    message: str
    mend: str


def refusals(config: SiteConfig, placement: Placement, flows: Iterable[Flow]) -> tuple[Refusal, ...]:
    """Return everything that speaks against a site; empty when it can be planned."""
    table = tuple(flows)
    return (
        *_homeless(placement),
        *_addresses(config, placement),
        *_networks(config, placement),
        *_overlaps(config, table),
        *_named_sources(table),
        *_clear(config, placement, table),
    )


def check(config: SiteConfig, placement: Placement, flows: Iterable[Flow]) -> None:
    """Refuse a site that cannot be planned.

    :raises CollabError: ``SITE_INVALID``, naming file and key of every refusal.
    """
    found = refusals(config, placement, flows)
    if found:
        raise CollabError(
            "\n".join(f"{refusal.file}: {refusal.key}: {refusal.message}" for refusal in found),
            mend="\n".join(dict.fromkeys(refusal.mend for refusal in found)),
            code="site-cannot-be-planned",
            exit_code=ExitCode.SITE_INVALID,
        )


def _homeless(placement: Placement) -> Iterator[Refusal]:
    for service in placement.services():
        if not placement.hosts(service) and placement.external(service) is None:
            group = SERVICES[service].group
            yield Refusal(
                "hosts.yml",
                f"all.children.{group}.hosts",
                f"no host carries {service}",
                f"Put a host into the group {group}, or give services.{SERVICES[service].settings} an `external` or "
                "`enabled: false` in site.yml.",
            )


def unwired(placement: Placement) -> Iterator[Refusal]:
    """Yield what can be planned, flows and firewall included, but what the roles do not make work yet.

    Two databases without replication, or two Keycloaks that do not know each other's sessions, are worse than one.
    """
    groups = {SERVICES[service].group: placement.hosts(service) for service in placement.services()}
    for group, hosts in groups.items():
        if len(hosts) > 1:
            yield Refusal(
                "hosts.yml",
                f"all.children.{group}.hosts.{hosts[1]}",
                f"{', '.join(hosts)} are all in the group {group}, and several hosts for one service are not supported",
                f"Leave one host in the group {group}; other groups may be on other hosts.",
            )


def _addresses(config: SiteConfig, placement: Placement) -> Iterator[Refusal]:
    pool = IPv4Network(config.networks.containers)
    for host, text in placement.addresses.items():
        key = f"all.hosts.{host}.ansible_host"
        if not is_address(text) or ip_address(text).version != 4:
            yield Refusal(
                "hosts.yml", key, f"{text} is not an IPv4 address", "Firewall rules need the host's IPv4 address."
            )
        elif IPv4Address(text) in pool:
            yield Refusal(
                "hosts.yml",
                key,
                f"{text} lies in networks.containers ({pool}), so containers could not reach it",
                "Set networks.containers in site.yml to a private range that the agency does not use.",
            )


def _networks(config: SiteConfig, placement: Placement) -> Iterator[Refusal]:
    pool = IPv4Network(config.networks.containers)
    indexes = [SERVICES[name].network_index or 0 for name in placement.services() if placement.hosts(name)]
    if max(indexes, default=0) >= capacity(pool):
        yield Refusal(
            "site.yml",
            "networks.containers",
            f"{pool} is too small: each container service takes a /24",
            "Give it a /16, such as 172.30.0.0/16.",
        )


def _overlaps(config: SiteConfig, flows: tuple[Flow, ...]) -> Iterator[Refusal]:
    pool = IPv4Network(config.networks.containers)
    parties = {
        (party, address): None
        for flow in flows
        for party, addresses in (
            (flow.source, flow.source_addresses),
            (flow.destination, flow.destination_addresses),
        )
        for address in addresses
        if party != "clients" and _is_network(address)  # clients may be anywhere, the pool included in "anywhere"
    }
    for party, address in parties:
        network = ip_network(address)
        if isinstance(network, IPv4Network) and network.overlaps(pool):
            yield Refusal(
                "site.yml",
                "networks.containers",
                f"{pool} overlaps with {address}, where {party} is: a host would look for it among its own containers",
                "Set networks.containers to a private range that the agency does not use.",
            )


def _named_sources(flows: tuple[Flow, ...]) -> Iterator[Refusal]:
    open_to_all = {(flow.destination, flow.port) for flow in flows if flow.source_addresses == ANYONE}
    for flow in flows:
        names = [address for address in flow.source_addresses if not _is_network(address)]
        if flow.destination_hosts and names and (flow.destination, flow.port) not in open_to_all:
            yield Refusal(
                "site.yml",
                f"services.{flow.source}.external.address",
                f"{names[0]} is a name, but {flow.destination} has to let it in and a firewall knows addresses only",
                "Give the IP address that it connects from.",
            )


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _clear(config: SiteConfig, placement: Placement, flows: tuple[Flow, ...]) -> Iterator[Refusal]:
    segments = [ip_network(str(segment)) for segment in config.networks.trusted_segments]
    for flow in flows:
        # What comes in clear from a client carries nothing but the wish to be redirected.
        if flow.transport != "clear" or flow.same_host or not flow.source_hosts:
            continue
        starts = [placement.address(host) for host in flow.source_hosts]
        ends = [*(placement.address(host) for host in flow.destination_hosts), *flow.destination_addresses]
        bare = [f"{start} to {end}" for start in starts for end in ends if not _trusted(segments, start, end)]
        if bare:
            yield Refusal(
                "site.yml",
                _CLEAR_KEYS.get(flow.destination, "networks.trusted_segments"),
                f"{flow.source} would talk to {flow.destination} (port {flow.port}) without encryption from "
                f"{', '.join(bare)}, which is within no trusted segment",
                "Encrypt it (mail.starttls: true; an ldaps:// URL), or declare in networks.trusted_segments the "
                "network that both ends lie in, and give the destination by its address.",
            )


_CLEAR_KEYS = {"mail": "mail.starttls", "directory": "sso.directory.url"}


def _trusted(segments: Sequence[IPv4Network | IPv6Network], *ends: str) -> bool:
    return any(all(is_address(end) and ip_address(end) in segment for end in ends) for segment in segments)
