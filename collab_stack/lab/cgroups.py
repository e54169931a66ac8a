"""Cgroups that the lab's machines leave in this machine's tree, because they share it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from collab_stack.lab.engine import as_root
from collab_stack.lab.machines import read_exec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from docker import DockerClient
    from docker.models.containers import Container

ROOT: Final = Path("/sys/fs/cgroup")
_DEEPEST: Final = 6  # /sys/fs/cgroup/<controller>/docker/<id>, or with systemd's slices two more


def inner_ids(client: DockerClient, container: Container, volume: str) -> set[str]:
    """Return the ids of the containers that a host's own engine has: their cgroups stand beside the host's.

    Read before the host is removed; from the running host, else from its volume (which only root may read).
    """
    container.reload()
    if container.status == "running":
        code, output = read_exec(*container.exec_run(["ls", "/var/lib/docker/containers"]))
        return set(output.split()) if code == 0 else set()
    where = (client.volumes.get(volume).attrs or {})["Mountpoint"]
    listed = subprocess.run(
        [*as_root(), "ls", f"{where}/containers"], capture_output=True, text=True, check=False, timeout=30
    )
    return set(listed.stdout.split()) if listed.returncode == 0 else set()


def of(ids: Collection[str]) -> Iterator[Path]:
    """Yield the cgroups of containers, the outermost of each only."""
    yield from _below(ROOT, frozenset(ids), _DEEPEST)


def _below(folder: Path, ids: frozenset[str], depth: int) -> Iterator[Path]:
    try:
        children = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return
    for child in children:
        if any(name in child.name for name in ids):
            yield child
        elif depth > 1:
            yield from _below(child, ids, depth - 1)


def remove(ids: Collection[str]) -> None:
    """Remove the cgroups of containers that are gone; one that still has a process stays."""
    if not ids:
        return
    for outermost in list(of(ids)):
        folders = [outermost, *(path for path in outermost.rglob("*") if path.is_dir())]
        command = [*as_root(), "rmdir", *map(str, sorted(folders, key=lambda path: -len(path.parts)))]
        subprocess.run(command, capture_output=True, check=False, timeout=30)
