"""Limits of this machine's kernel that the lab's machines share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from collab_stack.lab import engine
from collab_stack.lab.errors import LabError

if TYPE_CHECKING:
    from collab_stack.lab.progress import Progress

INOTIFY: Final = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH: Final = 1024
"""systemd takes six in each machine of a lab, its services more; the kernel's 128 for a user is too few for two labs,
and systemd in the next machine then fails with "Too many open files"."""


def prepare(progress: Progress, limit: Path = INOTIFY) -> None:
    """Raise what is too low, until this machine's next boot.

    :param limit: where the kernel keeps the limit.
    :raises LabError: when only root could, and nobody may become root.
    """
    if not limit.exists() or int(limit.read_text()) >= ENOUGH:
        return
    with progress.step(f"allow {ENOUGH} inotify instances for a user, until the next boot"):
        try:
            engine.as_root_do(["sh", "-c", f"echo {ENOUGH} > {limit}"])
        except LabError as error:
            raise LabError(
                f"{limit} is {limit.read_text().strip()}, and the lab's machines need {ENOUGH}: {error.message}",
                mend=f"as root: echo {ENOUGH} > {limit}",
                code="lab-kernel",
            ) from error
