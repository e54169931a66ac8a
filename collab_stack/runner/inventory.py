"""The inventory that Ansible gets: the site's connection settings plus the plan's role variables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collab_stack.plan.model import Plan


def build(
    plan: Plan, roles: Mapping[str, Sequence[str]], connections: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return an Ansible YAML inventory as plain data.

    :param plan: the computed plan; its host variables name secrets as ``{{ collab_secrets.… }}``, never their values.
    :param roles: host -> the roles it runs. Each role becomes a group ``role_<name>``, so that a play of a role that
        no host runs matches nothing and costs nothing.
    :param connections: host -> the ``ansible_*`` connection variables of hosts.yml.
    """
    hosts = {
        host: {"ansible_become": True} | dict(connections[host]) | dict(plan.host_variables[host])
        for host in sorted(connections)
    }
    groups: dict[str, dict[str, Any]] = {}
    for host in sorted(roles):
        for role in roles[host]:
            groups.setdefault(f"role_{role}", {"hosts": {}})["hosts"][host] = None
    return {"all": {"hosts": hosts, "children": groups}}
