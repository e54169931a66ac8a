"""How a run of Ansible is stopped, and what becomes of it when its starter is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from collab_stack.runner import executor, workdir
from collab_stack.runner.command import Playbook
from collab_stack.runner.executor import Files, execute
from collab_stack.runner.workdir import private_folder, sweep


def prepare(folder: Path) -> Playbook:
    """A playbook whose one task sleeps, in a process that can be found by its number of seconds."""
    seconds = 1000 + os.getpid() % 1000
    task = {"name": "sleep", "ansible.builtin.command": {"cmd": f"sleep {seconds}"}}
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "one", "gather_facts": False, "tasks": [task]}]))
    hosts = {"one": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}
    (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    (folder / "secrets.yml").write_text("collab_secrets: {}\n")
    (folder / "password").write_text("unused\n")
    return Playbook(
        playbook=str(folder / "play.yml"),
        inventory=folder / "inventory.yml",
        secrets=folder / "secrets.yml",
        vault_password=folder / "password",
        ssh_config=folder / "ssh_config",
        work=folder,
        events_fd=-1,
        run_id="test",
    )


def sleepers() -> list[int]:
    """The processes of the task."""
    seconds = str(1000 + os.getpid() % 1000)
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", seconds.encode()]:
                found.append(int(path.parent.name))
    return found


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def interrupt_when_it_sleeps(event: dict[str, Any]) -> None:
    if event["event"] == "tick" and sleepers():
        raise KeyboardInterrupt


def test_an_interrupt_stops_ansible_and_its_workers(tmp_path: Path) -> None:
    run = prepare(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        execute(run, Files(tmp_path / "log", tmp_path / "events"), on_event=interrupt_when_it_sleeps)
    assert not sleepers()
    assert not executor.descendants(os.getpid())


def test_what_ignores_signals_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped processes take neither SIGINT nor SIGTERM."""
    monkeypatch.setattr(executor, "PATIENCE", ((signal.SIGINT, 0.5), (signal.SIGTERM, 0.5), (signal.SIGKILL, 5.0)))
    run = prepare(tmp_path)

    def freeze(event: dict[str, Any]) -> None:
        if event["event"] == "tick" and sleepers():
            for process in executor.descendants(os.getpid()):
                os.kill(process, signal.SIGSTOP)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(run, Files(tmp_path / "log", tmp_path / "events"), on_event=freeze)
    until(lambda: not sleepers())


def test_ansible_does_not_outlive_a_killed_starter(tmp_path: Path) -> None:
    prepare(tmp_path)
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.unit.runner.test_executor import prepare\n"
        "from collab_stack.runner.executor import Files, execute\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "run = prepare(folder)\n"
        "execute(run, Files(folder / 'log', folder / 'events'))\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[3])
    own: list[int] = []

    def asleep() -> bool:
        own[:] = executor.descendants(starter.pid)
        return any(b"sleep" in _words(process) for process in own)

    until(asleep)
    starter.kill()
    starter.wait(5)
    until(lambda: not any(Path(f"/proc/{process}").exists() for process in own))


def _words(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for private folders, with a name that is short enough."""
    with tempfile.TemporaryDirectory(prefix="ct-", dir="/tmp") as name:
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        yield Path(name)


def test_a_private_folder_is_private_and_goes(place: Path) -> None:
    with private_folder() as work:
        assert work.path.parent == place
        assert work.path.stat().st_mode & 0o777 == 0o700
        assert sweep(place) == []
        path = work.path
    assert not path.exists()


def test_a_place_with_a_long_name_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert tmp_path not in workdir.parents()


def test_the_folder_of_a_killed_run_is_swept(place: Path) -> None:
    program = (
        "import time\nfrom collab_stack.runner.workdir import private_folder\n"
        "with private_folder() as work:\n    print(work.path, flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    path = Path(process.stdout.readline().strip())
    (path / "tmp" / "secret").write_text("left behind")
    assert sweep(place) == []
    process.kill()
    process.wait(5)
    process.stdout.close()
    assert sweep(place) == [path]
    assert not path.exists()


def test_folders_are_made_in_memory_where_there_is_some() -> None:
    kinds = {
        line.split()[1]: line.split()[2] for line in Path("/proc/mounts").read_text().splitlines() if " tmpfs " in line
    }
    assert workdir.parents()
    if kinds.get("/dev/shm") == "tmpfs":
        assert any(str(place) in kinds for place in workdir.parents())
