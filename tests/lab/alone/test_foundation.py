"""The roles that every host stands on: what is altered by hand is named and mended, what is killed is finished."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from collab_stack.lab import Lab
from tests.lab.foundation import Foundation

DRIFT: dict[str, dict[str, set[str]]] = {
    "system": {
        "nft insert rule inet collab inbound tcp dport 9999 accept": {"packet filter"},
        "sysctl -qw net.ipv4.conf.all.accept_redirects=1": {"kernel settings"},
        "sed -i s/keycloak.collab.internal/other/ /etc/hosts": {"/etc/hosts"},
        "echo >/etc/chrony/chrony.conf": {"/etc/chrony/chrony.conf", "chrony.service"},
        "systemctl disable --now collab-maintenance.timer": {"collab-maintenance.timer"},
        "dpkg --purge conntrack": {"package conntrack"},
        "echo 'deb http://203.0.113.1/ x main' >/etc/apt/sources.list": {"/etc/apt/sources.list"},
        "echo '{}' >/etc/docker/daemon.json": {"/etc/docker/daemon.json", "docker.service"},
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out /etc/collab/tls/web/key.pem": {
            "certificate web"
        },
        "chmod 644 /etc/collab/tls/public/key.pem": {"/etc/collab/tls/public/key.pem"},
        "echo >>/etc/collab/tls/ca.pem": {"/etc/collab/tls/ca.pem"},
    },
    "objects": {
        "nft delete table inet collab; echo broken >/var/lib/collab/firewall.nft": {"packet filter"},
        "systemctl disable --now chrony": {"chrony.service"},
        "docker network rm collab-keycloak": {"network collab-keycloak"},
        "ip link delete br-nextcloud": {"network collab-nextcloud"},
        "echo >>/etc/collab/tls/public/combined.pem": {"/etc/collab/tls/public/combined.pem"},
        "rm /etc/collab/tls/web/cert.pem": {"certificate web"},
        ": >/etc/ssl/certs/ca-certificates.crt": {"trust store"},
    },
}
"""Done by hand -> what a deploy names and mends. All of a part at once, because runs take most of the time."""


@pytest.fixture(scope="module")
def foundation(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foundation]:
    made = Foundation(lab, tmp_path_factory.mktemp("foundation"))
    done = made.run()
    assert done.returncode == 0, done.stdout
    yield made


def named(output: str) -> set[str]:
    """Return the objects that a run tells of."""
    return set(re.findall(r"^\+\+\+ after: (.*)$", output, re.MULTILINE))


def unchanged(foundation: Foundation) -> None:
    done = foundation.run()
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout, done.stdout


def test_a_second_run_changes_nothing(foundation: Foundation) -> None:
    unchanged(foundation)


@pytest.mark.parametrize("part", DRIFT)
def test_drift_is_named_and_mended(foundation: Foundation, part: str) -> None:
    for command in DRIFT[part]:
        code, output = foundation.lab.execute("host1", "sh", "-c", command)
        assert code == 0, f"{command}: {output}"
    expected = set().union(*DRIFT[part].values())
    predicted = foundation.run("--check", "--diff")
    assert predicted.returncode == 0, predicted.stdout
    assert named(predicted.stdout) == expected
    done = foundation.run("--diff")
    assert done.returncode == 0, done.stdout
    # A new certificate is a file, too; check mode cannot show it.
    assert named(done.stdout) - {"/etc/collab/tls/web/key.pem", "/etc/collab/tls/web/cert.pem"} == expected
    unchanged(foundation)


@pytest.fixture
def without_web_servers(lab: Lab) -> Iterator[None]:
    """Two packages that bring services are not installed, before and after."""
    purge = "DEBIAN_FRONTEND=noninteractive apt-get purge --yes --autoremove nginx haproxy"
    lab.execute("host1", "sh", "-c", purge)
    yield
    lab.execute("host1", "sh", "-c", purge)


@pytest.mark.usefixtures("without_web_servers")
@pytest.mark.parametrize("moment", ["dpkg --.*--unpack", "dpkg --.*--configure"])
def test_an_installation_that_is_killed_is_finished(foundation: Foundation, moment: str) -> None:
    lab = foundation.lab
    extra = ["nginx", "haproxy"]
    wanted = sorted([*foundation.variables()["base_packages"], *extra])
    process = foundation.start(roles=("base",), base_packages=wanted)
    deadline = time.monotonic() + 120
    # The pattern must not find the shell that looks for it.
    look = f"pgrep -f '[{moment[0]}]{moment[1:]}'"
    while lab.execute("host1", "sh", "-c", look)[0] != 0:
        assert process.poll() is None, "the moment never came"
        assert time.monotonic() < deadline
    lab.execute(
        "host1",
        "sh",
        "-c",
        "pkill -KILL -x dpkg; pkill -KILL -x apt-get; pkill -KILL -f '[A]nsiballZ|[p]ython3 .*ansible'",
    )
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = foundation.run(roles=("base",), base_packages=wanted)
    assert done.returncode == 0, done.stdout
    assert lab.execute("host1", "dpkg", "--audit") == (0, "")
    assert lab.execute("host1", "test", "-e", "/usr/sbin/policy-rc.d")[0] != 0
    if "configure" not in moment:
        # Installed, and not started: that is for the role that configures it. (A package's own script that outlives the
        # killed run may start it; its role then stops or restarts it.)
        running = lab.execute("host1", "systemctl", "is-active", "nginx", "haproxy")[1].split()
        assert running == ["inactive", "inactive"]
    done = foundation.run(roles=("base",), base_packages=wanted)
    assert "changed=0" in done.stdout, done.stdout


@pytest.mark.parametrize("state", ["reinstreq half-installed", "reinstreq unpacked"])
def test_a_package_that_was_killed_while_it_was_unpacked_is_mended(foundation: Foundation, state: str) -> None:
    edit = f"s/^Status: .*/Status: install {state}/"
    command = f"sed -i '/^Package: nftables$/,/^$/ {edit}' /var/lib/dpkg/status"
    assert foundation.lab.execute("host1", "sh", "-c", command)[0] == 0
    assert "nftables" in foundation.lab.execute("host1", "dpkg", "--audit")[1]
    predicted = foundation.run("--check", "--diff", roles=("base",))
    assert "package nftables" in named(predicted.stdout), predicted.stdout
    done = foundation.run("--diff", roles=("base",))
    assert "package nftables" in named(done.stdout), done.stdout
    assert foundation.lab.execute("host1", "dpkg", "--audit") == (0, "")
    unchanged(foundation)


def test_no_key_of_the_authority_is_on_the_host(foundation: Foundation) -> None:
    lines = foundation.secrets["internal_ca_key"].splitlines()
    places = "/etc /var/lib/collab /var/log /run /tmp /root /home"
    code, output = foundation.lab.execute("host1", "grep", "-rlF", lines[1], *places.split())
    assert (code, output) in {(1, ""), (2, "")} or "Permission" in output, output
    found = foundation.lab.execute("host1", "sh", "-c", f"journalctl --quiet | grep -cF '{lines[1]}'")[1]
    assert found.strip() == "0"
