"""What the plan of whole sites is, to the last flow. After a wanted change: COLLAB_GOLDEN=write pytest this file."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from collab_stack import catalogue, paths
from collab_stack.plan import build, to_json
from collab_stack.site.loader import examine

if TYPE_CHECKING:
    from collab_stack.plan import Plan
    from tests.unit.plan.conftest import MakePlan

GOLDEN = Path(__file__).parent / "golden"

SITES: dict[str, tuple[dict[str, Any], dict[str, tuple[str, ...]] | None]] = {
    "one-host": ({}, None),
    "spread": (
        {"networks.trusted_segments": ["10.20.1.0/24"]},
        {"e1": ("edge",), "e2": ("edge",), "s1": ("sso",), "d1": ("database", "cache"), "n1": ("nextcloud",)},
    ),
    "own-services": (
        {
            "services.postgresql.external": {"address": "db.agency.example", "port": 5433},
            "services.edge.external": {"address": "10.20.7.1", "port": 443},
            "registry": None,
            "packages": None,
            "sso.directory": None,
        },
        {"h1": ("sso", "cache"), "h2": ("nextcloud",)},
    ),
}


def document(plan: Plan) -> dict[str, Any]:
    """Return everything of a plan but the roles' variables, which the roles' own tests hold."""
    return to_json(plan) | {
        "flow_ends": [
            f"{f.source} -> {f.destination}:{f.port}/{f.protocol} {f.transport}: "
            + " ".join(f.source_hosts or f.source_addresses)
            + " -> "
            + " ".join(f.destination_hosts or f.destination_addresses)
            + (" (same host)" if f.same_host else "")
            for f in plan.flows
        ],
        "inbound": {host: [p.as_variable() for p in permissions] for host, permissions in plan.inbound.items()},
        "dns": [f"{record.name} {record.kind} {record.value}" for record in plan.dns],
        "networks": {name: dataclasses.asdict(network) for name, network in plan.networks.items()},
        "roles": {host: list(roles) for host, roles in plan.roles.items()},
        "packages": {host: list(names) for host, names in plan.packages.items()},
        "secrets": sorted(plan.secrets),
        "unlocked": list(plan.unlocked),
    }


@pytest.mark.parametrize("name", SITES)
def test_the_plan_is_the_golden_one(make_plan: MakePlan, name: str) -> None:
    compare(name, document(make_plan(*SITES[name])))


@pytest.mark.parametrize("name", sorted(path.name for path in paths.inventories().iterdir() if path.is_dir()))
def test_the_plan_of_an_example_site_is_the_golden_one(name: str) -> None:
    site = examine(paths.inventories() / name).site
    assert site is not None, "the example cannot be read"
    compare(f"inventory-{name}", document(build(site, catalogue.load())))


def compare(name: str, found: dict[str, Any]) -> None:
    """Compare with, or on request write, the golden file."""
    file = GOLDEN / f"{name}.json"
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("COLLAB_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert json.loads(file.read_text(encoding="utf-8")) == found


def test_equal_sites_give_equal_plans(make_plan: MakePlan) -> None:
    assert make_plan() == make_plan()
