# GNU General Public License v3.0 or later (see LICENSE)
"""Write what Molecule's runs of Ansible do as the events that collab-stack's own runner reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ansible import context

from collab_stack.ansible.plugins.callback import collab_events

if TYPE_CHECKING:
    from ansible.playbook import Playbook

DOCUMENTATION = """
name: collab_record
type: notification
short_description: Record runs for the tests of a Molecule scenario
description:
  - Appends the events of C(collab_events) to the file named by COLLAB_RECORD. Each run begins with a line C(run) that
    says whether it was one in check mode.
"""


class CallbackModule(collab_events.CallbackModule):
    """The runner's own callback, beside Ansible's usual output instead of in its place."""

    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "collab_record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        path = os.environ.get("COLLAB_RECORD", "")
        if path:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.set_inheritable(self._descriptor, True)

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Tell that a run begins."""
        self._emit("run", playbook=Path(playbook._file_name).name, check=bool(context.CLIARGS.get("check")))
