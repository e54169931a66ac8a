"""Hosts and inventory of a role's scenario.

usage: scenario.py create|destroy SCENARIO FOLDER

``create`` starts two Debian hosts: ``host1`` with the packages that a deploy installs, and ``bare`` without them. The
variables come from the plan of a site, as in a deploy, so that a role is tested with what the plan gives it.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collab_stack import catalogue, plan
from collab_stack.runner import inventory
from collab_stack.site import Host, Hosts, Lock, Site, SiteConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTS: Final = {"host1": "collab-lab/host-packages:dev", "bare": "collab-lab/host:dev"}
GROUPS: Final = ("edge", "nextcloud", "sso", "database", "cache")
LOGIN: Final = "operator"
SITE: Final = Path(__file__).with_name("site.yml")


def container(scenario: str, host: str) -> str:
    """Return the name of a host's container."""
    return f"collab-molecule-{scenario.replace('_', '-')}-{host}"


def docker(*words: str, text: str | None = None) -> str:
    """Run Docker's client and return what it says."""
    done = subprocess.run(["docker", *words], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"docker {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def start(name: str, host: str, image: str, public_key: str) -> str:
    """Start a host and return its address. The flags are those of the lab's hosts."""
    volumes = {f"{name}-docker": "/var/lib/docker", f"{name}-containerd": "/var/lib/containerd"}
    options = ["--cgroupns=host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    for capability in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"):
        options += ["--cap-add", capability]
    for option in ("seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"):
        options += ["--security-opt", option]
    for mount in ("/run", "/run/lock", "/tmp:exec,mode=1777"):  # noqa: S108 - inside the container
        options += ["--tmpfs", mount]
    for volume, path in volumes.items():
        options += ["-v", f"{volume}:{path}"]
    docker("run", "-d", "--name", name, "--hostname", host, *options, image)
    script = (
        f"install -d -m 700 -o {LOGIN} -g {LOGIN}s /home/{LOGIN}/.ssh && "
        f"install -m 600 -o {LOGIN} -g {LOGIN}s /dev/stdin /home/{LOGIN}/.ssh/authorized_keys"
    )
    docker("exec", "-i", name, "sh", "-c", script, text=public_key)
    docker("exec", name, "sh", "-c", "until systemctl is-system-running --wait | grep -Eq 'running|degraded'; do sleep 0.2; done")
    return docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name)


def make_key(folder: Path) -> str:
    """Make the operator's SSH key and return its public half."""
    key = folder / "id_ed25519"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key.with_suffix(".pub").read_text()


def site(name: str, address: str, connection: Mapping[str, object]) -> Site:
    """Return a site with all its services on one host."""
    text = SITE.read_text().replace("NETWORK", address.rsplit(".", 1)[0])
    config = SiteConfig.model_validate(yaml.safe_load(text))
    hosts = Hosts({name: Host(name, address, dict(connection))}, {group: (name,) for group in GROUPS})
    return Site(SITE.parent, config, hosts, Lock())


def make_secrets(names: frozenset[str]) -> dict[str, str]:
    """Return a value for each secret that a plan names."""
    values = {name: secrets.token_hex(16) for name in sorted(names)}
    key = ec.generate_private_key(ec.SECP256R1())
    values["internal_ca_key"] = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return values


def inventories(folder: Path, addresses: Mapping[str, str]) -> None:
    """Write an inventory for each host. Molecule reads host1's only; the test of check mode reads bare's."""
    kept = folder / "secrets.json"
    for host, address in addresses.items():
        connection: dict[str, Any] = {
            "ansible_host": address,
            "ansible_user": LOGIN,
            "ansible_become_password": LOGIN,
            "ansible_ssh_private_key_file": str(folder / "id_ed25519"),
        }
        planned = plan.build(site(host, address, connection), catalogue.load())
        if not kept.exists():
            kept.write_text(json.dumps({"collab_secrets": make_secrets(planned.secrets)}))
        data = inventory.build(planned, {host: connection}, json.loads(kept.read_text()))
        path = folder / "inventory" / "plan.yml" if host == "host1" else folder / f"{host}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(data))


def create(scenario: str, folder: Path) -> None:
    """Start the hosts and write what Ansible and the tests need to reach them."""
    public_key = make_key(folder)
    addresses = {host: start(container(scenario, host), host, image, public_key) for host, image in HOSTS.items()}
    (folder / "ssh_config").write_text("StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n")
    inventories(folder, addresses)


def destroy(scenario: str, folder: Path) -> None:
    """Remove the hosts, and what a run has left in the folder."""
    for host in HOSTS:
        name = container(scenario, host)
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)
        subprocess.run(["docker", "volume", "rm", "-f", f"{name}-docker", f"{name}-containerd"], capture_output=True, check=False)
    for left in ("record.jsonl", "secrets.json", "inventory/plan.yml", "bare.yml", "id_ed25519", "id_ed25519.pub"):
        (folder / left).unlink(missing_ok=True)


def main() -> None:
    """Do what the command line says."""
    verb, scenario, folder = sys.argv[1:]
    {"create": create, "destroy": destroy}[verb](scenario, Path(folder))


if __name__ == "__main__":
    main()
