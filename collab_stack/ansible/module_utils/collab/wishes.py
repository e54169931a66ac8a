# GNU General Public License v3.0 or later (see LICENSE)
"""From a task's parameters to what a managed tree is asked for."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Callable, Iterable
from typing import Any

from ansible.module_utils.collab.convergence import Command, Wishes
from ansible.module_utils.collab.tree import UNKNOWN, Entry, TreeError, with_block
from ansible.module_utils.collab.units import UnitSpec


class Accounts:
    """Turns account names into ids.

    :param lenient: an account that is not there gives :data:`UNKNOWN` (check mode) instead of an error.
    """

    def __init__(self, lenient: bool) -> None:
        self._lenient = lenient

    def user(self, name: str) -> int:
        """Return the id of a user."""
        return self._id("user", name, lambda: pwd.getpwnam(name).pw_uid)

    def group(self, name: str) -> int:
        """Return the id of a group."""
        return self._id("group", name, lambda: grp.getgrnam(name).gr_gid)

    def _id(self, kind: str, name: str, look_up: Callable[[], int]) -> int:
        if name.isascii() and name.isdigit():
            return int(name)
        try:
            return look_up()
        except KeyError:
            if self._lenient:
                return UNKNOWN
            raise TreeError(f"there is no {kind} {name!r} on this host") from None


def entries(params: dict[str, Any], accounts: Accounts) -> Iterable[Entry]:
    """Return the wanted objects."""
    kinds = (("directory", "directories"), ("file", "secret_files"), ("file", "files"), ("file", "blocks"))
    for kind, key in kinds:
        for item in params[key]:
            try:
                mode = int(item["mode"], 8)
            except ValueError:
                raise TreeError(f"{item['path']}: mode {item['mode']!r} is not octal") from None
            yield Entry(
                path=item["path"],
                kind=kind,
                uid=accounts.user(item["owner"]),
                gid=accounts.group(item["group"]),
                mode=mode,
                content=with_block(item["path"], item["content"])
                if key == "blocks"
                else item.get("content", "").encode(),
                secret=key == "secret_files",
                validate=item.get("validate", ""),
            )
    for item in params["links"]:
        yield Entry(path=item["path"], kind="link", target=item["target"])
    for path in params["absent"]:
        yield Entry(path=path, kind="absent")


def wishes(params: dict[str, Any], accounts: Accounts) -> Wishes:
    """Return what the task asks for."""
    owned = [item for key in ("directories", "secret_files", "files", "blocks") for item in params[key]]
    return Wishes(
        entries=tuple(entries(params, accounts)),
        names={item["path"]: (item["owner"], item["group"]) for item in owned},
        commands=tuple(
            Command(c["name"], tuple(c["argv"]), tuple(c["watches"]), tuple(c["unless"])) for c in params["commands"]
        ),
        units=tuple(
            UnitSpec(**{**unit, "watches": tuple(unit["watches"]), "restart_watches": tuple(unit["restart_watches"])})
            for unit in params["units"]
        ),
        pending=tuple(params["changed_elsewhere"]),
    )
