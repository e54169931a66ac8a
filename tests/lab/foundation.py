"""Converges the roles that every host stands on (base, docker, tls) on a lab's host, with the variables of its plan."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from collab_stack import catalogue, paths, plan
from collab_stack.lab import Lab, example
from collab_stack.plan.packages import ROLE_PACKAGES
from collab_stack.site import Host, Hosts, Lock, Site, SiteConfig, authority

ROLES = ("base", "docker", "tls")
SECONDS = 600


def planned(lab: Lab) -> plan.Plan:
    """Return the plan of the lab's example site."""
    config = SiteConfig.model_validate(example.site(lab.state))
    declared = example.hosts(lab.state)["all"]
    machines = {
        name: Host(name, variables["ansible_host"], declared["vars"] | variables)
        for name, variables in declared["hosts"].items()
    }
    groups = {name: tuple(group["hosts"]) for name, group in declared["children"].items()}
    return plan.build(Site(Path("site"), config, Hosts(machines, groups), Lock()), catalogue.load())


class Foundation:
    """The roles on ``host1``.

    :param path: a folder of the test's own.
    """

    def __init__(self, lab: Lab, path: Path) -> None:
        self.lab = lab
        self.path = path
        self.plan = planned(lab)
        (path / "tls").mkdir()
        key, certificate = authority.create("Lab", "agency.example")
        (path / "tls" / "internal-ca.pem").write_text(certificate)
        (path / "tls" / "lab-ca.pem").write_text(lab.state.ca_file.read_text())
        self.secrets = {**lab.site_secrets(), "internal_ca_key": key}

    def variables(self) -> dict[str, Any]:
        """Return the variables of the three roles alone: neither accounts of other packages nor images are there."""
        given: dict[str, Any] = dict(self.plan.host_variables["host1"])
        packages = {name for role in ROLES for name in ROLE_PACKAGES.get(role, ())}
        leaves = [leaf for leaf in given["tls_leaves"] if leaf.get("group") not in ("postgres", "valkey")]
        return given | {"base_packages": sorted(packages), "docker_images": [], "tls_leaves": leaves}

    def run(
        self, *arguments: str, roles: tuple[str, ...] = ROLES, **changed: object
    ) -> subprocess.CompletedProcess[str]:
        """Run the roles, and return how ansible-playbook ended."""
        process = self.start(*arguments, roles=roles, **changed)
        out, _ = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out)

    def start(self, *arguments: str, roles: tuple[str, ...] = ROLES, **changed: object) -> subprocess.Popen[str]:
        """Start the roles, with some variables changed."""
        state = self.lab.state
        host = self.variables() | changed | {"collab_site_dir": str(self.path)}
        inventory = {"all": {"hosts": {"host1": host}}}
        play = {"hosts": "all", "gather_facts": False, "become": True, "roles": list(roles)}
        (self.path / "inventory.yml").write_text(yaml.safe_dump(inventory))
        (self.path / "play.yml").write_text(yaml.safe_dump([play]))
        (self.path / "secrets.yml").write_text(yaml.safe_dump({"collab_secrets": self.secrets}))
        content = paths.ansible_content()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(content / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(paths.roles()),
            "ANSIBLE_LIBRARY": str(content / "modules"),
            "ANSIBLE_MODULE_UTILS": str(content / "module_utils"),
            "ANSIBLE_ACTION_PLUGINS": str(content / "plugins" / "action"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_INJECT_FACT_VARS": "0",
            "ANSIBLE_TIMEOUT": "10",
            "ANSIBLE_SSH_ARGS": f"-o ControlMaster=auto -o ControlPersist=60 -o UserKnownHostsFile={state.known_hosts}",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.path / "cp"),
        }
        command = [Path(sys.executable).parent / "ansible-playbook", "--inventory", self.path / "inventory.yml"]
        command += ["--extra-vars", f"@{self.path}/secrets.yml", *arguments, self.path / "play.yml"]
        return subprocess.Popen(
            [str(word) for word in command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
