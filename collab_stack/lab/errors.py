"""The errors of a lab, each with its mend."""

from __future__ import annotations

from collab_stack.errors import CollabError, ExitCode


class LabError(CollabError):
    """The lab could not do what it was asked to do.

    :param message: what happened, and to which container or image.
    :param mend: the command that mends it.
    :param code: a short stable word for programs.
    """

    def __init__(self, message: str, *, mend: str, code: str = "lab") -> None:
        super().__init__(message, mend=mend, code=code, exit_code=ExitCode.PREFLIGHT_FAILED)
