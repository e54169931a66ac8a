"""Installing packages, as far as that can be seen without installing any: the lab's tests install and kill for real."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.collab.convergence import Convergence
from ansible.module_utils.collab.dpkg import POLICY_MARK, Dpkg, PackageError
from ansible.modules import packages

STATES = """nginx nginx ok installed
old old ok config-files
half half ok unpacked
libc6 libc6:amd64 ok half-configured
libc6 libc6:i386 ok installed
waiting waiting ok triggers-awaited
"""


class Host:
    """Plays dpkg and apt-get."""

    def __init__(self, states: str) -> None:
        self.states = states
        self.calls: list[list[str]] = []
        self.fails = ""
        self.does: Callable[[list[str]], None] = lambda _argv: None

    def run(self, argv: list[str]) -> tuple[int, str, str]:
        if argv[0] == "dpkg-query":
            return 0, self.states, ""
        self.calls.append(argv)
        if self.fails and self.fails in argv:
            return 100, "", "Reading lists\nE: Unable to locate package x\n\n"
        self.does(argv)
        return 0, "", ""

    def verbs(self) -> list[str]:
        """Return the calls without options."""
        return [
            " ".join(word for word in argv if not word.startswith("--option") and word[0] != "-") for argv in self.calls
        ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("var/lib/dpkg/updates", "usr/sbin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/lock-frontend").touch()
    return tmp_path


def converge(host: Host, root: Path, *names: str, check: bool = False, seconds: int = 0) -> list[tuple[str, str]]:
    params = {"name": list(names), "sources": [], "absent_sources": [], "lock_seconds": seconds}
    changes: list[tuple[str, str]] = packages.converge(
        params, check, Convergence("packages", str(root / "state"), host.run), Dpkg(host.run, str(root))
    )
    return changes


def test_reads_what_is_missing_and_what_is_half_done(root: Path) -> None:
    dpkg = Dpkg(Host(STATES).run, str(root))
    dpkg.read()
    assert dpkg.missing(["nginx", "old", "half", "other"]) == ["old", "half", "other"]
    assert dpkg.half_done() == ["half", "libc6", "waiting"]
    assert dpkg.interrupted()


def test_finds_what_dpkg_had_not_written_down_yet(root: Path) -> None:
    dpkg = Dpkg(Host("nginx nginx ok installed\n").run, str(root))
    dpkg.read()
    assert not dpkg.interrupted()
    (root / "var/lib/dpkg/updates/0001").touch()
    assert dpkg.interrupted()


def test_nothing_to_do_is_one_look(root: Path) -> None:
    host = Host("nginx nginx ok installed\n")
    assert converge(host, root, "nginx") == []
    assert host.calls == []


def test_check_mode_tells_the_same_and_does_nothing(root: Path) -> None:
    host = Host("half half ok unpacked\n")
    told = converge(host, root, "half", "nginx", check=True)
    assert told == [("package half", "finish"), ("package nginx", "install")]
    assert host.calls == []


def test_finishes_first_then_installs_what_is_missing(root: Path) -> None:
    host = Host("half half ok unpacked\n")

    def install(argv: list[str]) -> None:
        if "--configure" in argv:
            host.states = "half half ok installed\n"
        if argv[-1] == "nginx":
            host.states = "half half ok installed\nnginx nginx ok installed\n"

    host.does = install
    assert converge(host, root, "half", "nginx") == [("package half", "finish"), ("package nginx", "install")]
    assert host.verbs() == ["apt-get update", "dpkg", "apt-get install", "apt-get install nginx"]


@pytest.mark.parametrize("state", ["reinstreq half-installed", "reinstreq unpacked", "ok half-installed"])
def test_unpacks_again_what_was_killed_while_it_was_unpacked(root: Path, state: str) -> None:
    host = Host(f"nginx nginx ok unpacked\nlib lib:amd64 {state}\n")
    host.fails = "--configure"

    def reinstall(argv: list[str]) -> None:
        if argv[-1] == "lib:amd64" and "--reinstall" in argv:
            host.states = "nginx nginx ok installed\nlib lib:amd64 ok installed\n"

    host.does = reinstall
    assert converge(host, root, "nginx") == [("package lib", "finish"), ("package nginx", "finish")]
    assert host.verbs() == ["apt-get update", "dpkg", "apt-get install lib:amd64"]


def test_a_package_that_cannot_be_configured_is_an_error(root: Path) -> None:
    host = Host("half half ok half-configured\n")
    host.fails = "--configure"
    with pytest.raises(PackageError, match="dpkg --pending ended with 100"):
        converge(host, root, "half")


def test_says_which_command_failed_and_why(root: Path) -> None:
    host = Host("")
    host.fails = "update"
    with pytest.raises(
        PackageError, match="apt-get update ended with 100: Reading lists / E: Unable to locate package x"
    ):
        converge(host, root, "nginx")
    assert not (root / "usr/sbin/policy-rc.d").exists()


def test_does_not_believe_an_installation_that_installed_nothing(root: Path) -> None:
    with pytest.raises(PackageError, match="nginx is not installed"):
        converge(Host(""), root, "nginx")


def test_waits_for_others(root: Path) -> None:
    lock = root / "var/lib/dpkg/lock-frontend"
    hold = f"import fcntl, time; f = open({str(lock)!r}, 'rb+'); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True); "
    holder = subprocess.Popen([sys.executable, "-c", hold + "time.sleep(1.5)"], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    dpkg = Dpkg(Host("").run, str(root))
    with pytest.raises(PackageError, match="fuser -v"):
        dpkg.wait(0)
    start = time.monotonic()
    dpkg.wait(20)
    assert 0.5 < time.monotonic() - start < 10
    holder.wait()
    holder.stdout.close()


class TestPolicy:
    """What is installed does not start before it is configured."""

    @pytest.fixture
    def systemctl(self, tmp_path: Path) -> dict[str, str]:
        program = tmp_path / "bin" / "systemctl"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\n[ "$3" = running.service ]\n')
        program.chmod(0o755)
        return {"PATH": f"{program.parent}:{os.environ['PATH']}"}

    def ask(self, root: Path, environment: dict[str, str], unit: str) -> int:
        return subprocess.run([root / "usr/sbin/policy-rc.d", unit, "start"], env=environment, check=False).returncode

    def test_denies_the_start_of_what_does_not_run(self, root: Path, systemctl: dict[str, str]) -> None:
        with Dpkg(Host("").run, str(root)).nothing_starts():
            assert self.ask(root, systemctl, "new.service") == 101
            assert self.ask(root, systemctl, "running.service") == 0
        assert not (root / "usr/sbin/policy-rc.d").exists()

    def test_one_that_a_killed_run_left_says_nothing(self, root: Path, systemctl: dict[str, str]) -> None:
        with Dpkg(Host("").run, str(root)).nothing_starts():
            text = (root / "usr/sbin/policy-rc.d").read_text()
        gone = subprocess.Popen(["true"])
        gone.wait()
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text(text.replace(f"/proc/{os.getpid()}/", f"/proc/{gone.pid}/"))
        policy.chmod(0o755)
        assert self.ask(root, systemctl, "new.service") == 0
        with Dpkg(Host("").run, str(root)).nothing_starts():
            assert self.ask(root, systemctl, "new.service") == 101
        assert not policy.exists()

    def test_the_hosts_own_stays(self, root: Path) -> None:
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        with Dpkg(Host("").run, str(root)).nothing_starts():
            assert POLICY_MARK not in policy.read_text()
        assert policy.read_text() == "#!/bin/sh\nexit 101\n"
