"""An occ that refuses whatever upstream's would, and answers the little that a module asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.standins.nextcloud import contract

#: what every command takes
EVERYWHERE = frozenset(("--no-interaction", "--no-warnings", "--quiet", "-n", "-q"))


class ContractError(AssertionError):
    """A command line that upstream does not know."""


class ContractOcc:
    """Stands in for ``AnsibleModule.run_command``; holds every occ call against the contract.

    :param status: the answer to ``status``; an installation or upgrade changes it.
    :param settings: the answer to ``config:list``.
    :param provider: the answer to ``user_oidc:provider IDENTIFIER``; None for "Provider not found".
    """

    def __init__(
        self, status: dict[str, Any], settings: dict[str, Any] | None = None, provider: dict[str, Any] | None = None
    ) -> None:
        self.status = {"versionstring": "", "maintenance": False, "needsDbUpgrade": False, **status}
        self.settings = settings or {"system": {}, "apps": {}}
        self.provider = provider
        self.commands: list[str] = []
        self.environments: list[set[str]] = []
        self._known = contract.commands()

    def __call__(
        self,
        argv: Sequence[str],
        *,
        data: str | None = None,
        environ_update: Mapping[str, str] | None = None,
        **_: object,
    ) -> tuple[int, str, str]:
        """Run a command line, as the module's runner does."""
        if "inspect" in argv:
            return 0, "true\n", ""
        if "/var/www/html/occ" not in argv:
            return 0, "", ""
        inside = list(argv[argv.index("/var/www/html/occ") + 1 :])
        if "sh" in argv:  # config:import gets its document from stdin through a file
            inside = ["config:import", "/tmp/document"]
            json.loads(data or "")
        self.environments.append(set(environ_update or {}))
        return self._answer(self.check(inside), inside)

    def check(self, words: Sequence[str]) -> str:
        """Return the command of a command line that upstream takes.

        :raises ContractError: when it knows no such command, option, or argument.
        """
        command = words[0]
        if command not in self._known:
            raise ContractError(f"occ has no command {command}")
        spec = self._known[command]
        positional = []
        for word in words[1:]:
            name = word.split("=", 1)[0]
            if not word.startswith("-"):
                positional.append(word)
            elif name not in spec["options"] and name not in EVERYWHERE:
                raise ContractError(f"occ {command} has no option {name}")
            elif spec["options"].get(name) in {"value", "values"} and "=" not in word:
                raise ContractError(f"occ {command} {name} needs its value behind =")
        least = sum(1 for one in spec["arguments"] if one.get("required"))
        most = None if any(one.get("array") for one in spec["arguments"]) else len(spec["arguments"])
        if len(positional) < least or (most is not None and len(positional) > most):
            raise ContractError(f"occ {command} takes {least} to {most} arguments, not {positional}")
        self.commands.append(command)
        return command

    def _answer(self, command: str, words: list[str]) -> tuple[int, str, str]:
        if command == "status":
            return 0, json.dumps(self.status), ""
        if command == "config:list":
            return 0, json.dumps(self.settings), ""
        if command == "maintenance:install":
            self.status["installed"] = True
        if command == "upgrade":
            self.status["needsDbUpgrade"] = False
        if command == "user_oidc:provider" and "--output=json" in words:
            return (0, json.dumps(self.provider), "") if self.provider else (255, "Provider not found", "")
        return 0, "", ""
