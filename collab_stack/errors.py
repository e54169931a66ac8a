"""The one family of errors that reaches an operator, each with its exit code and the command that mends it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every verb; scripts rely on them (docs/cli.md)."""

    OK = 0
    DEFECT = 1
    USAGE = 2
    SITE_INVALID = 3
    PREFLIGHT_FAILED = 4
    CHANGE_FAILED = 5
    PROBE_FAILED = 6
    AUDIT_FAILED = 7
    LOCKED = 8
    INTERRUPTED = 130


class CollabError(Exception):
    """Something an operator can mend.

    :param message: what happened and where (file:line, or host and service).
    :param mend: the command or change that mends it.
    :param code: a short stable word for programs, such as ``vault-password-missing``.
    :param exit_code: what the process ends with.
    """

    def __init__(self, message: str, *, mend: str, code: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.code = code
        self.exit_code = exit_code
