"""Reading a file of the site without trusting it: bounded, regular files only, UTF-8 without a BOM, no tabs."""

from __future__ import annotations

import codecs
import os
import re
import stat
from typing import TYPE_CHECKING, Final

from collab_stack.site.findings import Finding

if TYPE_CHECKING:
    from pathlib import Path

LARGEST: Final = 1024 * 1024
"""Bytes. A site of hundreds of hosts is a tenth of this; more is a mistake, or somebody's attack on the parser."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "a byte order mark (BOM)"),
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_ODD_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f]")
_UTF8: Final = "save the file as plain UTF-8 without a BOM"


def read_bytes(directory: Path, name: str) -> bytes | Finding:
    """Return a file's content, or what speaks against reading it.

    A device or a pipe is not opened for reading, and of a file that is too large no more than the limit is read.
    """
    try:
        handle = os.open(directory / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return Finding(name, None, "", "the file is missing", _missing(name))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return Finding(name, None, "", f"the file cannot be read ({reason})", f"look at `ls -l {name}`")
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return Finding(name, None, "", "this is not a regular file", "put the file itself here")
        if status.st_size > LARGEST:
            return _too_large(name, status.st_size)
        with os.fdopen(handle, "rb", closefd=False) as stream:
            content = stream.read(LARGEST + 1)
    finally:
        os.close(handle)
    return content if len(content) <= LARGEST else _too_large(name, len(content))


def read_text(directory: Path, name: str) -> str | Finding:
    """Return a file's text, or what speaks against it (see :func:`read_bytes` and :func:`decode`)."""
    content = read_bytes(directory, name)
    return content if isinstance(content, Finding) else decode(content, name)


def decode(content: bytes, name: str) -> str | Finding:
    """Return the text, or a finding: BOM or other encoding, empty, tabs, control characters, odd line breaks."""
    for mark, meaning in _BOMS:
        if content.startswith(mark):
            return Finding(name, 1, "", f"the file begins with {meaning}", _UTF8)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Finding(name, line, "", f"the byte 0x{content[error.start]:02x} is not UTF-8", _UTF8)
    if not text.strip():
        return Finding(name, 1, "", "the file is empty", _missing(name))
    for position, what, mend in (
        (_position(_CONTROL, text), "a control character", "remove it; this is meant to be plain text"),
        (text.find("\t"), "a tab", "use spaces; YAML forbids tabs as indentation"),
        (_position(_ODD_BREAK, text), "a line break that editors do not count as one", "use plain line feeds"),
    ):
        if position >= 0:
            return Finding(name, text.count("\n", 0, position) + 1, "", f"the line holds {what}", mend)
    return text


def _position(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return found.start() if found else -1


def _too_large(name: str, size: int) -> Finding:
    return Finding(
        name,
        None,
        "",
        f"the file has {size / 1024**2:.1f} MiB; at most {LARGEST // 1024**2} MiB is read",
        "this is not the file that belongs here: restore the right one",
    )


def _missing(name: str) -> str:
    if name == "secrets.yml":
        return "restore secrets.yml from version control, or make it anew with `collab-stack secrets add-missing`"
    return (
        f"restore {name} from version control, give another directory with --site, or make a new site with "
        "`collab-stack init DIR --domain DOMAIN`"
    )
