#!/usr/bin/python
# GNU General Public License v3.0 or later (see LICENSE)
"""Networks and images of the Docker Engine in one call."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.collab.docker import DockerError, Engine, Network, differences, host_interfaces

NETWORKS = "/var/lib/docker/network"
"""Made by the engine's first start."""

DOCUMENTATION = r"""
module: docker_objects
short_description: Converge networks and images of the Docker Engine in one call
description:
  - Makes bridge networks with a fixed interface and range, and makes those anew that differ; containers on such a
    network end, and their units start them again.
  - Fetches images that are missing. What is there under its digest is not asked for at the registry.
  - Networks and images that are not listed are left alone.
options:
  networks:
    description: Wanted networks.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Docker's name., type: str, required: true}
      interface: {description: Name of the bridge on the host., type: str, required: true}
      subnet: {description: IPv4 range., type: str, required: true}
      gateway: {description: The host's address in it., type: str, required: true}
  images:
    description: Wanted images, C(reference@sha256:…).
    type: list
    elements: str
    default: []
  engine_starts:
    description: In check mode, say that an earlier task of the run starts or restarts the engine, so that it may be down now.
    type: bool
    default: false
  socket:
    description: The engine's socket.
    type: path
    default: /run/docker.sock
attributes:
  check_mode: {support: full, description: "Where Docker never ran everything would be created. With a Docker that is down it fails, unless O(engine_starts): then its objects cannot be seen, and a warning says so."}
  diff_mode: {support: full, description: Names what differs.}
author: collab-stack
"""

EXAMPLES = r"""
- name: Converge networks and images
  docker_objects:
    networks: [{name: collab-app, interface: br-app, subnet: 172.30.1.0/24, gateway: 172.30.1.1}]
    images: ["registry.agency.example:5000/app:1.0@sha256:…"]
"""

RETURN = r"""
objects:
  description: Everything that was changed.
  returned: always
  type: list
  elements: dict
  sample: [{object: network collab-app, action: replace, differs: [subnet]}]
"""


def arguments() -> dict[str, Any]:
    """Return the module's argument spec."""
    text = {"type": "str", "required": True}
    network = {"name": text, "interface": text, "subnet": text, "gateway": text}
    return {
        "networks": {"type": "list", "elements": "dict", "default": [], "options": network},
        "images": {"type": "list", "elements": "str", "default": []},
        "engine_starts": {"type": "bool", "default": False},
        "socket": {"type": "path", "default": "/run/docker.sock"},
    }


class Objects:
    """One run."""

    def __init__(self, params: dict[str, Any], check: bool) -> None:
        self._networks = [Network(**item) for item in params["networks"]]
        self._images = list(dict.fromkeys(params["images"]))
        self._engine = Engine(params["socket"])
        self._check = check
        self.changes: list[dict[str, Any]] = []

    def converge(self, engine_starts: bool) -> str:
        """Make it so, or only look in check mode; return a warning or an empty text.

        :raises DockerError: when the engine is down or refuses.
        """
        if self._check and not self._engine.answers():
            if not shutil.which("dockerd") or not Path(NETWORKS).exists():
                for network in self._networks:
                    self._change(f"network {network.name}", "create")
                for image in self._images:
                    self._change(f"image {image}", "pull")
                return ""
            if engine_starts:
                return "Docker is down and will be started; whether its networks and images are right is not known yet"
        for network in self._networks:
            self._network(network)
        for image in self._images:
            if not self._engine.has_image(image):
                self._change(f"image {image}", "pull")
                if not self._check:
                    self._engine.pull(image)
        return ""

    def _network(self, wanted: Network) -> None:
        found = self._engine.network(wanted.name)
        if found is None:
            self._change(f"network {wanted.name}", "create")
            if not self._check:
                self._engine.create(wanted)
            return
        differs = differences(wanted, found, host_interfaces())
        if differs:
            self._change(f"network {wanted.name}", "replace", differs)
            if not self._check:
                self._engine.replace(wanted, found)

    def _change(self, name: str, action: str, differs: list[str] | None = None) -> None:
        self.changes.append({"object": name, "action": action, "differs": differs or []})


def diff(change: dict[str, Any]) -> dict[str, str]:
    """Return a change in the form that ``--diff`` prints."""
    name = change["object"]
    reasons = "".join(f"differs in {reason}\n" for reason in change["differs"])
    return {"before_header": name, "after_header": name, "before": reasons, "after": f"{change['action']}\n"}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=arguments(), supports_check_mode=True)
    objects = Objects(module.params, module.check_mode)

    def result() -> dict[str, Any]:
        changes = objects.changes
        return {"changed": bool(changes), "objects": changes, "diff": [diff(change) for change in changes]}

    try:
        warning = objects.converge(module.params["engine_starts"])
    except DockerError as error:
        module.fail_json(msg=str(error), **result())
    if warning:
        module.warn(warning)
    module.exit_json(**result())


if __name__ == "__main__":
    main()
