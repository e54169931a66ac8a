"""Locks on the site and on hosts, over a real SSH server, with holders that are really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from collab_stack.errors import CollabError, ExitCode
from collab_stack.runner import ssh
from collab_stack.runner.lock import host_locks, site_lock
from tests.unit.runner.conftest import Server, free_port


@dataclass
class Other:
    """Another process that holds a lock."""

    process: subprocess.Popen[str]
    said: list[str]


def other(code: str, says: int = 0) -> Other:
    """Start a process that takes a lock, says so (and some lines before), and keeps it."""
    program = textwrap.dedent(code) + "\n    print('has it', flush=True)\n    time.sleep(60)\n"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline().strip() for _ in range(says + 1)]
    assert said[-1] == "has it"
    return Other(process, said)


def free_again(command: list[str]) -> None:
    """Wait until a host's lock can be taken."""
    end = time.monotonic() + 10
    while True:
        try:
            with host_locks({"host1": command}, "deploy") as locks:
                assert locks.lost == {}
                assert len(locks.handles) == 1
                return
        except CollabError:
            assert time.monotonic() < end, "the lock outlives its killed holder"
            time.sleep(0.1)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(5)
    if process.stdout:
        process.stdout.close()


def test_a_site_is_locked_once_and_the_holder_is_named(tmp_path: Path) -> None:
    holder = other(
        f"""
        import time
        from pathlib import Path
        from collab_stack.runner.lock import site_lock
        with site_lock(Path({str(tmp_path)!r}), "deploy"):"""
    )
    try:
        with pytest.raises(CollabError) as caught, site_lock(tmp_path, "deploy"):
            pass
        assert caught.value.exit_code == ExitCode.LOCKED
        assert f"process {holder.process.pid}, deploy" in caught.value.message
    finally:
        kill(holder.process)
    with site_lock(tmp_path, "deploy") as handle:
        assert os.get_inheritable(handle) is False


def test_a_host_is_locked_once_and_survives_a_killed_holder(server: Server) -> None:
    command = server.command()
    holder = other(
        f"""
        import time
        from collab_stack.runner.lock import host_locks
        with host_locks({{"host1": {command!r}}}, "deploy"):"""
    )
    try:
        with pytest.raises(CollabError) as caught, host_locks({"host1": command}, "deploy"):
            pass
        assert caught.value.exit_code == ExitCode.LOCKED
        assert "host1" in caught.value.message
        assert f"process {holder.process.pid}, deploy" in caught.value.message
    finally:
        kill(holder.process)
    free_again(command)


def test_a_lock_lasts_until_the_last_that_inherited_it_is_gone(server: Server) -> None:
    """As when a deploy is killed while its Ansible still works."""
    command = server.command()
    holder = other(
        f"""
        import subprocess, sys, time
        from collab_stack.runner.lock import host_locks
        with host_locks({{"host1": {command!r}}}, "deploy") as locks:
            words = [sys.executable, "-c", "import time; time.sleep(60)"]
            print(subprocess.Popen(words, pass_fds=locks.handles).pid, flush=True)""",
        says=1,
    )
    kill(holder.process)
    heir = int(holder.said[0])
    try:
        time.sleep(0.5)
        with pytest.raises(CollabError), host_locks({"host1": command}, "deploy"):
            pass
    finally:
        os.kill(heir, signal.SIGKILL)
    free_again(command)


def test_an_unreachable_host_is_told_at_once(server: Server) -> None:
    closed = ssh.command({**server.variables, "ansible_port": free_port()}, server.config())
    began = time.monotonic()
    with host_locks({"host1": server.command(), "host2": closed}, "deploy") as locks:
        assert list(locks.lost) == ["host2"]
        meaning, _ = ssh.reason(locks.lost["host2"])
        assert meaning == "nothing listens on its SSH port"
    assert time.monotonic() - began < 5
