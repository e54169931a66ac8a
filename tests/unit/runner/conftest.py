"""An SSH server of our own on the loopback, with its own keys, on a port that needs no privilege."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collab_stack.runner import ssh

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@dataclass
class Server:
    """A running sshd."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def host_key(self) -> str:
        """Its public key, as in known_hosts, without the name."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def variables(self) -> dict[str, object]:
        """What hosts.yml would say."""
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": getpass.getuser(),
            "ansible_ssh_private_key_file": str(self.folder / "user_key"),
        }

    def config(self, known: str | None = None) -> Path:
        """Write an ssh configuration whose known_hosts holds a key: the right one when none is given."""
        known_hosts = self.folder / "known_hosts"
        known_hosts.write_text(
            f"[127.0.0.1]:{self.port} {self.host_key if known is None else known}\n" if known != "" else ""
        )
        path = self.folder / "ssh_config"
        path.write_text(ssh.config(known_hosts))
        return path

    def command(self, known: str | None = None) -> list[str]:
        """The ssh command that reaches it."""
        return ssh.command(self.variables, self.config(known))

    def stop(self) -> None:
        """End it, and nothing else."""
        self.process.terminate()
        self.process.wait(5)


def keygen(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Server]]:
    if not Path(SSHD).exists():
        pytest.skip("sshd is not installed: apt-get install openssh-server")
    Path("/run/sshd").mkdir(exist_ok=True)
    servers: list[Server] = []

    def start() -> Server:
        folder = tmp_path_factory.mktemp("sshd")
        keygen(folder / "host_key")
        keygen(folder / "user_key")
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        port = free_port()
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile {folder}/pid\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
        servers.append(Server(folder, port, process))
        _wait(port)
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(start_server: Callable[[], Server]) -> Server:
    return start_server()


def _wait(port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("sshd does not listen")
