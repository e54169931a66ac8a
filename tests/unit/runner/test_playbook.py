"""The site's playbook with the inventory of a plan, as Ansible itself reads them."""

from __future__ import annotations

from pathlib import Path

import yaml

from collab_stack.plan.roles import ORDER
from collab_stack.runner import inventory
from collab_stack.runner.command import Playbook
from collab_stack.runner.executor import Files, Outcome, execute
from tests.unit.plan.conftest import MakePlan, make_plan, make_site

__all__ = ["make_plan", "make_site"]

CONNECTION = {"ansible_host": "10.20.1.1", "ansible_user": "operator"}


def run(folder: Path, content: dict[str, object], *extra: str) -> Outcome:
    """Hand the site's playbook to Ansible."""
    (folder / "inventory.yml").write_text(yaml.safe_dump(content))
    (folder / "secrets.yml").write_text("collab_secrets: {}\n")
    (folder / "password").write_text("unused\n")
    wanted = Playbook(
        playbook="site.yml",
        inventory=folder / "inventory.yml",
        secrets=folder / "secrets.yml",
        vault_password=folder / "password",
        ssh_config=folder / "ssh_config",
        work=folder,
        events_fd=-1,
        run_id="test",
        extra=extra,
    )
    return execute(wanted, Files(folder / "log", folder / "events"))


def test_ansible_accepts_the_playbook_without_a_word(tmp_path: Path, make_plan: MakePlan) -> None:
    outcome = run(tmp_path, inventory.build(make_plan(), {"host1": CONNECTION}), "--syntax-check")
    assert outcome.returncode == 0, outcome.complaint
    log = (tmp_path / "log").read_text()
    assert "WARNING" not in log
    assert outcome.deprecations == ()


def test_a_role_that_no_host_runs_costs_nothing(tmp_path: Path) -> None:
    groups: dict[str, object] = {f"role_{role}": {"hosts": {}} for role in ORDER}
    outcome = run(tmp_path, {"all": {"children": groups}})
    assert outcome.returncode == 0, outcome.complaint
    assert outcome.summary.remote_tasks == 0
    assert "Could not match" not in (tmp_path / "log").read_text()


def test_the_inventory_has_the_plans_variables_and_no_secret(make_plan: MakePlan) -> None:
    plan = make_plan()
    content = inventory.build(plan, {"host1": {**CONNECTION, "ansible_become_password": "{{ collab_secrets.x }}"}})
    host = content["all"]["hosts"]["host1"]
    assert host["ansible_become"] is True
    assert host["ansible_become_password"] == "{{ collab_secrets.x }}"
    assert set(plan.host_variables["host1"]) <= set(host)
    assert content["all"]["children"]["role_edge"] == {"hosts": {"host1": None}}
    assert list(content["all"]["children"]) == [f"role_{role}" for role in ORDER]


def test_root_needs_no_sudo(make_plan: MakePlan) -> None:
    content = inventory.build(make_plan(), {"host1": {**CONNECTION, "ansible_user": "root"}}, {"a": 1})
    assert content["all"]["hosts"]["host1"]["ansible_become"] is False
    assert content["all"]["vars"] == {"a": 1}
