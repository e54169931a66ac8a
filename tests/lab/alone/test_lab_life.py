"""The lab's life: up again, after a reboot, from another registry, and down to the last trace."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from collab_stack.lab import Lab, cgroups, machines, network
from collab_stack.lab.layout import REGISTRY_PORT
from tests.lab.alone.test_lab import connect, ssh
from tests.lab.conftest import progress


def ids(lab: Lab) -> dict[str, tuple[str, str]]:
    """Return each container's id and when it was started."""
    found = {}
    for short in lab.state.layout.containers:
        container = machines.find(lab.client, lab.state.layout, short)
        assert container is not None, short
        found[short] = (str(container.id), container.attrs["State"]["StartedAt"])
    return found


def test_up_on_a_running_lab_is_quick_and_changes_nothing(lab: Lab) -> None:
    before, begin = ids(lab), time.monotonic()
    digests = dict(lab.state.loaded)
    lab.up()
    assert time.monotonic() - begin < 20
    assert ids(lab) == before
    assert lab.state.loaded == digests


def test_up_mends_what_a_reboot_leaves(lab: Lab) -> None:
    """After a reboot every container is stopped, and the machine's rules are gone."""
    layout = lab.state.layout
    lab.execute("host1", "sh", "-c", "echo kept > /var/lib/docker/kept; echo kept > /root/kept")
    key = ssh(lab, "cat /etc/ssh/ssh_host_ed25519_key.pub").stdout
    for short in layout.containers:
        container = machines.find(lab.client, layout, short)
        assert container is not None
        container.kill()
    for rule in network.rules(lab.name):
        subprocess.run(["iptables", "-w", "5", "-D", *rule], check=True)
    assert network.rules(lab.name) == []
    begin = time.monotonic()
    lab.up()
    assert time.monotonic() - begin < 60
    assert len(network.rules(lab.name)) == 2
    assert lab.execute("host1", "cat", "/var/lib/docker/kept", "/root/kept") == (0, "kept\nkept\n")
    assert ssh(lab, "cat /etc/ssh/ssh_host_ed25519_key.pub").stdout == key
    assert connect(lab, "host1", str(layout.outside_address[0]), 443) == "connected"
    assert lab.execute("host1", "getent", "hosts", "id.agency.example")[0] == 0


def test_the_upstream_path_takes_images_from_a_registry(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the registry of another lab, as upstream's is not there; what was built here is still called so."""
    infra = machines.find(lab.client, lab.state.layout, "infra")
    assert infra is not None
    published = infra.ports[f"{REGISTRY_PORT}/tcp"]
    assert published
    port = published[0]["HostPort"]
    monkeypatch.setenv("COLLAB_LAB_REGISTRY", f"127.0.0.1:{port}")
    monkeypatch.setenv("COLLAB_LAB_ARTIFACTS", f"http://{lab.state.layout.address('infra')}")
    other = Lab("mirrored", progress())
    try:
        other.up(choice="upstream")
        assert other.state.images == "upstream"
        assert {path: text.split()[1] for path, text in other.state.loaded.items()} == {
            path: text.split()[1] for path, text in lab.state.loaded.items()
        }
        status = other.status()
        assert any(text.startswith("nextcloud ") for text in status["standins"])
        assert any(text.startswith("user_oidc ") for text in status["standins"])
        assert any(text.startswith("keycloak ") for text in status["real"])
    finally:
        other.down(keep_cache=True)
        other.down()
        for path in lab.state.loaded:
            lab.client.images.remove(f"127.0.0.1:{port}/{path}")


INNER = (
    "tar -chf - /usr/bin/sleep /lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/libc.so.6 2>/dev/null"
    " | docker import - inner >/dev/null && docker run -d --network none --memory 64m inner /usr/bin/sleep 600"
)


def left_behind(lab: Lab, name: str) -> dict[str, Any]:
    """Return everything on this machine that belongs to a lab."""
    label: dict[str, str | list[str] | bool] = {"label": f"{network.LABEL}={name}"}
    return {
        "containers": [one.name for one in lab.client.containers.list(all=True, filters=label)],
        "networks": [one.name for one in lab.client.networks.list(filters=label)],
        "volumes": [one.name for one in lab.client.volumes.list(filters=label)],
        "rules": network.rules(name),
    }


def test_down_leaves_no_trace() -> None:
    gone = Lab("trace", progress())
    gone.up(packages=True, applications_too=False)
    folder, layout = gone.state.folder, gone.state.layout
    code, inner = gone.execute("host1", "sh", "-c", INNER)
    assert code == 0, inner
    every = {inner.strip()} | {identity for identity, _ in ids(gone).values()}
    assert {name for name in every for path in cgroups.of(every) if name in path.name} == every
    assert [path for path in cgroups.of({inner.strip()}) if path.parent.parent.parent == cgroups.ROOT]
    gone.down(keep_cache=True)
    left = left_behind(gone, "trace")
    kept = {layout.volume("packages"), layout.volume("registry")}
    assert set(left.pop("volumes")) == kept
    assert {kind: found for kind, found in left.items() if found} == {}
    assert list(cgroups.of(every)) == []
    assert not folder.exists()
    assert not Path(f"/sys/class/net/{layout.bridge('agency')}").exists()
    gone.down()
    assert {kind: found for kind, found in left_behind(gone, "trace").items() if found} == {}
