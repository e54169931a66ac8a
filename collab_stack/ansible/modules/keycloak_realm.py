#!/usr/bin/python
# GNU General Public License v3.0 or later (see LICENSE)
"""Reconcile a realm of Keycloak in one call."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.collab.keycloak_api import KeycloakError
from ansible.module_utils.collab.keycloak_run import Run
from ansible.module_utils.collab.module import QuietModule

DOCUMENTATION = r"""
module: keycloak_realm
short_description: Reconcile a realm of Keycloak in one call
description:
  - Reads the whole realm in one export, compares it with what is wanted in the form in which Keycloak means the same,
    applies what differs, and reads again until nothing does.
  - Only what is listed is compared. Mappers of our scopes, clients and directory, and who has our roles through a group,
    are compared as a whole, because one more of them would change who may do what.
  - Removes only clients and scopes that carry our marker attribute. Realms, groups and people are never removed, a
    directory only when its name is given in O(remove_directory).
  - Client secrets are read back and compared. Passwords that Keycloak never shows are references to its vault, which it
    does show; the password of an account of ours is recognised by a digest that includes the time at which it was set.
  - Logs in as a service account that may manage this realm only. When that is missing or refused, O(bootstrap_command)
    makes a temporary administrator, which makes the account and the realm and removes itself.
options:
  url: {description: Where Keycloak listens, https., type: str, required: true}
  ca_file: {description: The CA that signed its certificate., type: path, required: true}
  client_id: {description: The reconciler's service account in the realm C(master)., type: str, default: collab-reconciler}
  client_secret: {description: Its secret., type: str, required: true}
  bootstrap_command:
    description: Makes a temporary administrator named C({client}) with the secret in the environment variable COLLAB_BOOTSTRAP_SECRET.
    type: list
    elements: str
    required: true
  bootstrap_secret: {description: Secret of the temporary administrator., type: str, required: true}
  installed_path:
    description: A file that is there once Keycloak was installed. Without it, check mode compares with a new realm.
    type: path
    required: true
  starting:
    description: In check mode, Keycloak would be started by this run, so it need not answer yet.
    type: bool
    default: false
  realm: {description: Name of the realm., type: str, required: true}
  settings: {description: Fields of the realm's representation., type: dict, default: {}}
  texts: {description: Locale -> key -> text., type: dict, default: {}}
  profile_attributes: {description: Attributes of people to declare., type: list, elements: dict, default: []}
  required_actions: {description: Required actions by alias., type: list, elements: dict, default: []}
  roles:
    description: Roles of the realm.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name., type: str, required: true}
      description: {description: What having it means., type: str, required: true}
      contains: {description: Roles that come with it., type: list, elements: str, default: []}
  groups:
    description: Groups of the top level and the roles that their members have.
    type: list
    elements: dict
    default: []
    suboptions:
      names: {description: Names., type: list, elements: str, required: true}
      roles: {description: Roles of O(roles)., type: list, elements: str, default: []}
  client_scopes:
    description: Client scopes.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name., type: str, required: true}
      description: {description: What it brings., type: str, required: true}
      for_every_client: {description: Whether clients that are not listed get it too., type: bool, default: false}
      mappers: &mappers
        description: All its mappers.
        type: list
        elements: dict
        default: []
        suboptions:
          name: {description: Name., type: str, required: true}
          type: {description: Keycloak's provider., type: str, required: true}
          config: {description: Configuration., type: dict, default: {}}
  clients:
    description: Clients of ours.
    type: list
    elements: dict
    default: []
    suboptions:
      client_id: {description: Client id., type: str, required: true}
      secret: {description: Secret of a confidential one., type: str}
      settings: {description: Fields of its representation., type: dict, default: {}}
      scopes: {description: All its default scopes; it has no optional ones., type: list, elements: str, default: []}
      mappers: *mappers
      roles: {description: The realm's roles that may be in its tokens., type: list, elements: str, default: []}
  built_in_clients: {description: Keycloak's own clients -> fields that have to differ from its defaults., type: dict, default: {}}
  flows:
    description: Authentication flows, each bound to the realm.
    type: list
    elements: dict
    default: []
    suboptions:
      alias: {description: Alias; a replaced one alternates between C(X) and C(X 2)., type: str, required: true}
      description: {description: What it does., type: str, required: true}
      binding: {description: What it is bound as., type: str, required: true, choices: [browser, direct grant]}
      steps:
        description: Each C(authenticator) with C(requirement) and C(config), or C(flow) with C(requirement) and C(steps).
        type: list
        elements: dict
        required: true
  directory:
    description: The LDAP directory.
    type: dict
    suboptions:
      name: {description: Name of the component., type: str, required: true}
      config: {description: Its configuration., type: dict, required: true}
      mappers: *mappers
  remove_directory: {description: Name of a directory to remove with everybody who came from it., type: str, default: ""}
  users:
    description: Accounts of ours.
    type: list
    elements: dict
    default: []
    suboptions:
      username: {description: User name., type: str, required: true}
      password: {description: Password., type: str, required: true}
      fields: {description: Fields of the representation., type: dict, default: {}}
      groups: {description: All groups that it is in., type: list, elements: str, default: []}
  timeout: {description: Seconds to wait for a server that does not answer yet., type: int, default: 60}
attributes:
  check_mode: {support: full, description: Reports exactly what a run would do.}
  diff_mode: {support: full, description: Secrets show that they differ, not how.}
author: collab-stack
"""

EXAMPLES = r"""
- name: Reconcile the realm
  keycloak_realm:
    url: https://keycloak.collab.internal:8443
    ca_file: /etc/collab/tls/ca.pem
    client_secret: "{{ collab_secrets.keycloak_reconciler_secret }}"
    bootstrap_secret: "{{ collab_secrets.keycloak_bootstrap_secret }}"
    bootstrap_command: [docker, exec, -e, COLLAB_BOOTSTRAP_SECRET, collab-keycloak, /opt/keycloak/bin/kc.sh, bootstrap-admin,
      service, --optimized, "--client-id={client}", "--client-secret:env=COLLAB_BOOTSTRAP_SECRET", --no-prompt]
    installed_path: /etc/systemd/system/collab-keycloak.service
    realm: agency
    settings: {displayName: Example Agency, bruteForceProtected: true}
"""

RETURN = r"""
actions:
  description: What was (in check mode, would be) changed, in words.
  returned: always
  type: list
  elements: str
objects:
  description: The same by object, with C(object), C(action) and C(differs).
  returned: always
  type: list
  elements: dict
requests:
  description: How many requests were sent to Keycloak.
  returned: success
  type: int
"""


def suboptions(**extra: dict[str, Any]) -> dict[str, Any]:
    """Return the specification of a list of dictionaries."""
    return {"type": "list", "elements": "dict", "default": [], "options": extra}


TEXT: dict[str, Any] = {"type": "str", "required": True}
SECRET: dict[str, Any] = {"type": "str", "required": True, "no_log": True}
NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
MAPPING: dict[str, Any] = {"type": "dict", "default": {}}
MAPPERS = suboptions(name=TEXT, type=TEXT, config=MAPPING)


def arguments() -> dict[str, Any]:
    """Return the module's argument spec."""
    return {
        "url": TEXT,
        "ca_file": {"type": "path", "required": True},
        "client_id": {"type": "str", "default": "collab-reconciler"},
        "client_secret": SECRET,
        "bootstrap_command": {"type": "list", "elements": "str", "required": True},
        "bootstrap_secret": SECRET,
        "installed_path": {"type": "path", "required": True},
        "starting": {"type": "bool", "default": False},
        "realm": TEXT,
        **content(),
        "remove_directory": {"type": "str", "default": ""},
        "timeout": {"type": "int", "default": 60},
    }


def content() -> dict[str, Any]:
    """Return the specification of what the realm holds."""
    dicts = {"type": "list", "elements": "dict", "default": []}
    flow = {
        "alias": TEXT,
        "description": TEXT,
        "binding": {**TEXT, "choices": ["browser", "direct grant"]},
        "steps": {"type": "list", "elements": "dict", "required": True},
    }
    directory = {"name": TEXT, "config": {"type": "dict", "required": True}, "mappers": MAPPERS}
    client = {"client_id": TEXT, "secret": {"type": "str", "no_log": True}, "settings": MAPPING}
    return {
        "settings": MAPPING,
        "texts": MAPPING,
        "profile_attributes": dicts,
        "required_actions": dicts,
        "roles": suboptions(name=TEXT, description=TEXT, contains=NAMES),
        "groups": suboptions(names={"type": "list", "elements": "str", "required": True}, roles=NAMES),
        "client_scopes": suboptions(
            name=TEXT, description=TEXT, for_every_client={"type": "bool", "default": False}, mappers=MAPPERS
        ),
        "clients": suboptions(**client, scopes=NAMES, mappers=MAPPERS, roles=NAMES),
        "built_in_clients": MAPPING,
        "flows": suboptions(**flow),
        "directory": {"type": "dict", "options": directory},
        "users": suboptions(username=TEXT, password=SECRET, fields=MAPPING, groups=NAMES),
    }


def main() -> None:
    """Run the module."""
    module = QuietModule(argument_spec=arguments(), supports_check_mode=True)
    run = Run(module)
    try:
        if module.check_mode:
            run.predict()
        else:
            run.make()
    except KeycloakError as error:
        module.fail_json(
            msg=f"Keycloak: {error}", mend="journalctl -u collab-keycloak; then run deploy again", **run.result()
        )
    module.exit_json(**run.result())


if __name__ == "__main__":
    main()
