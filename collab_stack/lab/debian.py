"""Where the lab's Debian comes from: the mirror that this machine itself uses, by whatever route it has."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from collab_stack.lab.errors import LabError

SUITE: Final = "trixie"

_DEFAULT: Final = "http://deb.debian.org"


def mirror() -> str:
    """Return the URL that holds debian/ and debian-security/ (``COLLAB_LAB_MIRROR``, else Debian's own)."""
    return os.environ.get("COLLAB_LAB_MIRROR", _DEFAULT).rstrip("/")


def sources(base: str) -> tuple[str, ...]:
    """Return the lines of sources.list for a mirror."""
    return (
        f"deb {base}/debian {SUITE} main",
        f"deb {base}/debian {SUITE}-updates main",
        f"deb {base}/debian-security {SUITE}-security main",
    )


def extra_hosts() -> dict[str, str]:
    """Return what this machine's /etc/hosts says about the mirror: containers do not see that file.

    A loopback address is left out: it would mean the container itself.
    """
    name = urlsplit(mirror()).hostname or ""
    for line in Path("/etc/hosts").read_text(encoding="utf-8").splitlines():
        words = line.split("#", 1)[0].split()
        if name in words[1:] and not words[0].startswith("127.") and words[0] != "::1":
            return {name: words[0]}
    return {}


def apt_settings() -> str:
    """Return this machine's own settings about the age of package lists, so that the lab judges them as it does.

    A mirror that is a snapshot serves lists whose date has passed; the machine then says so in its apt.conf.
    """
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    wanted = ("Acquire::Check-Valid-Until ", "Acquire::Check-Date ")
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(wanted))


def has_mmdebstrap() -> bool:
    """Say whether this machine can make Debian itself."""
    return shutil.which("mmdebstrap") is not None


def bootstrap_command(target: str) -> list[str]:
    """Return the command that makes Debian's smallest system as a tar file."""
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        *(f"--aptopt={line.rstrip(';')}" for line in apt_settings().splitlines()),
        '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
        SUITE,
        target,
        *sources(mirror()),
    ]


def bootstrap(target: Path) -> None:
    """Make Debian's smallest system as a tar file.

    :raises LabError: when mmdebstrap is missing or fails.
    """
    if not has_mmdebstrap():
        raise LabError("mmdebstrap is missing", mend="apt-get install mmdebstrap", code="lab-tool")
    command = bootstrap_command(str(target))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise LabError(
            f"mmdebstrap failed: {_last(done.stderr)}",
            mend=f"check that {mirror()}/debian answers: curl -I {mirror()}/debian/dists/{SUITE}/InRelease",
            code="lab-debian",
        )


def reachable(host: str, port: int, seconds: float = 3.0) -> bool:
    """Say whether a TCP connection succeeds in time."""
    try:
        with socket.create_connection((host, port), timeout=seconds):
            return True
    except OSError:
        return False


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
