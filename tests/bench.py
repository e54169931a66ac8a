"""`make bench`: how long a deployment takes in the lab, from fresh volumes and when nothing changes.

Packages come from the lab's cache and images from its registry, so that the figures tell about collab-stack and the
hosts, not about somebody's network. The lab is made for this and removed afterwards; its caches stay.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from collab_stack.plan.packages import ROLE_PACKAGES

LAB: Final = "bench"
PROGRAM: Final = str(Path(sys.executable).with_name("collab-stack"))
REPEATS: Final = 3


def run(*words: str, stdin: str | None = None) -> str:
    """Run collab-stack and return its stdout; its stderr is shown.

    :raises SystemExit: when it fails.
    """
    done = subprocess.run([PROGRAM, *words], input=stdin, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"collab-stack {' '.join(words)} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


def timed(*words: str) -> float:
    """Return the wall time of a command in seconds: the median of several runs."""
    times = []
    for _ in range(REPEATS):
        begin = time.monotonic()
        subprocess.run([PROGRAM, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - begin)
    return statistics.median(times)


def prepare(folder: Path) -> Path:
    """Make the lab and a site in it, warm the package cache, and return the site."""
    run("lab", "up", "--name", LAB)
    packages = " ".join(sorted({name for names in ROLE_PACKAGES.values() for name in names}))
    warm = f"apt-get -qq update && apt-get -qq install -y --download-only {packages} && apt-get clean"
    run("lab", "shell", "--name", LAB, "host1", "--", f"sudo -S sh -c '{warm} >/dev/null 2>&1'", stdin=_sudo())
    example, site = folder / "example", folder / "site"
    run("lab", "site", str(example), "--name", LAB)
    run("init", str(site), "--domain", "agency.example", "--from", str(example))
    at = ("--site", str(site))
    for secret in ("directory_bind_password", "host1_become_password"):
        run("secrets", "set", secret, *at, stdin=run("lab", "secret", secret, "--name", LAB))
    run("hosts", "trust", "--yes", *at)
    run("artifacts", "lock", *at)
    run("images", "lock", *at)
    return site


def _sudo() -> str:
    return run("lab", "secret", "host1_become_password", "--name", LAB)


def measure(site: Path) -> dict[str, str]:
    """Return the figures, each with its unit."""
    at = ("--site", str(site))
    first: dict[str, Any] = json.loads(run("deploy", "--json", *at))
    again: dict[str, Any] = json.loads(run("deploy", "--json", *at))
    last = (site / "runs" / "journal.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    by_role: dict[str, int] = json.loads(last)["remote_tasks_by_role"]
    probe: dict[str, Any] = json.loads(run("probe", "--json", *at))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "first deploy from fresh volumes": f"{first['seconds']:.0f} s (goal 360)",
        "re-deploy that changes nothing": f"{again['seconds']:.1f} s (goal 30, ambition 10)",
        "objects changed then": str(again["hosts"]["host1"]["changed"]),
        "remote tasks on the host then": f"{again['remote_tasks']} (goal 25)",
        "remote tasks by role": ", ".join(f"{role or 'facts'} {count}" for role, count in by_role.items()),
        "probe": f"{probe['seconds']:.1f} s (goal 5), {len(probe['results'])} results",
        "check, whole process": f"{timed('check', *at):.2f} s (goal 0.50)",
        "--help, whole process": f"{timed('--help'):.3f} s (goal 0.150)",
        "largest process of the controller": f"{memory:.0f} MB (goal 300 for all)",
    }


def machine() -> str:
    """Return a line about the machine."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    total = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    load = os.getloadavg()[0]
    cores = f"{len(models)} cores of {models[0]}"
    return f"{cores}, {total:.0f} GiB, Linux {platform.release()}, load {load:.1f} at the start"


def main() -> None:
    """Measure and print."""
    description = machine()
    with tempfile.TemporaryDirectory() as folder:
        run("lab", "down", "--name", LAB, "--keep-cache")
        try:
            figures = measure(prepare(Path(folder)))
        finally:
            run("lab", "down", "--name", LAB, "--keep-cache")
    print(description)  # noqa: T201 - the benchmark's own output
    for name, figure in figures.items():
        print(f"{name:36} {figure}")  # noqa: T201 - the same


if __name__ == "__main__":
    main()
