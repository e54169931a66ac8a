"""Reading, confirming and replacing host keys, against real SSH servers, one of them a jump host."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from collab_stack.operations.hosts import Trust, trust
from collab_stack.operations.reach import reach
from collab_stack.runner import hostkeys, ssh
from collab_stack.runner.rootsession import RootSessionError
from collab_stack.site import Host, Hosts, Lock, Site, SiteConfig
from tests.unit.runner.conftest import Server, keygen

Start = Callable[[], Server]


def site(folder: Path, **hosts: dict[str, object]) -> Site:
    machines = {name: Host(name, str(settings["ansible_host"]), settings) for name, settings in hosts.items()}
    # Neither reads site.yml: hosts.yml alone says how hosts are reached.
    return Site(folder, cast("SiteConfig", None), Hosts(machines, {}), Lock())


def yes(_offered: Trust) -> bool:
    return True


def no(_offered: Trust) -> bool:
    return False


def test_a_new_key_is_trusted_when_it_is_confirmed(tmp_path: Path, server: Server) -> None:
    here = site(tmp_path, host1=server.variables)
    asked: list[Trust] = []

    def confirm(offered: Trust) -> bool:
        asked.append(offered)
        return True

    (first,) = trust(here, confirm)
    assert first.state == "trusted"
    assert [offered.host for offered in asked] == ["host1"]
    assert (tmp_path / "known_hosts").read_text().splitlines()[1] == f"[127.0.0.1]:{server.port} {server.host_key}"
    assert first.key is not None
    told = (server.folder / "host_key.pub").read_text()
    assert first.key.key in told
    (again,) = trust(here, no)
    assert again.state == "known"


def test_a_key_that_is_not_confirmed_is_not_written(tmp_path: Path, server: Server) -> None:
    (found,) = trust(site(tmp_path, host1=server.variables), no)
    assert found.state == "declined"
    assert not found.ok
    assert not (tmp_path / "known_hosts").exists()


def test_a_changed_key_is_refused_unless_the_host_is_named(tmp_path: Path, server: Server) -> None:
    here = site(tmp_path, host1=server.variables)
    keygen(tmp_path / "other")
    kind, key = (tmp_path / "other.pub").read_text().split()[:2]
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {kind} {key}\n")
    (found,) = trust(here, yes)
    assert found.state == "changed"
    assert found.before is not None
    assert "hosts trust --replace host1" in found.mend
    assert key in (tmp_path / "known_hosts").read_text()
    (replaced,) = trust(here, yes, ["host1"])
    assert replaced.state == "trusted"
    assert hostkeys.read(tmp_path / "known_hosts") == [replaced.key]


def test_a_host_behind_a_jump_host(tmp_path: Path, start_server: Start) -> None:
    jump, target = start_server(), start_server()
    authorised = (target.folder / "user_key.pub").read_text()
    with (jump.folder / "authorized_keys").open("a") as stream:
        stream.write(authorised)  # the jump host is offered the key that hosts.yml names
    place = f"{getpass.getuser()}@127.0.0.1:{jump.port}"
    here = site(tmp_path, host1={**target.variables, "ansible_ssh_common_args": f"-J {place}"})
    first, second = trust(here, yes)
    assert (first.host, first.state) == (place, "trusted")
    assert (second.host, second.state) == ("host1", "trusted")
    assert len(hostkeys.read(tmp_path / "known_hosts")) == 2
    with reach(here, {}) as ways:
        assert not ssh.becomes({"ansible_user": "root"})
        assert _hears(ways.next("host1"))


def test_an_untrusted_jump_host_is_not_used(tmp_path: Path, start_server: Start) -> None:
    jump, target = start_server(), start_server()
    place = f"{getpass.getuser()}@127.0.0.1:{jump.port}"
    here = site(tmp_path, host1={**target.variables, "ansible_ssh_common_args": f"-J {place}"})
    assert [entry.state for entry in trust(here, no)] == ["declined", "unreachable"]


@pytest.mark.parametrize(
    ("change", "meaning"),
    [
        ({}, "its SSH key is not known to the site"),
        ({"ansible_user": "nobody-of-that-name"}, "SSH refuses the login"),
        ({"ansible_port": 1}, "nothing listens on its SSH port"),
        ({"ansible_host": "no-such-name.invalid"}, "its name does not resolve"),
    ],
)
def test_why_a_host_is_not_reached(server: Server, change: dict[str, object], meaning: str) -> None:
    config = server.config("" if not change else None)
    said = _stderr(ssh.command({**server.variables, **change}, config))
    assert ssh.reason(said)[0] == meaning


def test_a_changed_key_is_told_apart_from_an_unknown_one(server: Server) -> None:
    keygen(server.folder / "other")
    said = _stderr(server.command(" ".join((server.folder / "other.pub").read_text().split()[:2])))
    meaning, mend = ssh.reason(said)
    assert "not the one that the site trusts" in meaning
    assert "--replace" in mend


def test_a_host_that_is_silent_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.socket() as silent:  # accepts connections (in its queue) and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        variables: dict[str, object] = {"ansible_host": "127.0.0.1", "ansible_port": silent.getsockname()[1]}
        config = tmp_path / "config"
        config.write_text(ssh.config(tmp_path / "known_hosts"))
        began = time.monotonic()
        said = _stderr(ssh.command(variables, config))
        assert time.monotonic() - began < 5
    assert ssh.reason(said)[0] == "it does not answer"


def test_a_program_runs_as_root_and_its_failure_is_told(tmp_path: Path, server: Server) -> None:
    here = site(tmp_path, host1={**server.variables, "ansible_become": False})
    trust(here, yes)
    wanted = {"run": "x", "wait": 0, "temp": "~/.none", "paths": ["/no/such/path"], "ports": [["tcp", server.port]]}
    with reach(here, {}) as ways:
        answer = ways.run("host1", "host_preflight", {**wanted, "images": [], "registries": []}, 20)
        assert answer["release"]["id"]
        assert answer["memory_mib"] > 100
        assert answer["disks"]["/no/such/path"]["mount"] == "/"
        assert [(held["port"], held["command"]) for held in answer["holders"]] == [(server.port, "sshd")]
        assert answer["login"] == {"address": "127.0.0.1", "port": server.port}
        with still_working("earlier") as earlier, still_working("x") as own:
            left = ways.run("host1", "host_preflight", {**wanted, "images": [], "registries": []}, 20)["leftovers"]
        # Not alone where a lab or another test runs Ansible on this machine.
        assert {"pid": earlier, "command": "sleep 60"} in left
        assert own not in [each["pid"] for each in left]
        with pytest.raises(RootSessionError) as caught:
            ways.run("host1", "host_preflight", {}, 20)
    assert caught.value.kind == "failed"
    assert "KeyError" in str(caught.value)


@contextmanager
def still_working(run: str) -> Iterator[int]:
    """Yield the id of a process that a run has started here."""
    process = subprocess.Popen(["sleep", "60"], env={"PATH": os.environ["PATH"], "COLLAB_RUN": run})
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _stderr(command: list[str]) -> str:
    done = subprocess.run([*command, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 255
    return done.stderr


def _hears(command: list[str]) -> bool:
    done = subprocess.run(
        [*command, "echo heard"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.stdout == "heard\n"
