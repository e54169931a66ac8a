"""The model's companions agree with it: layout and plan, schema and example, reference page and code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic.fields import FieldInfo

from collab_stack import catalogue, paths
from collab_stack.catalogue import contract
from collab_stack.catalogue.layout import COMPONENTS, GROUPS, PUBLIC_LABELS
from collab_stack.plan.definitions import SERVICES
from collab_stack.site import SiteConfig, reference, schema
from collab_stack.site.describe import infos, models
from collab_stack.site.model.inventory import HostsFile
from collab_stack.site.model.services import Services
from tests.unit.site.sites import HOSTS, SITE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

EXAMPLES = sorted(path.parent for path in paths.inventories().glob("*/site.yml"))


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every field of a model with its dotted path, from the outside in."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field
        for below in models(field.annotation):
            yield from fields(below, f"{prefix}{name}.")


def test_groups_are_those_of_the_plan() -> None:
    assert set(GROUPS) == {definition.group for definition in SERVICES.values()}


def test_public_labels_are_those_of_the_plan() -> None:
    assert {
        name: definition.public_label for name, definition in SERVICES.items() if definition.public_label
    } == PUBLIC_LABELS


def test_every_service_of_the_site_has_a_component() -> None:
    assert set(COMPONENTS) == set(Services.model_fields)
    assert {
        name: definition.component for name, definition in SERVICES.items() if name == definition.settings
    } == COMPONENTS
    assert set(COMPONENTS.values()) <= set(catalogue.load().components)


@pytest.mark.parametrize("path", [path for path, _ in fields(SiteConfig)])
def test_every_key_is_described(path: str) -> None:
    field = dict(fields(SiteConfig))[path]
    assert field.description or models(field.annotation), f"{path} has no docstring"


@pytest.mark.parametrize("path", [path for path, _ in [*fields(SiteConfig), *fields(HostsFile)]])
def test_every_pattern_has_an_example_that_fits(path: str) -> None:
    field = dict([*fields(SiteConfig), *fields(HostsFile)])[path]
    notes = [field, *infos(field.annotation)]
    patterns = [meta.pattern for note in notes for meta in note.metadata if getattr(meta, "pattern", None)]
    special = [pattern for pattern in patterns if "x1f" not in pattern]  # "no control character" needs no example
    assert not special or any(note.examples for note in notes), f"{path} shows no example in its mend"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_sites_fit_the_schema(example: Path) -> None:
    for name, found in (("site.yml", schema.site()), ("hosts.yml", schema.hosts())):
        Draft202012Validator.check_schema(found)
        Draft202012Validator(found).validate(yaml.safe_load((example / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (SITE.replace("organisation:", "organization:"), "organization"),
        (SITE.replace("language: sv", "language: xx"), "xx"),
        (SITE.replace("kind: local", "kind: s4"), "s4"),
    ],
)
def test_schema_refuses_what_the_check_refuses(text: str, part: str) -> None:
    messages = [error.message for error in Draft202012Validator(schema.site()).iter_errors(yaml.safe_load(text))]
    assert any(part in message for message in messages)


def test_schema_of_hosts_knows_the_groups() -> None:
    Draft202012Validator(schema.hosts()).validate(yaml.safe_load(HOSTS))
    wrong = yaml.safe_load(HOSTS.replace("    cache:", "    caches:"))
    assert list(Draft202012Validator(schema.hosts()).iter_errors(wrong))


def test_schema_explains_every_key() -> None:
    definitions = schema.site()["$defs"]
    assert definitions["Mail"]["properties"]["relay"]["description"] == "Name or address of the agency's mail relay."


def test_reference_page_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "site.md"
    assert page.read_text(encoding="utf-8") == reference.page(), (
        "run `python -m collab_stack.site.reference > docs/reference/site.md`"
    )


def test_reference_page_names_every_key() -> None:
    page = reference.page()
    missing = [path for path, _ in fields(SiteConfig) if f"| `{path.rsplit('.', 1)[-1]}` |" not in page]
    assert missing == []


def test_contract_knows_what_upstream_reads_and_nothing_else() -> None:
    keycloak, nextcloud = contract.environment("keycloak"), contract.environment("nextcloud")
    assert keycloak.knows("KC_DB_URL")
    assert keycloak.knows("KC_LOG_LEVEL_ORG_HIBERNATE")
    assert not keycloak.knows("KC_DB_ULR")
    assert not keycloak.knows("KC_LOG_LEVEL_")
    assert nextcloud.knows("PHP_MEMORY_LIMIT")
    assert not nextcloud.knows("NEXTCLOUD_VERSION")
    assert contract.nextcloud_settings().types["trusted_proxies"] == "array"
    assert set(contract.nextcloud_settings().secret) <= set(contract.nextcloud_settings().types)
