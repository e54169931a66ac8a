#!/usr/bin/python
# GNU General Public License v3.0 or later (see LICENSE)
"""Converge many files and the units that depend on them in one call."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.collab.convergence import Convergence
from ansible.module_utils.collab.module import QuietModule
from ansible.module_utils.collab.tree import TreeError
from ansible.module_utils.collab.units import UnitError
from ansible.module_utils.collab.wishes import Accounts, wishes

DOCUMENTATION = r"""
module: managed_tree
short_description: Converge many files and the systemd units that depend on them in one call
description:
  - Writes what differs in content, mode or owner, atomically; an unchanged tree is only read.
  - Remembers below O(state_dir) what it created. What a later call no longer lists is removed; a unit whose file goes is
    stopped and disabled first. What was there before, and folders that hold anything else, stay.
  - Never follows a symbolic link in the place of a file, and refuses paths through links that others than root own.
  - A unit is restarted or reloaded when a watched path differs from what it was at the last restart or reload. That is
    recorded on the host after the act, so a run that is killed in between makes the next run do it.
  - Order of work - directories, secret files, files, links, removals, daemon-reload, commands, units as listed.
options:
  name:
    description: Name of the tree, one per role and use; names its manifest.
    type: str
    required: true
  files:
    description: Files with their whole content.
    type: list
    elements: dict
    default: []
    suboptions: &file
      path: {description: Absolute path., type: str, required: true}
      content: {description: The whole content., type: str, required: true}
      owner: {description: Account or numeric id., type: str, default: root}
      group: {description: Group or numeric id., type: str, default: root}
      mode: {description: Permissions in octal., type: str, default: "0644"}
      validate:
        description: Command, run without a shell, that must accept the new content before it takes the file's place; C(%s) is the file.
        type: str
        default: ""
  secret_files:
    description: Like O(files), mode 0600 unless given; their content never appears in output, diff or log.
    type: list
    elements: dict
    default: []
    suboptions: *file
  blocks:
    description: Parts of files that somebody else may write to as well, between two marked lines at the end of the file.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: str, required: true}
      content: {description: The lines between the marks., type: str, required: true}
      owner: {description: Account or numeric id., type: str, default: root}
      group: {description: Group or numeric id., type: str, default: root}
      mode: {description: Permissions in octal., type: str, default: "0644"}
  directories:
    description: Folders. Parents must exist or be listed.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: str, required: true}
      owner: {description: Account or numeric id., type: str, default: root}
      group: {description: Group or numeric id., type: str, default: root}
      mode: {description: Permissions in octal., type: str, default: "0755"}
  links:
    description: Symbolic links.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Where the link is., type: str, required: true}
      target: {description: Where it points., type: str, required: true}
  absent:
    description: Files, links and empty folders that must not be there, such as a package's example site.
    type: list
    elements: str
    default: []
  commands:
    description: Commands that turn files into something else; run when a watched path (their results may be among them) differs from what it was after their last run.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Unique within the tree., type: str, required: true}
      argv: {description: The command; no shell., type: list, elements: str, required: true}
      watches: {description: Files or folders., type: list, elements: str, required: true}
      unless:
        description: Command that only looks; when it fails, what the command made was altered, and the command runs again. Must succeed afterwards.
        type: list
        elements: str
        default: []
  units:
    description: Units, in the order in which they are to be handled.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: With its suffix., type: str, required: true}
      enabled: {description: At boot; not given leaves it as it is., type: bool}
      state: {description: Not given leaves it as it is., type: str, choices: [started, stopped]}
      on_change:
        description: What a change of a watched path asks for while the unit runs.
        type: str
        choices: [restart, reload, none]
        default: restart
      watches: {description: Files or folders; a folder covers all files below it., type: list, elements: str, default: []}
      restart_watches: {description: The same, but a change always restarts., type: list, elements: str, default: []}
  changed_elsewhere:
    description: Paths that an earlier task of the same run changes; in check mode, units that watch them count as affected.
    type: list
    elements: str
    default: []
  state_dir:
    description: Where the manifests and the applied digests are kept.
    type: path
    default: /var/lib/collab
notes:
  - A unit's own file is not watched unless listed, so that adding a drop-in does not restart what must keep running.
  - In check mode, accounts, folders and units that are not there yet are not errors; what they would hold "would be created".
attributes:
  check_mode: {support: full, description: Reports exactly what a run would do, restarts included.}
  diff_mode: {support: full, description: Secret files show that they differ, not how.}
author: collab-stack
"""

EXAMPLES = r"""
- name: Converge HAProxy
  managed_tree:
    name: edge
    files:
      - path: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
        owner: root
        group: haproxy
        mode: "0640"
        validate: haproxy -c -f %s
    units:
      - {name: haproxy.service, enabled: true, state: started, on_change: reload, watches: [/etc/haproxy/haproxy.cfg]}
"""

RETURN = r"""
changed_paths:
  description: Paths that were (in check mode, would be) written or removed.
  returned: always
  type: list
  elements: str
objects:
  description: Everything that was changed.
  returned: always
  type: list
  elements: dict
  sample: [{object: /etc/haproxy/haproxy.cfg, action: update, differs: [content]}, {object: haproxy.service, action: reload, differs: [/etc/haproxy/haproxy.cfg]}]
restarted:
  description: Units that were started, restarted, reloaded or stopped.
  returned: always
  type: list
  elements: str
kept:
  description: Folders that the tree no longer lists but that hold what is not its own.
  returned: always
  type: list
  elements: str
"""


def _file_options(mode: str, secret: bool) -> dict[str, Any]:
    return {
        "path": {"type": "str", "required": True},
        "content": {"type": "str", "required": True, "no_log": secret},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str", "default": mode},
        "validate": {"type": "str", "default": ""},
    }


def _list(options: dict[str, Any]) -> dict[str, Any]:
    return {"type": "list", "elements": "dict", "default": [], "options": options}


def _strings(required: bool = False) -> dict[str, Any]:
    return {"type": "list", "elements": "str"} | ({"required": True} if required else {"default": []})


def arguments() -> dict[str, Any]:
    """Return the module's argument spec."""
    text = {"type": "str", "required": True}
    directory = {
        key: value for key, value in _file_options("0755", False).items() if key not in ("content", "validate")
    }
    block = {key: value for key, value in _file_options("0644", False).items() if key != "validate"}
    unit = {
        "name": text,
        "enabled": {"type": "bool"},
        "state": {"type": "str", "choices": ["started", "stopped"]},
        "on_change": {"type": "str", "choices": ["restart", "reload", "none"], "default": "restart"},
        "watches": _strings(),
        "restart_watches": _strings(),
    }
    return {
        "name": text,
        "files": _list(_file_options("0644", False)),
        "secret_files": _list(_file_options("0600", True)),
        "blocks": _list(block),
        "directories": _list(directory),
        "links": _list({"path": text, "target": text}),
        "absent": _strings(),
        "commands": _list(
            {"name": text, "argv": _strings(required=True), "watches": _strings(required=True), "unless": _strings()}
        ),
        "units": _list(unit),
        "changed_elsewhere": _strings(),
        "state_dir": {"type": "path", "default": "/var/lib/collab"},
    }


def main() -> None:
    """Run the module."""
    module = QuietModule(argument_spec=arguments(), supports_check_mode=True)
    convergence = Convergence(module.params["name"], module.params["state_dir"], module.run_command)
    try:
        wanted = wishes(module.params, Accounts(module.check_mode))
        convergence.plan(wanted)
        if module.check_mode:
            convergence.predict()
        else:
            convergence.make()
    except (TreeError, UnitError) as error:
        module.fail_json(msg=str(error), **convergence.result())
    module.exit_json(**convergence.result())


if __name__ == "__main__":
    main()
