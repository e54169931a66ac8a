"""The inventory that Ansible gets: the site's connection settings plus the plan's role variables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collab_stack.plan.roles import ORDER
from collab_stack.runner.ssh import becomes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_stack.plan.model import Plan


def build(
    plan: Plan, connections: Mapping[str, Mapping[str, object]], common: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """Return an Ansible YAML inventory as plain data.

    Each role is a group ``role_<name>``, also one that no host runs: its play then matches nothing and costs nothing.

    :param plan: the computed plan; its host variables name secrets as ``{{ collab_secrets.… }}``, never their values.
    :param connections: host -> the ``ansible_*`` connection variables of hosts.yml.
    :param common: variables that are the same on every host.
    """
    hosts = {
        host: {"ansible_become": becomes(settings)} | dict(settings) | dict(plan.host_variables[host])
        for host, settings in sorted(connections.items())
    }
    groups = {
        f"role_{role}": {"hosts": {host: None for host in sorted(connections) if role in plan.roles[host]}}
        for role in ORDER
    }
    return {"all": {"hosts": hosts, "vars": dict(common or {}), "children": groups}}
