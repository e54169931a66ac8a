#!/usr/bin/python
# GNU General Public License v3.0 or later (see LICENSE)
"""Install Debian packages in one call, also after a run that was killed in the middle of it."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.collab.convergence import Convergence, Wishes
from ansible.module_utils.collab.dpkg import Dpkg, PackageError
from ansible.module_utils.collab.tree import Entry, TreeError

DOCUMENTATION = r"""
module: packages
short_description: Install Debian packages in one call
description:
  - Installs what is missing, without recommended packages and without starting the services that come with it; the
    roles start them when they are configured. Installed packages are not upgraded.
  - Finishes first what an interrupted installation left half done, and waits for others who install packages.
  - Nothing missing costs one look at dpkg's database.
options:
  name:
    description: Packages.
    type: list
    elements: str
    required: true
  sources:
    description: Files that say where packages come from, written before anything is installed.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: str, required: true}
      content: {description: The whole content., type: str, required: true}
  absent_sources:
    description: Files with other sources, to be removed.
    type: list
    elements: str
    default: []
  lock_seconds:
    description: How long to wait for others who install packages.
    type: int
    default: 600
  state_dir:
    description: Where it is kept which sources are ours.
    type: path
    default: /var/lib/collab
attributes:
  check_mode: {support: full, description: Names the missing packages; what they depend on is not named.}
  diff_mode: {support: full, description: One entry per package.}
author: collab-stack
"""

EXAMPLES = r"""
- name: Install packages
  packages:
    name: [haproxy, nftables]
"""

RETURN = r"""
objects:
  description: Everything that was changed.
  returned: always
  type: list
  elements: dict
  sample: [{object: package haproxy, action: install}]
"""


def arguments() -> dict[str, Any]:
    """Return the module's argument spec."""
    text = {"type": "str", "required": True}
    return {
        "name": {"type": "list", "elements": "str", "required": True},
        "sources": {"type": "list", "elements": "dict", "default": [], "options": {"path": text, "content": text}},
        "absent_sources": {"type": "list", "elements": "str", "default": []},
        "lock_seconds": {"type": "int", "default": 600},
        "state_dir": {"type": "path", "default": "/var/lib/collab"},
    }


def entries(params: dict[str, Any]) -> tuple[Entry, ...]:
    """Return the wanted source files."""
    kept = [Entry(item["path"], "file", content=item["content"].encode()) for item in params["sources"]]
    return (*kept, *(Entry(path, "absent") for path in params["absent_sources"]))


def converge(params: dict[str, Any], check: bool, sources: Convergence, dpkg: Dpkg) -> list[tuple[str, str]]:
    """Make it so, or only look in check mode; return (object, action) of the packages.

    :raises PackageError, TreeError: when the host refuses.
    """
    sources.plan(Wishes(entries=entries(params)))
    dpkg.read()
    changes = [(f"package {name}", "finish") for name in dpkg.half_done()] or (
        [("dpkg", "finish")] if dpkg.interrupted() else []
    )
    changes += [(f"package {name}", "install") for name in dpkg.missing(params["name"]) if name not in dpkg.half_done()]
    if check:
        sources.predict()
        return changes
    sources.make()
    if changes or sources.result()["changed"]:
        _install(params, dpkg)
    return changes


def _install(params: dict[str, Any], dpkg: Dpkg) -> None:
    dpkg.wait(params["lock_seconds"])
    with dpkg.nothing_starts():
        dpkg.update()
        dpkg.read()
        if dpkg.interrupted():
            dpkg.recover()
            dpkg.read()
        missing = dpkg.missing(params["name"])
        if missing:
            dpkg.install(missing)
            dpkg.read()
    left = dpkg.missing(params["name"])
    if left:
        raise PackageError(
            f"apt-get ended well, but {', '.join(left)} is not installed; try: apt-get install {left[0]}"
        )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=arguments(), supports_check_mode=True)
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "NEEDRESTART_SUSPEND": "1"}

    def run(argv: list[str]) -> tuple[int, str, str]:
        code, out, err = module.run_command(argv, environ_update=environment)
        return int(code), str(out), str(err)

    sources = Convergence("packages", module.params["state_dir"], run)
    try:
        changes = converge(module.params, module.check_mode, sources, Dpkg(run))
    except (PackageError, TreeError) as error:
        module.fail_json(msg=str(error), **sources.result())
    result = sources.result()
    result["objects"] += [{"object": name, "action": action} for name, action in changes]
    result["diff"] += [
        {"before_header": name, "after_header": name, "before": "", "after": f"{action}\n"} for name, action in changes
    ]
    result["changed"] = bool(result["objects"])
    module.exit_json(**result)


if __name__ == "__main__":
    main()
