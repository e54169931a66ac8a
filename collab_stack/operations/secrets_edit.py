"""`secrets edit`: the decrypted text in an editor, in memory, and gone afterwards whatever happens."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from collab_stack.errors import CollabError, ExitCode
from collab_stack.runner.lock import site_lock
from collab_stack.site import Finding, SiteError, password, secrets, vault
from collab_stack.site.source import decode, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_PREFIX: Final = "collab-stack-edit-"
_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)


def editor() -> list[str]:
    """Return the operator's editor: VISUAL, EDITOR, or the first of Debian's that is there.

    :raises CollabError: when there is none.
    """
    for variable in ("VISUAL", "EDITOR"):
        words = shlex.split(os.environ.get(variable, ""))
        if words:
            return words
    for name in ("sensible-editor", "editor", "nano", "vi"):
        if shutil.which(name):
            return [name]
    raise CollabError(
        "There is no editor.", mend="set EDITOR, such as EDITOR=nano", code="no-editor", exit_code=ExitCode.USAGE
    )


def edit(directory: Path, vault_password_file: Path | None, again: Callable[[SiteError], bool]) -> bool:
    """Open the secrets in an editor until they are valid; return whether they were changed.

    :param again: asked after an invalid edit, with what is wrong: true opens the editor again, false gives up.
    :raises CollabError: when they cannot be read, the editor fails, or the operator gave up. Then nothing was written.
    """
    command = editor()
    with site_lock(directory, "secrets edit"), _private_folder() as folder:
        source = password.find(directory, vault_password_file)
        text = read_text(directory, secrets.FILE)
        if isinstance(text, Finding):
            raise SiteError([text])
        before = _decrypted(text, source.secret)
        path = folder / "secrets.yml"
        path.touch(mode=0o600)
        path.write_text(before, encoding="utf-8")
        while True:
            try:
                after = _edited(command, path)
                if after != before:
                    secrets.write_text(directory, after, source.secret, password.site_label(directory))
            except SiteError as error:
                if not again(error):
                    raise
            else:
                return after != before


def _decrypted(text: str, key: bytes) -> str:
    """Return the text as it is, also an invalid one: this is where it is mended."""
    if not vault.is_vault(text):
        raise SiteError([secrets.not_encrypted()])
    try:
        return vault.decrypt(text, key).decode("utf-8")
    except ValueError as error:
        mend = "give the right --vault-password-file, or restore the file from version control"
        raise SiteError([Finding(secrets.FILE, 1, "", str(error), mend)]) from None


def _edited(command: list[str], path: Path) -> str:
    try:
        status = subprocess.run([*command, str(path)], check=False).returncode
    except OSError as error:
        raise CollabError(
            f"The editor {command[0]} cannot be started ({error.strerror}).",
            mend="set EDITOR, such as EDITOR=nano",
            code="no-editor",
            exit_code=ExitCode.USAGE,
        ) from None
    if status:
        raise CollabError(
            f"The editor {command[0]} ended with {status}; nothing was changed.",
            mend="run `collab-stack secrets edit` again",
            code="editor-failed",
            exit_code=ExitCode.USAGE,
        )
    text = decode(path.read_bytes(), secrets.FILE)
    if isinstance(text, Finding):
        raise SiteError([text])
    return text


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Yield a folder 0700, in memory where the machine has such; it goes with all that an editor left in it.

    Also when the process is told to end. What a process that was killed outright has left is removed here first.
    """
    parent = Path(password.memory_folder() or tempfile.gettempdir())
    _remove_orphans(parent)
    before = {ending: signal.signal(ending, _raise) for ending in _ENDINGS}
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for ending, handler in before.items():
            signal.signal(ending, handler)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _remove_orphans(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        process = folder.name.removeprefix(_PREFIX).split("-")[0]
        with suppress(FileNotFoundError):
            if folder.stat().st_uid == os.getuid() and not Path("/proc", process).exists():
                shutil.rmtree(folder, ignore_errors=True)
