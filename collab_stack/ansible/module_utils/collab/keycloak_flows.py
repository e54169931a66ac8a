# GNU General Public License v3.0 or later (see LICENSE)
"""Authentication flows: compared as trees, replaced as a whole, so that no login ever meets half a flow.

Keycloak changes a flow by many requests. So a flow that differs is built anew under its other name (``X``, ``X 2``),
bound to the realm in one request, and only then is the old one removed. A kill in between leaves an unbound flow,
which the next run throws away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ansible.module_utils.collab.keycloak_api import segment
from ansible.module_utils.collab.keycloak_compare import Difference, Json, words
from ansible.module_utils.collab.keycloak_state import FLOW_BINDINGS, Session, State, Step, changed, created, one

STEP_KEYS = ("authenticator", "requirement", "config", "steps")

SELF = "{flow}"
"""In a configuration: stands for the flow's own alias, which the aliases of its sub-flows begin with."""


def names(alias: str) -> tuple[str, str]:
    """Return the two aliases that a flow of ours alternates between."""
    return alias, f"{alias} 2"


def tree(alias: str, state: State) -> list[Json]:
    """Return a flow's steps in order: ``authenticator`` or ``flow``, ``requirement``, ``config``, ``steps``."""
    configs = {item["alias"]: item.get("config", {}) for item in state.export.get("authenticatorConfig", [])}

    def steps(flow_alias: str) -> list[Json]:
        flow = state.flow(flow_alias) or {}
        executions = sorted(flow.get("authenticationExecutions", []), key=lambda item: item.get("priority", 0))
        return [step(execution) for execution in executions]

    def step(execution: Json) -> Json:
        if execution.get("authenticatorFlow"):
            name = execution["flowAlias"]
            own = name.removeprefix(f"{alias} ")
            return {"flow": own, "requirement": execution["requirement"], "steps": steps(name)}
        config = configs.get(execution.get("authenticatorConfig", ""), {})
        return {
            "authenticator": execution.get("authenticator", ""),
            "requirement": execution["requirement"],
            "config": {key: value.replace(alias, SELF) for key, value in config.items()},
        }

    return steps(alias)


def wanted_tree(steps: Sequence[Json]) -> list[Json]:
    """Return declared steps in the form of :func:`tree`."""
    return [
        {"flow": item["flow"], "requirement": item["requirement"], "steps": wanted_tree(item["steps"])}
        if item.get("flow")
        else {
            "authenticator": item["authenticator"],
            "requirement": item["requirement"],
            "config": dict(item.get("config") or {}),
        }
        for item in steps
    ]


def tree_differences(wanted: Sequence[Json], actual: Sequence[Json], path: str = "") -> Iterator[Difference]:
    """Yield how two trees differ, each under the path of its step."""
    for position in range(max(len(wanted), len(actual))):
        after = wanted[position] if position < len(wanted) else None
        before = actual[position] if position < len(actual) else None
        if before == after:
            continue
        if before is None or after is None or _name(before) != _name(after):
            aspect = f"{path}step {position + 1}"
            yield Difference(aspect, _name(before) or "(none)", _name(after) or "(none)")
            continue
        where = path + _name(after)
        if before["requirement"] != after["requirement"]:
            yield Difference(where, before["requirement"], after["requirement"])
        if before.get("config") != after.get("config"):
            yield Difference(f"{where}: configuration", words(before["config"]), words(after["config"]))
        yield from tree_differences(after.get("steps", []), before.get("steps", []), f"{where} / ")


def _name(step: Json | None) -> str:
    return "" if step is None else str(step.get("flow") or step["authenticator"])


def flow_steps(wanted: Sequence[Json], state: State) -> list[Step]:
    """Return what makes our flows right and bound to the realm."""
    steps: list[Step] = []
    for flow in wanted:
        field = FLOW_BINDINGS[flow["binding"]]
        bound = state.export.get(field, "")
        target, apply = f"flow {flow['alias']}", partial(_replace, flow)
        if not any(state.flow(name) for name in names(flow["alias"])):
            steps.append(created(target, apply))
            continue
        current = bound if bound in names(flow["alias"]) else ""
        found = [] if current else [Difference(f"bound as {flow['binding']} flow", bound, flow["alias"])]
        if current:
            found += tree_differences(wanted_tree(flow["steps"]), tree(current, state))
        if not found:
            found = [
                Difference(f"leftover {name}", "yes", "no")
                for name in names(flow["alias"])
                if name != current and state.flow(name)
            ]
        steps += changed(target, found, apply)
    return steps


def _replace(wanted: Json, session: Session) -> None:
    field = FLOW_BINDINGS[wanted["binding"]]
    bound = session.state.export.get(field, "")
    current = bound if bound in names(wanted["alias"]) else ""
    if not current or list(tree_differences(wanted_tree(wanted["steps"]), tree(current, session.state))):
        current = next(name for name in names(wanted["alias"]) if name != bound)
        _remove(current, session)
        _build(current, wanted, session)
        session.call("PUT", "", {**session.call("GET", ""), field: current})
    for name in names(wanted["alias"]):
        if name != current:
            _remove(name, session)
    session.refresh()


def _remove(alias: str, session: Session) -> None:
    flow = one(session.call("GET", "/authentication/flows"), "alias", alias)
    if flow is not None:
        session.call("DELETE", f"/authentication/flows/{flow['id']}")


def _build(alias: str, wanted: Json, session: Session) -> None:
    flow = {
        "alias": alias,
        "description": wanted["description"],
        "providerId": "basic-flow",
        "topLevel": True,
        "builtIn": False,
    }
    session.call("POST", "/authentication/flows", flow)
    _add_steps(alias, alias, wanted["steps"], session)


def _add_steps(top: str, parent: str, steps: Sequence[Json], session: Session) -> None:
    base = f"/authentication/flows/{segment(parent)}/executions"
    for position, step in enumerate(steps, start=1):
        priority = position * 10
        if step.get("flow"):
            alias = f"{top} {step['flow']}"
            body = {"alias": alias, "type": "basic-flow", "description": "", "provider": "", "priority": priority}
            session.call("POST", f"{base}/flow", body)
            _require(parent, "displayName", alias, step["requirement"], session)
            _add_steps(top, alias, step["steps"], session)
            continue
        execution = session.call("POST", f"{base}/execution", {"provider": step["authenticator"], "priority": priority})
        _require(parent, "id", execution, step["requirement"], session)
        if step.get("config"):
            config = {key: value.replace(SELF, top) for key, value in step["config"].items()}
            body = {"alias": f"{parent} {step['authenticator']}", "config": config}
            session.call("POST", f"/authentication/executions/{execution}/config", body)


def _require(parent: str, key: str, value: str, requirement: str, session: Session) -> None:
    path = f"/authentication/flows/{segment(parent)}/executions"
    execution = one(session.call("GET", path), key, value)
    if execution is not None and execution["requirement"] != requirement:
        session.call("PUT", path, {**execution, "requirement": requirement})
