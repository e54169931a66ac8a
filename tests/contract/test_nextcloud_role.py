"""Everything that the role nextcloud gives to Nextcloud is known to upstream: variables, settings, commands."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.collab import atomic
from ansible.module_utils.collab.nextcloud import apps
from ansible.module_utils.collab.nextcloud.instance import Instance
from ansible.module_utils.collab.nextcloud.occ import Occ

from collab_stack import paths
from tests.contract.conftest import CONTENT
from tests.contract.occ import ContractError, ContractOcc
from tests.standins.nextcloud import contract
from tests.unit.plan.conftest import MakePlan

ROLE = paths.roles() / "nextcloud"
SITES: dict[str, dict[str, Any]] = {
    "plain": {},
    "with mail login and s3": {
        "mail.user": "files",
        "services.nextcloud.storage": {
            "kind": "s3",
            "bucket": "files",
            "region": "se",
            "hostname": "s3.agency.example",
            "access_key": "key",
        },
    },
}


@pytest.fixture(scope="module", params=SITES)
def rendered(
    request: pytest.FixtureRequest, make_plan: MakePlan, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the role's two tasks are given, rendered by Ansible from the plan of a site."""
    folder = tmp_path_factory.mktemp("role")
    plan = make_plan(SITES[request.param])
    tasks = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text(encoding="utf-8"))
    instance = next(task["nextcloud_instance"] for task in tasks if "nextcloud_instance" in task)
    wanted = {"instance": instance, "environment": "{{ nextcloud_environment }}"}
    given = {**plan.host_variables["host1"], "collab_secrets": dict.fromkeys(plan.secrets, "secret")}
    given |= {"tls_internal_ca_certificate": "certificate", "role_wanted": wanted}
    given["container_service_result"] = {"changed": True}  # the container was started by the task before
    task = {"content": "{{ role_wanted | to_json }}", "dest": f"{folder}/out", "mode": "0600"}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [str(ROLE / "defaults" / "main.yml"), *map(str, sorted((ROLE / "vars" / "main").iterdir()))],
        "tasks": [{"ansible.builtin.copy": task}],
    }
    (folder / "templates").symlink_to(ROLE / "templates")
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    (folder / "given.yml").write_text(yaml.safe_dump(json.loads(json.dumps(given, default=str))), encoding="utf-8")
    extra, environment = f"--extra-vars=@{folder}/given.yml", {"PATH": os.environ["PATH"], "HOME": str(folder)}
    environment |= {"LC_ALL": "C.UTF-8", "ANSIBLE_LOCALHOST_WARNING": "0"}
    command = [sys.executable, "-m", "ansible", "playbook", extra, str(folder / "play.yml")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads((folder / "out").read_text(encoding="utf-8"))
    return result


def config_file(rendered: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the role's own *.config.php."""
    found = re.search(r"<<<'JSON'\n(.*)\nJSON, true\)", rendered["instance"]["config_content"], re.DOTALL)
    assert found is not None
    settings: dict[str, Any] = json.loads(found[1])
    return settings


def test_the_environment_is_read_by_the_image(rendered: dict[str, Any]) -> None:
    assert rendered["environment"].keys() - set(contract.environment()["variables"]) == set()
    assert rendered["environment"]


def test_the_system_settings_are_upstream_s(rendered: dict[str, Any]) -> None:
    known = contract.system_settings()
    both = {**rendered["instance"]["system"], **config_file(rendered)}
    assert both.keys() - known.keys() == set()
    assert {"trusted_domains", "pgsql_ssl", "redis", "overwriteprotocol"} <= both.keys()


def test_the_system_settings_have_upstream_s_types(rendered: dict[str, Any]) -> None:
    """PHP compares some of them strictly, and "false" is true."""
    python: dict[str, Any] = {"array": (list, dict), "boolean": bool, "integer": int, "string": str, "float": float}
    known = contract.system_settings()
    for key, value in {**rendered["instance"]["system"], **config_file(rendered)}.items():
        wanted = python.get(known[key], object)
        assert isinstance(value, wanted), f"{key}: {value!r} is no {known[key]}"
        assert wanted is not int or not isinstance(value, bool), key


def test_app_settings_are_what_config_import_takes(rendered: dict[str, Any]) -> None:
    for item in rendered["instance"]["app_settings"]:
        assert isinstance(item["value"], str), item


def test_no_password_is_in_config_php(rendered: dict[str, Any]) -> None:
    """config:import writes config.php, which occ prints; what holds a password is in the role's own file."""
    assert "secret" not in json.dumps(rendered["instance"]["system"])


def test_the_provider_s_options_are_upstream_s(rendered: dict[str, Any]) -> None:
    known = contract.commands()["user_oidc:provider"]["options"]
    options = rendered["instance"]["provider"]["options"]
    assert {f"--{name}" for name in options} - known.keys() == set()
    assert options["group-whitelist-regex"], "without it a login takes every other group away, the local admin's too"


def archive(folder: Path) -> tuple[str, str]:
    """Write an app's archive; return its path and SHA-512."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("user_oidc/appinfo/info.xml")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"<a/>"))
    path = folder / "user_oidc.tar.gz"
    path.write_bytes(buffer.getvalue())
    return str(path), hashlib.sha512(buffer.getvalue()).hexdigest()


@pytest.fixture
def parameters(rendered: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The module's parameters, on folders of the test's own."""
    # Giving files away needs root, and changes nothing about what is said to occ.
    monkeypatch.setattr(apps, "OWNER", os.getuid())
    monkeypatch.setattr(atomic.os, "fchown", lambda *_: None, raising=False)
    monkeypatch.setattr(atomic.os, "chown", lambda *_, **__: None)
    path, digest = archive(tmp_path)
    (tmp_path / "html" / "config").mkdir(parents=True)
    (tmp_path / "html" / "custom_apps").mkdir()
    return {
        "config_name": "zz-collab.config.php",
        **rendered["instance"],
        "html_dir": str(tmp_path / "html"),
        "data_dir": str(tmp_path / "data"),
        "state_dir": str(tmp_path / "state"),
        "apps": [{"id": "user_oidc", "sha512": digest}],
        "archives": {digest: path},
        "app_settings": [{"type": "string", **item} for item in rendered["instance"]["app_settings"]],
    }


def converge(parameters: dict[str, Any], occ: ContractOcc) -> set[str]:
    """Run the module's work; return the commands that it gave."""
    Instance(Occ(occ, "collab-nextcloud"), parameters).converge(check=False)
    return set(occ.commands)


def test_every_call_of_the_module_is_upstream_s(parameters: dict[str, Any]) -> None:
    version = parameters["version"]
    fresh = ContractOcc({"installed": False, "versionstring": version})
    given = converge(parameters, fresh)
    old = ContractOcc(
        {"installed": True, "versionstring": version, "needsDbUpgrade": True, "maintenance": True},
        {"system": {}, "apps": {"core": {"backgroundjobs_mode": 5}, "weather_status": {"enabled": "yes"}}},
    )
    parameters["admin"] = {**parameters["admin"], "password": "another"}
    given |= converge(parameters, old)
    assert ({"OC_PASS"} <= set().union(*old.environments)) is True
    assert written_down() - given == set(), "a call that no scenario here makes"


def written_down() -> set[str]:
    """Return every command that stands in the module's source."""
    names = set()
    for path in (CONTENT / "module_utils" / "collab" / "nextcloud").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in contract.commands() and ":" in str(node.value):
                names.add(str(node.value))
    assert "maintenance:install" in names
    return names


@pytest.mark.parametrize(
    "words",
    [
        ["config:sytem:set", "loglevel", "--value=1"],
        ["config:system:set", "loglevel", "--values=1"],
        ["config:system:set"],
        ["status", "loglevel"],
        ["config:system:set", "loglevel", "--value", "1"],
    ],
)
def test_the_contract_can_say_no(words: list[str]) -> None:
    with pytest.raises(ContractError):
        ContractOcc({"installed": True}).check(words)
