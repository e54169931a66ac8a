"""The lab is what docs and design say: an agency that works, and a way out that leads nowhere but to a recorder."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from collab_stack import __version__
from collab_stack.lab import Lab, images
from collab_stack.lab.layout import REGISTRY_PORT
from tests.lab.conftest import progress

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
    print("connected")
except OSError as error:
    print("refused" if isinstance(error, ConnectionRefusedError) else "silent")
"""


def connect(lab: Lab, short: str, address: str, port: int) -> str:
    """Try a TCP connection from a machine of the lab."""
    code, output = lab.execute(short, "python3", "-c", CONNECT, address, str(port))
    assert code == 0, output
    return output.strip()


def ssh(lab: Lab, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command on host1 as its operator comes there."""
    state = lab.state
    options = ["-i", str(state.operator_key), "-o", f"UserKnownHostsFile={state.known_hosts}", "-o", "BatchMode=yes"]
    target = f"operator@{state.layout.address('host1')}"
    words = ["ssh", "-o", "StrictHostKeyChecking=yes", *options, target, command]
    return subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, timeout=60)


def test_every_machine_runs(lab: Lab) -> None:
    for short in ("host1", "ops", "infra"):
        assert lab.execute(short, "systemctl", "is-system-running") == (0, "running\n")


def test_the_operator_needs_the_password_for_sudo(lab: Lab) -> None:
    assert ssh(lab, "id -u").stdout == "1000\n"
    assert ssh(lab, "sudo -n true").returncode != 0
    wrong = ssh(lab, "sudo -S -p '' id -u", "wrong\n")
    assert wrong.returncode != 0
    right = ssh(lab, "sudo -S -p '' id -u", f"{lab.state.sudo_password}\n")
    assert right.stdout == "0\n", right.stderr


def test_a_host_is_bare(lab: Lab) -> None:
    """What a role needs and forgets to install must be missing here."""
    tag = images.build(lab.client, images.shipped("host", BASE=images.base(lab.client, progress())), progress())
    output = lab.client.containers.run(tag, ["dpkg-query", "-W", "-f", "${Package}\n"], remove=True).decode()
    installed = set(output.split())
    assert installed >= {"openssh-server", "python3", "python3-apt", "sudo", "systemd"}
    assert not installed & {"ca-certificates", "chrony", "curl", "docker.io", "nftables", "openssl", "postgresql-17"}


def test_a_host_owns_its_files(lab: Lab) -> None:
    """Docker mounts hosts and resolv.conf; a role that replaces them would fail on a mount and not on a machine."""
    code, output = lab.execute("host1", "cat", "/proc/self/mountinfo")
    assert code == 0
    mounted = {line.split()[4] for line in output.splitlines()}
    assert not mounted & {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}


@pytest.mark.parametrize("version", [4, 6])
def test_what_escapes_arrives_outside_and_nowhere_else(lab: Lab, version: int) -> None:
    layout = lab.state.layout
    outside = str(layout.outside_address[version == 6])
    nobody = "192.0.2.77" if version == 4 else "2001:db8:ffff::77"  # documentation addresses outside the lab
    begin = time.time()
    assert connect(lab, "host1", outside, 443) == "connected"
    assert connect(lab, "host1", nobody, 443) == "silent"
    seen = {(packet["destination"], packet["port"]) for packet in lab.packets() if packet["time"] >= begin - 1}
    assert (outside, 443) in seen
    assert (nobody, 443) in seen
    source = str(layout.address("host1") if version == 4 else layout.address6("host1"))
    assert {packet["source"] for packet in lab.packets() if packet["destination"] == nobody} == {source}


def test_only_infra_reaches_the_package_mirror(lab: Lab) -> None:
    code, output = lab.execute("infra", "sh", "-c", "getent ahostsv4 deb.debian.org | head -1")
    assert code == 0
    mirror = output.split()[0]
    assert connect(lab, "infra", mirror, 80) == "connected"
    assert connect(lab, "host1", mirror, 80) == "silent"
    assert mirror in {packet["destination"] for packet in lab.packets()}


def test_names_of_the_agency_are_known_and_no_others(lab: Lab) -> None:
    layout = lab.state.layout
    code, output = lab.execute("host1", "getent", "ahostsv4", "files.agency.example")
    assert (code, output.split()[0]) == (0, str(layout.address("host1")))
    assert lab.execute("host1", "getent", "hosts", "infra.agency.example")[0] == 0
    assert lab.execute("host1", "getent", "hosts", "deb.debian.org")[0] == 2
    assert lab.execute("host1", "getent", "hosts", "nobody.agency.example")[0] == 2


def test_packages_come_through_infra(lab: Lab) -> None:
    code, output = lab.execute("host1", "apt-get", "-qq", "update")
    assert code == 0, output
    code, output = lab.execute("host1", "sh", "-c", "cd /tmp && apt-get -qq download hostname && ls hostname_*.deb")
    assert code == 0, output
    code, output = lab.execute("infra", "sh", "-c", "find /var/cache/apt-cacher-ng -name 'hostname_*.deb'")
    assert output.strip()


@pytest.mark.parametrize(("name", "port"), [("ldap", 636), ("registry", REGISTRY_PORT), ("artifacts", 443)])
def test_servers_show_a_certificate_of_the_labs_authority(lab: Lab, name: str, port: int) -> None:
    context = ssl.create_default_context(cafile=str(lab.state.ca_file))
    address = str(lab.state.layout.address("infra"))
    with socket.create_connection((address, port), timeout=5) as raw:
        assert context.wrap_socket(raw, server_hostname=f"{name}.agency.example").version() in {"TLSv1.2", "TLSv1.3"}
    with (
        socket.create_connection((address, port), timeout=5) as raw,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(raw, server_hostname="somebody-else.example")


def ldap(lab: Lab, *words: str) -> tuple[int, str]:
    """Search the directory from ops."""
    environment = ("env", "LDAPTLS_CACERT=/usr/local/share/ca-certificates/lab.crt")
    return lab.execute("ops", *environment, "ldapsearch", "-x", "-LLL", "-H", "ldaps://ldap.agency.example", *words)


def test_the_reader_reads_people_but_no_password(lab: Lab) -> None:
    reader = ("-D", "cn=collab-reader,ou=services,dc=agency,dc=example", "-w", lab.state.reader_password)
    code, output = ldap(lab, *reader, "-b", "ou=people,dc=agency,dc=example", "(uid=anna)", "mail", "userPassword")
    assert code == 0, output
    assert "mail: anna@agency.example" in output
    assert "userPassword" not in output


def test_people_log_in_with_their_own_password_and_read_nothing(lab: Lab) -> None:
    anna = "uid=anna,ou=people,dc=agency,dc=example"
    assert ldap(lab, "-D", anna, "-w", lab.state.people["anna"], "-b", anna)[0] == 32  # noSuchObject: may not read
    assert ldap(lab, "-D", anna, "-w", lab.state.people["bertil"], "-b", anna)[0] == 49  # invalidCredentials
    assert ldap(lab, "-b", anna)[0] == 32


def test_the_relay_takes_mail_over_starttls_only(lab: Lab) -> None:
    send = """
import smtplib, ssl, sys
with smtplib.SMTP("mail.agency.example", 25, timeout=10) as relay:
    if sys.argv[1] == "tls":
        relay.starttls(context=ssl.create_default_context(cafile="/usr/local/share/ca-certificates/lab.crt"))
    relay.sendmail("a@agency.example", ["b@agency.example"], f"Subject: {sys.argv[2]}\\r\\n\\r\\nhello\\r\\n")
"""
    subject = f"test-{time.time()}"
    assert lab.execute("ops", "python3", "-c", send, "clear", subject)[0] != 0
    code, output = lab.execute("ops", "python3", "-c", send, "tls", subject)
    assert code == 0, output
    assert len([mail for mail in lab.mails() if f"Subject: {subject}" in mail]) == 1


def test_infra_tells_the_time(lab: Lab) -> None:
    ask = """
import socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
    wire.settimeout(3)
    wire.sendto(b"\\x23" + bytes(47), ("time.agency.example", 123))
    answer = wire.recv(512)
print(answer[1], struct.unpack("!I", answer[40:44])[0] - 2208988800)
"""
    code, output = lab.execute("ops", "python3", "-c", ask)
    assert code == 0, output
    stratum, seconds = map(int, output.split())
    assert 1 <= stratum < 16
    assert abs(seconds - time.time()) < 5


def test_the_registry_has_every_image_under_upstreams_name(lab: Lab) -> None:
    state = lab.state
    assert {path.split(":")[0] for path in state.loaded} == {"keycloak/keycloak", "library/nextcloud"}
    for path, known in state.loaded.items():
        name, tag = path.split(":")
        url = f"https://{state.layout.address('infra')}:{REGISTRY_PORT}/v2/{name}/manifests/{tag}"
        accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        answer = requests.get(url, headers=accept, verify=str(state.ca_file), timeout=10)
        assert answer.headers["Docker-Content-Digest"] == known.split()[1]
        blob = answer.json()["layers"][0]["digest"]
        layer = requests.get(
            f"https://{state.layout.address('infra')}:{REGISTRY_PORT}/v2/{name}/blobs/{blob}",
            verify=str(state.ca_file),
            timeout=60,
            stream=True,
        )
        assert layer.status_code == 200
        layer.close()


def test_archives_are_served_under_upstreams_file_name(lab: Lab) -> None:
    state = lab.state
    assert "user_oidc" in state.artifacts
    name = state.artifacts["user_oidc"].rsplit("/", 1)[1]
    url = f"https://{state.layout.address('infra')}/{name}"
    answer = requests.get(url, verify=str(state.ca_file), timeout=10)
    assert answer.status_code == 200
    assert answer.content[:2] == b"\x1f\x8b"  # gzip, RFC 1952


def status_of(lab: Lab) -> dict[str, Any]:
    """Run the verb as a program does."""
    words = [str(Path(sys.executable).with_name("collab-stack")), "lab", "status", "--json", "--name", lab.name]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_status_is_as_the_contract_says(lab: Lab) -> None:
    status = status_of(lab)
    assert status["ok"] is True
    assert status["hosts"][0] == {"name": "host1", "address": str(lab.state.layout.address("host1"))}
    assert status["urls"]["nextcloud"] == "https://files.agency.example"
    assert "BEGIN CERTIFICATE" in Path(status["ca"]).read_text()
    anna = next(user for user in status["users"] if user["name"] == "anna")
    assert anna == {"name": "anna", "password": lab.state.people["anna"], "groups": ["collab-admins", "collab-users"]}
    named = " ".join((*status["real"], *status["standins"]))
    assert "keycloak" in named
    assert "nextcloud" in named
    if lab.state.images == "standins":
        assert any(text.startswith("nextcloud") for text in status["standins"])


def test_the_wheel_runs_on_ops(lab: Lab, tmp_path: Path) -> None:
    """Ops has Python 3.13 and reaches no package index."""
    root = Path(__file__).parents[3]
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(root)]
    subprocess.run(words, check=True, timeout=300)
    command = lab.install_on_ops(next(tmp_path.glob("*.whl")))
    code, output = lab.execute("ops", command, "version", user="operator")
    assert (code, output) == (0, f"collab-stack {__version__}\n")
    code, output = lab.execute("ops", str(Path(command).with_name("ansible")), "--version", user="operator")
    assert code == 0
    assert "ansible [core 2.21." in output
