"""How the hosts of a site are reached in one run: ssh configuration, shared connections, sudo passwords."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collab_stack.runner import command, ssh
from collab_stack.runner.rootsession import run_as_root
from collab_stack.runner.workdir import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from collab_stack.runner.workdir import Work
    from collab_stack.site import Site

KNOWN_HOSTS = "known_hosts"
"""In the site's directory, and meant for version control: the keys are public, and all operators trust the same."""


@dataclass(frozen=True)
class Reach:
    """Ways to the hosts.

    :param work: the run's private folder.
    :param variables: host -> its connection variables.
    :param passwords: host -> its sudo password, None when hosts.yml names none.
    """

    work: Work
    variables: Mapping[str, Mapping[str, object]]
    passwords: Mapping[str, str | None]

    @property
    def ssh_config(self) -> Path:
        """The ssh configuration of the run."""
        return self.work.path / "ssh_config"

    def first(self, host: str) -> list[str]:
        """Return the ssh command of the session that opens the connection which all others then share."""
        control = f"ControlPath={self.work.path}/cp/%C"
        options = ("-T", "-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-o", control)
        return ssh.command(self.variables[host], self.ssh_config, options)

    def next(self, host: str) -> list[str]:
        """Return the ssh command of any later session."""
        return ssh.command(self.variables[host], self.ssh_config, ("-T", *command.multiplexing(self.work.path)))

    def run(self, host: str, program: str, parameters: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """Run one of our programs as root on a host.

        :raises RootSessionError: when it could not be run.
        """
        return run_as_root(
            self.next(host),
            program,
            parameters,
            sudo=ssh.becomes(self.variables[host]),
            password=self.passwords[host],
            timeout=timeout,
        )

    def close(self) -> None:
        """Close the connections that Ansible may have opened for itself: they would stay for a minute."""
        for socket in (self.work.path / "cp").iterdir():
            with suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    ["ssh", "-F", "/dev/null", "-o", f"ControlPath={socket}", "-O", "exit", "none"],
                    capture_output=True,
                    timeout=2,
                    check=False,
                )


def connections(site: Site) -> dict[str, dict[str, object]]:
    """Return host -> its connection variables; a key file that is given relatively is looked for in the site."""
    found = {name: {**host.variables, "ansible_host": host.address} for name, host in site.hosts.hosts.items()}
    for settings in found.values():
        key = str(settings.get("ansible_ssh_private_key_file", ""))
        if key and not key.startswith(("/", "~")):
            settings["ansible_ssh_private_key_file"] = str(site.directory / key)
    return found


def identities(variables: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Return all private keys that hosts.yml names, each once."""
    keys = (settings.get("ansible_ssh_private_key_file") for settings in variables.values())
    return list(dict.fromkeys(str(key) for key in keys if key))


@contextmanager
def reach(site: Site, secrets: Mapping[str, str]) -> Iterator[Reach]:
    """Prepare the ways to all hosts of a site; nothing is sent yet.

    :param secrets: the content of secrets.yml, for sudo passwords.
    """
    variables = connections(site)
    with private_folder() as work:
        found = Reach(
            work,
            variables,
            {name: ssh.become_password(settings, secrets) for name, settings in variables.items()},
        )
        text = ssh.config(site.directory / KNOWN_HOSTS, identities(variables))
        found.ssh_config.write_text(text, encoding="utf-8")
        try:
            yield found
        finally:
            found.close()
