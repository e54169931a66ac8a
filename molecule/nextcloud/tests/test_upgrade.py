"""From one major version to the next, killed at the moment that upstream's entrypoint never comes back to."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from collab_stack import catalogue
from collab_stack.lab import Lab, Progress
from molecule.shared.scenario import LAB

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testinfra.host import Host

    from molecule.conftest import Run, Scenario

NEXTCLOUD = catalogue.load().components["nextcloud"]
OLD, NEW = NEXTCLOUD.versions[-1], NEXTCLOUD.version
OCC = "docker exec --user 33 collab-nextcloud php /var/www/html/occ --no-interaction"

EMPTY = """
systemctl stop collab-nextcloud &&
find /srv/collab/containers/nextcloud -mindepth 2 -delete &&
rm -f /var/lib/collab/nextcloud.json &&
runuser -u postgres -- psql -qX nextcloud -c 'drop owned by nextcloud cascade'
"""
"""As if nothing had been installed yet."""


@pytest.fixture
def older(scenario: Scenario, host: Host, tmp_path: Path) -> Path:
    """Return the inventory of the same site at the older version, whose image the host has."""
    text = (scenario.folder / "inventory" / "plan.yml").read_text()
    image = str(scenario.variables["nextcloud_image"])
    reference = image.partition("@")[0].replace(NEW, OLD)
    path = f"library/nextcloud:{reference.rpartition(':')[2]}"
    (entry,) = (kept for name, kept in Lab(LAB, Progress(print)).state.loaded.items() if name.endswith(path))
    older_image = f"{reference}@{entry.partition(' ')[2]}"
    plan = yaml.safe_load(text.replace(image, older_image))
    plan["all"]["hosts"]["host2"]["nextcloud_version"] = OLD
    folder = tmp_path / "inventory"
    shutil.copytree(scenario.folder / "inventory", folder)
    (folder / "plan.yml").write_text(yaml.safe_dump(plan))
    host.run_expect([0], f"docker pull --quiet {older_image}")
    return folder


def status(host: Host) -> dict[str, Any]:
    """Return what Nextcloud says of itself, once its container is up again."""
    until = time.monotonic() + 120
    while not (said := host.run(f"{OCC} status --output=json")).stdout.startswith("{"):
        assert time.monotonic() < until, f"occ status says: {said.stdout} {said.stderr}"
        time.sleep(1)
    return dict(json.loads(said.stdout))


def kill_the_upgrade(host: Host) -> None:
    """Wait until the entrypoint upgrades the database, and end its container at once."""
    until = time.monotonic() + 180
    while host.run("pgrep -f '[o]cc upgrade'").rc:
        assert time.monotonic() < until, "the entrypoint has not upgraded"
        time.sleep(0.2)
    host.run_expect([0], "docker kill collab-nextcloud")


def test_a_killed_upgrade_is_finished_and_nothing_is_lost(
    scenario: Scenario, host: Host, deploy: Callable[..., Run], older: Path
) -> None:
    host.run_expect([0], EMPTY)
    assert deploy(inventory=older).succeeded().objects["Nextcloud"] == "create"
    assert status(host)["versionstring"] == OLD
    host.run_expect([0], f"{OCC} config:app:set kept mark --value=of-before")
    host.run_expect([0], "echo mine > /srv/collab/containers/nextcloud/data/kept.txt")
    assert deploy(check=True, inventory=older).succeeded().objects == {}

    with subprocess.Popen(scenario.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as upgrading:
        kill_the_upgrade(host)
        upgrading.kill()
    assert status(host)["needsDbUpgrade"], "the entrypoint has come back to it"

    finished = deploy().succeeded()
    assert "database of Nextcloud" in finished.objects, finished.objects
    after = status(host)
    assert (after["versionstring"], after["needsDbUpgrade"], after["maintenance"]) == (NEW, False, False)
    assert host.run_expect([0], f"{OCC} config:app:get kept mark").stdout.strip() == "of-before"
    assert host.file("/srv/collab/containers/nextcloud/data/kept.txt").content_string == "mine\n"
    assert deploy(check=True).succeeded().objects == {}
