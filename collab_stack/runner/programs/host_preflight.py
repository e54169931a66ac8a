"""Look at a host before a deploy changes anything on it. Runs as root; prints one JSON object.

Reads only, but for Ansible's temporary folder of a run that was killed: the caller holds the host's lock, so nobody
uses that any more.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LISTEN = "0A"  # state TCP_LISTEN in /proc/net/tcp
UNCONNECTED = "07"  # state of a bound UDP socket in /proc/net/udp
UNIT = re.compile(r"/([^/]+\.(?:service|socket|scope))")
IMAGE = re.compile(r"[\w./:-]+@sha256:[0-9a-f]{64}")
PROC = Path("/proc")


def read(path: str | Path) -> str:
    """Return a file's text, empty when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def release() -> dict[str, str]:
    """Return id and version of the operating system."""
    pairs = dict(line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line)
    return {key: pairs.get(name, "").strip('"') for key, name in (("id", "ID"), ("version", "VERSION_ID"))}


def memory() -> int:
    """Return the usable memory in MiB: of the machine, or of the control group that plays one."""
    fields = dict(line.split(":", 1) for line in read("/proc/meminfo").splitlines() if ":" in line)
    limits = [int(fields["MemTotal"].split()[0]) // 1024]
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = read(name).strip()
        if text.isdigit() and int(text):
            limits.append(int(text) // 1024**2)
    return min(limits)


def disk(name: str) -> dict[str, Any]:
    """Return mount point and free MiB of the file system that will hold a path, which need not be there yet."""
    path = Path(name)
    while not path.exists():
        path = path.parent
    status = os.statvfs(path)
    device = path.stat().st_dev
    while path != path.parent and path.parent.stat().st_dev == device:
        path = path.parent
    return {"mount": str(path), "free_mib": status.f_bavail * status.f_frsize // 1024**2}


def bound(ports: list[list[Any]]) -> dict[str, tuple[str, int]]:
    """Return inode -> (protocol, port) of the sockets that hold one of the given ports."""
    found = {}
    for protocol, state in (("tcp", LISTEN), ("udp", UNCONNECTED)):
        for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
            for line in read(table).splitlines()[1:]:
                fields = line.split()
                port = int(fields[1].rpartition(":")[2], 16)
                if fields[3] == state and [protocol, port] in ports:
                    found[fields[9]] = (protocol, port)
    return found


def holders(ports: list[list[Any]]) -> list[dict[str, Any]]:
    """Return who holds the given ports: protocol, port, process, command, unit."""
    sockets = bound(ports)
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for link in PROC.glob("[0-9]*/fd/*") if sockets else ():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        inode = target[8:-1] if target.startswith("socket:[") else ""
        if inode in sockets and sockets[inode] not in found:
            process = link.parent.parent
            units = UNIT.findall(read(process / "cgroup"))
            command = read(process / "comm").strip()
            found[sockets[inode]] = {
                "pid": int(process.name),
                "command": command,
                "unit": units[-1] if units else "",
            }
    return [{"protocol": protocol, "port": port, **who} for (protocol, port), who in sorted(found.items())]


def images(wanted: list[str]) -> list[str]:
    """Return which of the wanted images are not here yet."""
    if not wanted or not shutil.which("docker"):
        return wanted
    form = ["docker", "image", "inspect", "--format", "{{.Id}}"]
    if subprocess.run([*form, *wanted], capture_output=True, check=False).returncode == 0:
        return []
    return [name for name in wanted if subprocess.run([*form, name], capture_output=True, check=False).returncode]


def deployed() -> dict[str, str]:
    """Return service -> image of the container units that are here."""
    units = sorted(Path("/etc/systemd/system").glob("collab-*.service"))
    named = {path.stem.removeprefix("collab-"): IMAGE.findall(read(path)) for path in units}
    return {service: found[0] for service, found in named.items() if found}


def connects(address: str, port: int) -> str:
    """Return why a TCP connection fails, or an empty text."""
    try:
        socket.create_connection((address, port), timeout=3).close()
    except OSError as error:
        return str(error)
    return ""


def variable(process: Path, name: str) -> str:
    """Return what a variable is in the environment of a process, empty when it is not there."""
    words = read(process / "environ").split("\0")
    return next((word.partition("=")[2] for word in words if word.startswith(f"{name}=")), "")


def leftovers(run: str) -> dict[int, str]:
    """Return the processes, by id, that an earlier run started here and that still work."""
    found = {}
    for process in PROC.glob("[0-9]*"):
        if variable(process, "COLLAB_RUN") not in ("", run):
            found[int(process.name)] = read(process / "cmdline").replace("\0", " ").strip()[:200]
    return found


def login() -> dict[str, Any]:
    """Return from which address, and at which port, this session came in; empty without ssh.

    sshd says so in the environment, which sudo clears; it is still that of the processes above this one.
    """
    process = os.getpid()
    while process > 1:
        ends = variable(PROC / str(process), "SSH_CONNECTION").split()
        if len(ends) == 4:
            return {"address": ends[0].partition("%")[0], "port": int(ends[3])}
        status = read(PROC / str(process) / "stat").rpartition(") ")[2].split()
        process = int(status[1]) if len(status) > 1 else 0  # the parent
    return {}


def wait_for_leftovers(run: str, seconds: float) -> list[dict[str, Any]]:
    """Wait until nothing of an earlier run works here any more; return what still does."""
    end = time.monotonic() + seconds
    left = leftovers(run)
    while left and time.monotonic() < end:
        time.sleep(0.5)
        left = leftovers(run)
    return [{"pid": pid, "command": command} for pid, command in sorted(left.items())]


def sweep(folder: str) -> int:
    """Remove Ansible's temporary folders below a folder in the login's home, and count them."""
    login = pwd.getpwnam(os.environ.get("SUDO_USER") or "root")
    removed = list(Path(folder.replace("~", login.pw_dir, 1)).glob("ansible-tmp-*"))
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
    return len(removed)


def main(text: str) -> None:
    """Print what the host is like.

    :param text: JSON object with ``run``, ``wait`` (seconds), ``temp`` (folder), ``paths``, ``ports`` (protocol,
        number), ``images`` and ``registries`` (name, port).
    """
    wanted = json.loads(text)
    left = wait_for_leftovers(wanted["run"], wanted["wait"])
    missing = images(wanted["images"])
    answer = {
        "root": os.geteuid() == 0,
        "release": release(),
        "systemd": Path("/run/systemd/system").is_dir(),
        "memory_mib": memory(),
        "disks": {path: disk(path) for path in wanted["paths"]},
        "holders": holders(wanted["ports"]),
        "missing_images": missing,
        "registries": {f"{name}:{port}": connects(name, port) for name, port in wanted["registries"] if missing},
        "deployed": deployed(),
        "leftovers": left,
        "login": login(),
        "swept": 0 if left else sweep(wanted["temp"]),
        "time": time.time(),
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
