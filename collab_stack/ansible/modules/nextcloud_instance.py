#!/usr/bin/python
# GNU General Public License v3.0 or later (see LICENSE)
"""Install, upgrade and configure a Nextcloud instance in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.collab.lock import LockError, hold
from ansible.module_utils.collab.module import QuietModule
from ansible.module_utils.collab.nextcloud.apps import ArchiveError
from ansible.module_utils.collab.nextcloud.install import StateError
from ansible.module_utils.collab.nextcloud.instance import Instance
from ansible.module_utils.collab.nextcloud.occ import Occ, OccError

DOCUMENTATION = r"""
module: nextcloud_instance
short_description: Install, upgrade and configure a Nextcloud instance in one call
description:
  - Reads the state of the instance through C(occ) in its running container and makes what differs so - installation,
    interrupted upgrades, settings, apps, certificates and the login provider. A first installation is told as one object.
  - Nothing but C(occ) changes Nextcloud, with the exception of one configuration file and of the folders of apps.
options:
  container: {description: Name of the running container., type: str, required: true}
  html_dir: {description: Where the container's code lies on the host., type: path, required: true}
  data_dir: {description: Where the container's data lies on the host., type: path, required: true}
  container_data_dir: {description: The same folder as the container sees it., type: str, required: true}
  version: {description: Version of Nextcloud that the image holds., type: str, required: true}
  database: {description: PostgreSQL - host; port; name; user; password; ca as the container sees it., type: dict, required: true}
  admin: {description: The break-glass account - name; email; password., type: dict, required: true}
  config_name: {description: Name of our own configuration file below config/., type: str, default: zz-collab.config.php}
  config_content: {description: Content of that file; it may hold passwords., type: str, required: true}
  system: {description: System settings by name; a null deletes., type: dict, default: {}}
  app_settings: {description: Settings of apps - app; key; value; type., type: list, elements: dict, default: []}
  enabled_apps: {description: Apps of the server to switch on., type: list, elements: str, default: []}
  disabled_apps: {description: Apps of the server to switch off., type: list, elements: str, default: []}
  apps: {description: Further apps - id; sha512 of the archive., type: list, elements: dict, default: []}
  archives_dir: {description: Folder on the controller with archives named by their SHA-512 (action plugin only)., type: path, default: ""}
  archives: {description: Set by the action plugin - SHA-512 to path on this host., type: dict, default: {}}
  certificates: {description: Certification authorities - name; content., type: list, elements: dict, default: []}
  certificates_dir: {description: Folder in which the container sees them., type: str, required: true}
  provider: {description: The login provider - identifier; client_id; client_secret; discovery_uri; scope; options., type: dict, required: true}
  starting: {description: Whether the same run has just started the container; check mode then takes one that is down for started., type: bool, default: false}
  state_dir: {description: Where it is recorded what was applied., type: path, default: /var/lib/collab}
attributes:
  check_mode: {support: full, description: Reports exactly what a run would do.}
  diff_mode: {support: full, description: Secrets show that they differ, not how.}
author: collab-stack
"""

EXAMPLES = r"""
- name: Converge the instance
  nextcloud_instance:
    container: collab-nextcloud
    html_dir: /srv/collab/containers/nextcloud/html
"""

RETURN = r"""
objects:
  description: Everything that was changed.
  returned: always
  type: list
  elements: dict
archives_needed:
  description: SHA-512 of the archives that have to be on this host first; nothing was changed then.
  returned: when some are missing
  type: list
  elements: str
"""


def arguments() -> dict[str, Any]:
    """Return the module's argument spec."""
    text: dict[str, Any] = {"type": "str", "required": True}
    hidden: dict[str, Any] = {**text, "no_log": True}
    port = {"type": "int", "required": True}
    database = {"host": text, "port": port, "name": text, "user": text, "password": hidden, "ca": text}
    provider = {
        **dict.fromkeys(("identifier", "client_id", "discovery_uri", "scope"), text),
        "client_secret": hidden,
        "options": {"type": "dict", "required": True},
    }
    types = {"type": "str", "default": "string", "choices": ["string", "integer", "boolean"]}
    setting = {"app": text, "key": {**text, "no_log": False}, "value": text, "type": types}

    def items(options: dict[str, Any]) -> dict[str, Any]:
        return {"type": "list", "elements": "dict", "default": [], "options": options}

    def nested(options: dict[str, Any]) -> dict[str, Any]:
        return {"type": "dict", "required": True, "options": options}

    return {
        **dict.fromkeys(("container", "container_data_dir", "version", "certificates_dir"), text),
        "html_dir": {"type": "path", "required": True},
        "data_dir": {"type": "path", "required": True},
        "database": nested(database),
        "admin": nested({"name": text, "email": text, "password": hidden}),
        "config_name": {"type": "str", "default": "zz-collab.config.php"},
        "config_content": hidden,
        "system": {"type": "dict", "default": {}},
        "app_settings": items(setting),
        "enabled_apps": {"type": "list", "elements": "str", "default": []},
        "disabled_apps": {"type": "list", "elements": "str", "default": []},
        "apps": items({"id": text, "sha512": text}),
        "archives": {"type": "dict", "default": {}},
        "certificates": items({"name": text, "content": text}),
        "provider": nested(provider),
        "starting": {"type": "bool", "default": False},
        "state_dir": {"type": "path", "default": "/var/lib/collab"},
    }


def main() -> None:
    """Run the module."""
    module = QuietModule(argument_spec=arguments(), supports_check_mode=True)
    instance = Instance(Occ(module.run_command, module.params["container"]), module.params)
    try:
        # Not on a bare host in check mode: the lock's folder would be made.
        bare = module.check_mode and not Path(module.params["state_dir"]).is_dir()
        held = None if bare else hold(f"{module.params['state_dir']}/nextcloud.lock")
        needed = instance.missing_archives()
        if needed and not module.check_mode:
            module.exit_json(changed=False, archives_needed=needed)
        instance.converge(check=module.check_mode)
    except (OccError, StateError, ArchiveError, LockError, OSError) as error:
        module.fail_json(msg=str(error), **instance.result())
    if held:
        held.close()
    module.exit_json(**instance.result())


if __name__ == "__main__":
    main()
