"""collab-stack itself on ops, the operator's workstation: wheels carried in, because ops reaches no registry."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Final

from collab_stack.lab import machines, state
from collab_stack.lab.errors import LabError
from collab_stack.lab.layout import OPERATOR

if TYPE_CHECKING:
    from pathlib import Path

    from docker import DockerClient

    from collab_stack.lab.progress import Progress
    from collab_stack.lab.state import State

ANSIBLE: Final = "ansible-core>=2.21,<2.22"
"""The other end of what we support: ops is Debian 13 with Python 3.13, this machine may be older."""

ENVIRONMENT: Final = f"/home/{OPERATOR}/collab-stack"
"""The virtual environment on ops."""

_PYTHON: Final = "3.13"
_PLATFORMS: Final = tuple(f"manylinux{kind}_x86_64" for kind in ("_2_34", "_2_28", "_2_17", "2014"))
_WHEELS: Final = "/opt/wheels"


def install(client: DockerClient, memory: State, wheel: Path, progress: Progress) -> str:
    """Install a wheel of collab-stack on ops with ansible-core 2.21; return the path of its command.

    :raises LabError: when a wheel cannot be had, or the installation fails.
    """
    folder = state.cache() / f"wheels-{_PYTHON}"
    with progress.step(f"fetch wheels for Python {_PYTHON}"):
        _download(folder, wheel)
    container = machines.find(client, memory.layout, "ops")
    if container is None:
        raise LabError("ops is not there", mend=f"collab-stack lab up --name {memory.name}", code="lab-container")
    with progress.step("install collab-stack on ops"):
        container.put_archive("/", _packed(folder, wheel))
        name = f"collab-stack=={wheel.name.split('-')[1]}"
        for command in (
            ("python3", "-m", "venv", "--clear", ENVIRONMENT),
            (f"{ENVIRONMENT}/bin/pip", "install", "--quiet", "--no-index", "--find-links", _WHEELS, name, ANSIBLE),
        ):
            code, output = machines.execute(client, memory.layout, "ops", *command, user=OPERATOR)
            if code:
                raise LabError(
                    f"'{' '.join(command)}' failed on ops: {output.strip().splitlines()[-1]}",
                    mend="run it by hand: collab-stack lab shell ops",
                    code="lab-ops",
                )
    return f"{ENVIRONMENT}/bin/collab-stack"


def _download(folder: Path, wheel: Path) -> None:
    platforms = [word for platform in _PLATFORMS for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(folder)]
    done = subprocess.run(
        [*command, "--python-version", _PYTHON, *platforms, str(wheel), ANSIBLE],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise LabError(
            f"pip brings no wheels for Python {_PYTHON}: {lines[-1] if lines else 'no message'}",
            mend="check that this machine reaches its Python package index: pip download ansible-core",
            code="lab-ops",
        )


def _packed(folder: Path, wheel: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in (*sorted(folder.glob("*.whl")), wheel):
            archive.add(path, f"{_WHEELS.lstrip('/')}/{path.name}")
    return buffer.getvalue()
