# GNU General Public License v3.0 or later (see LICENSE)
"""Runs the module of the same name, and brings it the archives it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Archives are sent only when the host says that it needs them, so an unchanged instance costs one remote call."""

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, and once more with the archives when it asks for some."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        found = self._call(arguments, task_vars)
        needed = found.pop("archives_needed", [])
        if needed and not found.get("failed"):
            folder = Path(arguments.get("archives_dir", ""))
            missing = [sum512 for sum512 in needed if not (folder / sum512).is_file()]
            if missing:
                return {
                    **result,
                    "failed": True,
                    "msg": f"no archive with SHA-512 {missing[0][:16]}… in {folder}; run: collab-stack artifacts pull",
                }
            self._make_tmp_path()
            archives = {sum512: self._send(str(folder / sum512)) for sum512 in needed}
            found = self._call({**arguments, "archives": archives}, task_vars)
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return {**result, **found}

    def _call(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        # The controller's folder means nothing on the host.
        remote = {key: value for key, value in arguments.items() if key != "archives_dir"}
        called: dict[str, Any] = self._execute_module(
            module_name="nextcloud_instance", module_args=remote, task_vars=task_vars
        )
        return called

    def _send(self, archive: str) -> str:
        target: str = self._connection._shell.join_path(self._connection._shell.tmpdir, Path(archive).name)
        self._transfer_file(archive, target)
        return target
