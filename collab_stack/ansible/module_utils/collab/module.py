# GNU General Public License v3.0 or later (see LICENSE)
"""The base of modules that are given secrets inside lists."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


class QuietModule(AnsibleModule):
    """An AnsibleModule that does not write its arguments into the host's journal.

    Ansible masks ``no_log`` values in that line by searching for them, and a secret of several lines is not found in
    the printed form of a list (its newlines are escaped there), so it would stand in the journal in clear.
    """

    def _log_invocation(self) -> None:
        return
