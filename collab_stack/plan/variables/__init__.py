"""Ansible variables of every host: its connection settings from hosts.yml and what each of its roles computes.

A role's module here is named like the role and offers ``variables(context, host) -> dict[str, object]``, whose keys are
the names of the role's ``meta/argument_specs.yml``. A role without a module takes nothing from the plan.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from collab_stack.plan.context import Context


class VariablesFunction(Protocol):
    """The function that a role's module offers."""

    def __call__(self, context: Context, host: str) -> dict[str, object]:
        """Return the role's variables for a host."""


def function(role: str) -> VariablesFunction | None:
    """Return the variables function of a role, or None when the role has no module here."""
    name = f"{__name__}.{role}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # the module is there and itself imports something that is not
            raise
        return None
    found: VariablesFunction = module.variables
    return found


def collect(context: Context, host: str, roles: Iterable[str], connection: Mapping[str, object]) -> dict[str, object]:
    """Return all variables of one host.

    :param connection: what hosts.yml says about the host, ``ansible_*`` keys.
    :raises ValueError: when two roles claim one name with different values. Every variable carries its role's name in
        front, so this is a defect in a role.
    """
    collected: dict[str, object] = dict(connection)
    for role in roles:
        compute = function(role)
        for key, value in (compute(context, host) if compute else {}).items():
            if key in collected and collected[key] != value:
                raise ValueError(f"role {role} gives {key} another value than a role before it on {host}")
            collected[key] = value
    return collected
