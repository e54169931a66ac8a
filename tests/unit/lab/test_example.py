"""The lab's example site is a valid one, and its plan leads everything to the lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from collab_stack import catalogue, plan
from collab_stack.lab import example, state
from collab_stack.site import loader


@pytest.mark.parametrize("hosts", [1, 2, 4])
def test_the_example_is_valid_and_can_be_planned(tmp_path: Path, hosts: int) -> None:
    memory = state.create("one", hosts, ())
    directory = example.write(memory, tmp_path / "site")
    examination = loader.examine(directory)
    wrong = [finding for finding in examination.findings if finding.file in {"site.yml", "hosts.yml"}]
    assert not [finding for finding in wrong if finding.severity == "error"], wrong
    assert examination.site is not None
    made = plan.build(examination.site, catalogue.load())
    assert {record.value for record in made.dns} == {str(memory.layout.address("host1"))}
    assert {service.name for service in made.services} >= {"edge", "keycloak", "nextcloud", "postgresql", "valkey"}


def test_humans_supply_what_init_cannot_make() -> None:
    memory = state.create("one", 2, ())
    assert set(example.secrets(memory)) == {
        "directory_bind_password",
        "host1_become_password",
        "host2_become_password",
    }
