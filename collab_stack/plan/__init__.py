"""Site + catalogue -> Plan. Pure: nothing here reads a file, asks the network or looks at the clock.

:func:`build` computes the plan, :func:`to_json` gives it the shape that ``collab-stack plan --json`` prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collab_stack.plan import dns, firewall, names, networks, packages, roles, rules, secrets, variables
from collab_stack.plan.context import Context
from collab_stack.plan.definitions import SERVICES, is_container
from collab_stack.plan.flows import FlowInput, flows
from collab_stack.plan.model import Plan, Service
from collab_stack.plan.placement import place

if TYPE_CHECKING:
    from collab_stack.catalogue import Catalogue
    from collab_stack.site import Site

__all__ = ["Context", "Plan", "build", "make_context", "refusals", "to_json"]

_SSH_PORT = 22


def _unchecked(site: Site, catalogue: Catalogue) -> Context:
    placement = place(site.config, site.hosts)
    pulled = [SERVICES[name].component for name in placement.services() if is_container(name) and placement.hosts(name)]
    table = flows(
        FlowInput(
            config=site.config,
            placement=placement,
            images=tuple(names.image(catalogue, site.lock, component) for component in pulled),
            ssh_ports={
                name: int(str(host.variables.get("ansible_port", _SSH_PORT))) for name, host in site.hosts.hosts.items()
            },
        )
    )
    return Context(site.config, catalogue, site.lock, placement, table)


def refusals(site: Site, catalogue: Catalogue) -> tuple[rules.Refusal, ...]:
    """Return everything that keeps a site from being deployed, each with file and key; empty when it can be."""
    context = _unchecked(site, catalogue)
    return (
        *rules.refusals(site.config, context.placement, context.flows),
        *rules.unwired(context.placement),
    )


def make_context(site: Site, catalogue: Catalogue) -> Context:
    """Return the context of a site: placement and flows, before any role has computed a variable.

    :raises CollabError: ``SITE_INVALID`` when the site cannot be planned (:mod:`collab_stack.plan.rules`).
    """
    context = _unchecked(site, catalogue)
    rules.check(site.config, context.placement, context.flows)
    return context


def build(site: Site, catalogue: Catalogue) -> Plan:
    """Return the plan of a site.

    :raises CollabError: ``SITE_INVALID`` when the site cannot be planned (:mod:`collab_stack.plan.rules`).
    """
    context = make_context(site, catalogue)
    placement = context.placement
    hosts = tuple(placement.addresses)
    host_roles = {host: roles.host_roles(placement, host) for host in hosts}
    host_variables = {
        host: variables.collect(context, host, host_roles[host], site.hosts.hosts[host].variables) for host in hosts
    }
    containers = [name for name in placement.services() if is_container(name) and placement.hosts(name)]
    return Plan(
        services=tuple(_service(context, name) for name in placement.services()),
        flows=context.flows,
        secrets=secrets.needed(site.config, placement, host_variables),
        host_variables=host_variables,
        packages={host: packages.packages(placement, host) for host in hosts},
        roles=host_roles,
        inbound={host: firewall.inbound(context.flows, placement, host) for host in hosts},
        dns=dns.records(site.config, placement),
        networks={name: networks.network(site.config, name) for name in containers},
        unlocked=tuple(
            SERVICES[name].component for name in containers if SERVICES[name].component not in site.lock.images
        ),
    )


def _service(context: Context, name: str) -> Service:
    definition = SERVICES[name]
    external = context.external(name)
    runs_image = is_container(name) and external is None
    return Service(
        name=name,
        hosts=context.hosts(name),
        url=context.url(name) if definition.public_label else None,
        version=None if external else names.version(context.config, context.catalogue, name),
        image=context.image(definition.component) if runs_image else None,
        external=external,
    )


def to_json(plan: Plan) -> dict[str, Any]:
    """Return ``services`` and ``flows`` as ``collab-stack plan --json`` prints them (docs/cli.md).

    ``ok`` and ``changes`` are not here: they depend on what the hosts answer.
    """
    return {
        "services": [
            {
                "name": service.name,
                "hosts": list(service.hosts),
                "url": service.url,
                "version": service.version,
                "image": service.image,
            }
            for service in plan.services
        ],
        "flows": [
            {
                "from": flow.source,
                "to": flow.destination,
                "port": flow.port,
                "protocol": flow.protocol,
                "reason": flow.reason,
                "legal": flow.legal,
            }
            for flow in plan.flows
        ],
    }
