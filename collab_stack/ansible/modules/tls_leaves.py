#!/usr/bin/python
# GNU General Public License v3.0 or later (see LICENSE)
"""The host's side of certificates from the internal CA; the action plugin of the same name signs on the controller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible.module_utils.collab.convergence import Command, Convergence, Wishes
from ansible.module_utils.collab.leaves import Leaf, Leaves
from ansible.module_utils.collab.module import QuietModule
from ansible.module_utils.collab.tree import Entry, TreeError
from ansible.module_utils.collab.wishes import Accounts

TRUST_STORE = "/etc/ssl/certs/ca-certificates.crt"

DOCUMENTATION = r"""
module: tls_leaves
short_description: Keep leaf certificates, their keys and the trusted CAs of a host
description:
  - Each leaf has a key that is made on the host and never leaves it, and a certificate that the internal CA signs on the
    controller. It is issued anew when less than O(renew_days) are left, when its names or the CA change, and when key or
    certificate were altered.
  - The trusted CAs go into the system's trust store.
  - Is called by its action plugin, up to three times. A host where nothing is to be done is called once.
options:
  directory:
    description: Folder of the leaves' folders and of the internal CA's certificate.
    type: path
    default: /etc/collab/tls
  authority:
    description: The internal CA, C(certificate) and C(key) in PEM. The key stays on the controller.
    type: dict
    required: true
  leaves:
    description: The certificates.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of its folder., type: str, required: true}
      dns: {description: DNS names that it is for., type: list, elements: str, required: true}
      owner: {description: Account or numeric id of its files., type: str, default: root}
      group: {description: Group or numeric id of its files., type: str, default: root}
      key_mode: {description: Permissions of the key in octal., type: str, default: "0600"}
      directory_group: {description: Group of its folder., type: str, default: root}
      directory_mode: {description: Permissions of its folder in octal., type: str, default: "0700"}
      certificate: {description: File name of the certificate., type: str, default: cert.pem}
      combined: {description: Also write key and certificate into combined.pem., type: bool, default: false}
  files:
    description: Certificates of others.
    type: list
    elements: dict
    default: []
    suboptions: &file
      path: {description: Absolute path., type: str, required: true}
      content: {description: The whole content., type: str, required: true}
      mode: {description: Permissions in octal., type: str, default: "0644"}
  secret_files:
    description: Keys of others.
    type: list
    elements: dict
    default: []
    suboptions: *file
  directories:
    description: Folders of root's for these.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: str, required: true}
      mode: {description: Permissions in octal., type: str, default: "0755"}
  trusted:
    description: CAs for the system's trust store, name to certificate in PEM.
    type: dict
    default: {}
  valid_days:
    description: How long a new certificate is valid.
    type: int
    default: 180
  renew_days:
    description: How many days before its end a certificate is renewed.
    type: int
    default: 30
  phase:
    description: Set by the action plugin.
    type: str
    choices: [look, request, install]
    default: look
  requests:
    description: Set by the action plugin.
    type: list
    elements: str
    default: []
  certificates:
    description: Set by the action plugin.
    type: dict
    default: {}
  state_dir:
    description: Where it is kept which files are ours.
    type: path
    default: /var/lib/collab
attributes:
  check_mode: {support: full, description: Says which certificates would be issued; it issues none.}
  diff_mode: {support: full, description: Keys show that they differ.}
author: collab-stack
"""

EXAMPLES = r"""
- name: Converge certificates
  tls_leaves:
    authority: {certificate: "{{ ca_certificate }}", key: "{{ ca_key }}"}
    leaves: [{name: app, dns: [app.collab.internal], owner: "1000", group: "1000"}]
  register: tls_result
"""

RETURN = r"""
changed_paths:
  description: Paths that were (in check mode, would be) written, removed or filled anew.
  returned: always
  type: list
  elements: str
objects:
  description: Everything that was changed.
  returned: always
  type: list
  elements: dict
"""


def _list(**options: dict[str, Any]) -> dict[str, Any]:
    return {"type": "list", "elements": "dict", "default": [], "options": options}


def arguments() -> dict[str, Any]:
    """Return the module's argument spec."""
    text = {"type": "str", "required": True}

    def mode(default: str) -> dict[str, Any]:
        return {"type": "str", "default": default}

    return {
        "directory": {"type": "path", "default": "/etc/collab/tls"},
        # Of the action plugin only; the module is called without it.
        "authority": {"type": "dict", "no_log": True},
        "leaves": _list(
            name=text,
            dns={"type": "list", "elements": "str", "required": True},
            owner={"type": "str", "default": "root"},
            group={"type": "str", "default": "root"},
            key_mode=mode("0600"),
            directory_group={"type": "str", "default": "root"},
            directory_mode=mode("0700"),
            certificate={"type": "str", "default": "cert.pem"},
            combined={"type": "bool", "default": False},
        ),
        "files": _list(path=text, content=text, mode=mode("0644")),
        "secret_files": _list(path=text, content={**text, "no_log": True}, mode=mode("0600")),
        "directories": _list(path=text, mode=mode("0755")),
        "trusted": {"type": "dict", "default": {}},
        "valid_days": {"type": "int", "default": 180},
        "renew_days": {"type": "int", "default": 30},
        "phase": {"type": "str", "choices": ["look", "request", "install"], "default": "look"},
        "requests": {"type": "list", "elements": "str", "default": []},
        "certificates": {"type": "dict", "default": {}},
        "state_dir": {"type": "path", "default": "/var/lib/collab"},
    }


class Host:
    """One call."""

    def __init__(self, module: QuietModule) -> None:
        params = module.params
        self._params = params
        # Looking comes first also in a real run, and there an account that is missing is an error later.
        accounts = Accounts(params["phase"] == "look")
        self._leaves = Leaves(
            [self._leaf(item, accounts) for item in params["leaves"]],
            f"{params['state_dir']}/tls-pending",
            module.run_command,
        )
        if params["phase"] == "look" and not module.check_mode:
            self._leaves.forget()  # of a run that was killed
        self._convergence = Convergence("tls", params["state_dir"], module.run_command)

    def _leaf(self, item: dict[str, Any], accounts: Accounts) -> Leaf:
        return Leaf(
            name=item["name"],
            folder=f"{self._params['directory']}/{item['name']}",
            uid=accounts.user(item["owner"]),
            gid=accounts.group(item["group"]),
            key_mode=int(item["key_mode"], 8),
            folder_gid=accounts.group(item["directory_group"]),
            folder_mode=int(item["directory_mode"], 8),
            certificate=item["certificate"],
            combined=item["combined"],
        )

    def _entries(self) -> list[Entry]:
        params = self._params
        found = [Entry(item["path"], "directory", mode=int(item["mode"], 8)) for item in params["directories"]]
        for key in ("files", "secret_files"):
            found += [
                Entry(
                    item["path"],
                    "file",
                    mode=int(item["mode"], 8),
                    content=item["content"].encode(),
                    secret=key == "secret_files",
                )
                for item in params[key]
            ]
        found += [Entry(path, "file", content=text.encode()) for path, text in self._trusted().items()]
        return [*found, *self._leaves.entries(params["certificates"])]

    def _trusted(self) -> dict[str, str]:
        folder = "/usr/local/share/ca-certificates"
        return {f"{folder}/collab-{name}.crt": text for name, text in self._params["trusted"].items()}

    def _names(self, entries: Iterable[Entry]) -> dict[str, tuple[str, str]]:
        """Return path -> owner and group as a person knows them."""
        names = {entry.path: ("root", "root") for entry in entries}
        for item in self._params["leaves"]:
            names[f"{self._params['directory']}/{item['name']}"] = ("root", item["directory_group"])
            for path in self._leaves.files(item["name"]):
                names[path] = (item["owner"], item["group"])
        return names

    def run(self) -> dict[str, Any]:
        """Return what the phase gives.

        :raises TreeError: when the host refuses.
        """
        if self._params["phase"] == "request":
            return {"requests": self._leaves.request(self._params["requests"])}
        watches = (*self._trusted(), TRUST_STORE)
        command = Command("trust store", ("update-ca-certificates",), watches)
        entries = tuple(self._entries())
        self._convergence.plan(Wishes(entries, self._names(entries), (command,)))
        if self._params["phase"] == "look":
            self._convergence.predict()
            result = self._convergence.result() | {"leaves": self._leaves.look()}
            result["files"] = {item["name"]: self._leaves.files(item["name"]) for item in self._params["leaves"]}
        else:
            self._convergence.make()
            self._leaves.forget()
            result = self._convergence.result()
        if any(item["object"] == command.name for item in result["objects"]):
            result["changed_paths"] = [*result["changed_paths"], TRUST_STORE]
        return result

    def failed(self) -> dict[str, Any]:
        """Return what was done until it failed."""
        return self._convergence.result()


def main() -> None:
    """Run the module."""
    module = QuietModule(argument_spec=arguments(), supports_check_mode=True)
    try:
        host = Host(module)
    except TreeError as error:
        module.fail_json(msg=str(error))
    try:
        result = host.run()
    except TreeError as error:
        module.fail_json(msg=str(error), **host.failed())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
