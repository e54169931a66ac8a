"""An example site for the lab: what an operator of its agency would write. `collab-stack init --from` copies it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from collab_stack.lab import people
from collab_stack.lab.layout import DOMAIN, OPERATOR, PACKAGES_PORT, REGISTRY_PORT

if TYPE_CHECKING:
    from collab_stack.lab.state import State

SECOND_HOST_GROUPS: Final = ("database", "cache")
"""Groups that move to host2 in a lab of several hosts."""

_GROUPS: Final = ("edge", "sso", "database", "cache", "nextcloud")
_CA: Final = "tls/lab-ca.pem"
_HEADER: Final = "# Made by `collab-stack lab`: the site of the lab's agency. Every key: docs/reference/site.md.\n"


def write(state: State, target: Path) -> Path:
    """Write the example site of a lab into a folder, and return it.

    It has what a human decides. The secrets that go with it are :func:`secrets`; `init` makes all others.
    """
    (target / "tls").mkdir(parents=True, exist_ok=True)
    (target / _CA).write_text(state.ca_file.read_text(), encoding="utf-8")
    (target / "site.yml").write_text(_HEADER + _yaml(site(state)), encoding="utf-8")
    (target / "hosts.yml").write_text(_HEADER + _yaml(hosts(state)), encoding="utf-8")
    return target


def secrets(state: State) -> dict[str, str]:
    """Return the secrets that a human at the agency would be given: `collab-stack secrets set NAME` takes each."""
    passwords = {f"{name}_become_password": state.sudo_password for name in state.layout.hosts}
    return {"directory_bind_password": state.reader_password, **passwords}


def site(state: State) -> dict[str, Any]:
    """Return site.yml as data."""
    layout = state.layout
    infra = layout.address("infra")
    packages = f"http://packages.{DOMAIN}:{PACKAGES_PORT}"
    return {
        "domain": DOMAIN,
        "organisation": {
            "name": "Exempelmyndigheten",
            "language": "sv",
            "country": "SE",
            "contact": f"it@{DOMAIN}",
        },
        "networks": {
            "in_house": [str(layout.agency), str(layout.agency6)],
            "management": [str(network) for network in layout.management],
        },
        "mail": {"relay": f"mail.{DOMAIN}", "port": 25, "starttls": True, "sender": f"collab@{DOMAIN}"},
        "time": {"servers": [f"time.{DOMAIN}"], "zone": "Europe/Stockholm"},
        "dns": {"resolvers": [str(infra)]},
        "packages": {"mirror": f"{packages}/debian", "security_mirror": f"{packages}/debian-security"},
        # By address: the operator's machine, which locks, need not ask the lab's resolver.
        "registry": {"address": f"{infra}:{REGISTRY_PORT}", "ca": _CA},
        "artifacts": {"mirror": f"https://{infra}", "ca": _CA},
        "sso": _sso(),
        "services": {"nextcloud": {"default_quota": "5 GB"}},
    }


def _sso() -> dict[str, Any]:
    return {
        "realm": "agency",
        "directory": {
            "url": f"ldaps://ldap.{DOMAIN}",
            "ca": _CA,
            "vendor": "openldap",
            "bind_dn": people.READER_DN,
            "users_dn": people.PEOPLE_DN,
            "groups_dn": people.GROUPS_DN,
            "username": "uid",
            "identity": "entryUUID",
        },
        "user_groups": [people.USERS],
        "admin_groups": [people.ADMINS],
    }


def hosts(state: State) -> dict[str, Any]:
    """Return hosts.yml as data: one host carries all, a second one takes database and cache."""
    layout = state.layout
    used = layout.hosts[:2]
    machines = {
        name: {
            "ansible_host": str(layout.address(name)),
            "ansible_become_password": f"{{{{ collab_secrets.{name}_become_password }}}}",
        }
        for name in used
    }
    groups = {group: {"hosts": {used[-1] if group in SECOND_HOST_GROUPS else used[0]: None}} for group in _GROUPS}
    variables = {"ansible_user": OPERATOR, "ansible_ssh_private_key_file": str(state.operator_key)}
    return {"all": {"vars": variables, "hosts": machines, "children": groups}}


class _Dumper(yaml.SafeDumper):
    """Writes an empty value as nothing, as people do in an inventory."""


_Dumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", ""))


def _yaml(data: dict[str, Any]) -> str:
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text
