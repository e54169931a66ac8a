"""Hosts and inventory of a role's scenario, in a lab of its own.

usage: scenario.py create|destroy SCENARIO FOLDER

``create`` gives a fresh ``host2`` that has the packages of a deploy, beside ``host1`` without them, which is only ever
looked at in check mode. Variables come from the plan of a site that ``init`` made, so that a role is tested with what a
deploy gives it. ``destroy`` removes the lab, or, while COLLAB_MOLECULE_KEEP is set, only host2.
"""

from __future__ import annotations

import dataclasses
import os
import secrets as random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml
from docker.errors import NotFound

from collab_stack import catalogue, plan
from collab_stack.lab import Lab, Progress, cgroups
from collab_stack.operations import artifacts, images, init
from collab_stack.runner import inventory
from collab_stack.site import Hosts, Site, load, secrets

if TYPE_CHECKING:
    from collab_stack.lab.state import State

LAB: Final = "molecule"
BARE, TARGET = "host1", "host2"
WITH_IMAGES: Final = frozenset({"docker", "container_service", "keycloak", "sso", "nextcloud", "web"})
"""Roles that run containers, or stand on one that does. Building the images takes minutes, once."""


def log(text: str) -> None:
    """Say something; Ansible shows it when the task fails."""
    sys.stdout.write(f"{text}\n")


def make_site(lab: Lab) -> Path:
    """Return the lab's site, which has everything on the target; made once per lab, as ``collab-stack init`` does."""
    folder = lab.state.folder
    directory = folder / "site"
    if directory.exists():
        return directory
    example = lab.write_site(folder / "example")
    data = yaml.safe_load((example / "hosts.yml").read_text())
    for group in data["all"]["children"].values():
        group["hosts"] = {TARGET: None}
    (example / "hosts.yml").write_text(yaml.safe_dump(data))
    password = folder / "vault-password"
    password.write_text(random.token_hex(16))
    password.chmod(0o600)
    return init.init(directory, "agency.example", str(example), password).directory


def locked(directory: Path) -> Site:
    """Return the site with what the lab's registry and mirror have, as ``images lock`` and ``artifacts lock`` do."""
    shipped = catalogue.load()
    site = load(directory)
    images.lock(site, images.needed(site, shipped, plan.build(site, shipped)))
    site = load(directory)
    artifacts.lock(site, artifacts.needed(site, shipped, plan.build(site, shipped)))
    site = load(directory)
    artifacts.pull(site.lock.artifacts, artifacts.ca_of(site))
    return site


def write_inventory(lab: Lab, site: Site, host: str, password: bytes, target: Path) -> None:
    """Write the inventory that a deploy to one host would use, with the secrets in it."""
    known = site.hosts.hosts[host]
    alone = Hosts({host: known}, dict.fromkeys(site.hosts.groups, (host,)))
    planned = plan.build(dataclasses.replace(site, hosts=alone), catalogue.load())
    common = {
        "collab_secrets": secrets.load(site.directory, password) | lab.site_secrets(),
        "collab_site_dir": str(site.directory),
        "nextcloud_archives_dir": str(artifacts.cache()),
    }
    target.parent.mkdir(exist_ok=True)
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(inventory.build(planned, {host: known.variables}, common)))


def create(scenario: str, folder: Path) -> None:
    """Start the hosts and write what Ansible and the tests need to reach them."""
    lab = Lab(LAB, Progress(log))
    with_images = scenario in WITH_IMAGES
    if not lab.exists() or TARGET not in lab.state.layout.hosts:
        lab.up(hosts=1, applications_too=False)
        lab.up(hosts=2, packages=True, applications_too=False)
    directory = make_site(lab)
    remove_target(lab)
    memory = lab.up(hosts=2, packages=True, site=directory, applications_too=with_images)
    site = locked(directory) if with_images else load(directory)
    password = (memory.folder / "vault-password").read_bytes()
    write_inventory(lab, site, TARGET, password, folder / "inventory" / "plan.yml")
    write_inventory(lab, site, BARE, password, folder / "bare.yml")
    (folder / "ssh_config").write_text(f"StrictHostKeyChecking yes\nUserKnownHostsFile {memory.known_hosts}\n")


def remove_target(lab: Lab) -> None:
    """Remove the target with its data, so that the next ``up`` makes it anew."""
    memory: State = lab.state
    try:
        container = lab.client.containers.get(memory.layout.container(TARGET))
    except NotFound:
        return
    inner = cgroups.inner_ids(lab.client, container, memory.layout.volume(f"{TARGET}-docker"))
    container.remove(force=True, v=True)
    for kind in ("docker", "containerd"):
        lab.client.volumes.get(memory.layout.volume(f"{TARGET}-{kind}")).remove(force=True)
    cgroups.remove({str(container.id), *inner})


def destroy(_scenario: str, folder: Path) -> None:
    """Remove the hosts, and what a run has left in the folder."""
    lab = Lab(LAB, Progress(log))
    if lab.exists() and os.environ.get("COLLAB_MOLECULE_KEEP"):
        remove_target(lab)
    elif lab.exists():
        lab.down(keep_cache=True)
    for name in ("record.jsonl", "inventory/plan.yml", "bare.yml", "ssh_config"):
        (folder / name).unlink(missing_ok=True)


def main() -> None:
    """Do what the command line says."""
    verb, scenario, folder = sys.argv[1:]
    {"create": create, "destroy": destroy}[verb](scenario, Path(folder))


if __name__ == "__main__":
    main()
