"""Run every Molecule scenario, one after the other in one lab, and say how each ended.

One scenario alone: `.venv/bin/molecule test -s NAME`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
LOGS: Final = ROOT / "build" / "molecule"
LAB: Final = "molecule"
SECONDS: Final = 1200
SHOWN_LINES: Final = 60


class Ending(NamedTuple):
    """How a scenario ended."""

    name: str
    passed: bool
    seconds: float


def scenarios() -> list[str]:
    """Return the names of all scenarios."""
    return sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))


def run(name: str) -> Ending:
    """Run one scenario from create to destroy; its output goes to a log."""
    program = Path(sys.executable).with_name("molecule")
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
        "COLLAB_MOLECULE_KEEP": "1",  # the lab stays for the next scenario
    }
    begin = time.monotonic()
    with (LOGS / f"{name}.log").open("w", encoding="utf-8") as log:
        try:
            done = subprocess.run(
                [str(program), "test", "--scenario-name", name],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
            passed = done.returncode == 0
        except subprocess.TimeoutExpired:
            log.write(f"\nnot done after {SECONDS} s\n")
            passed = False
    ending = Ending(name, passed, time.monotonic() - begin)
    tell(f"molecule {name}: {'passed' if passed else 'FAILED'} in {ending.seconds:.0f} s")
    return ending


def take_down() -> None:
    """Remove the scenarios' lab, if there is one."""
    words = [str(Path(sys.executable).with_name("collab-stack")), "lab", "down", "--name", LAB, "--keep-cache"]
    subprocess.run(words, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def tell(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 - the runner's own output


def main() -> int:
    """Run all scenarios, or those named as arguments; return the exit code."""
    LOGS.mkdir(parents=True, exist_ok=True)
    take_down()  # what a run left that was cut off
    try:
        endings = [run(name) for name in sys.argv[1:] or scenarios()]
    finally:
        take_down()
    failed = [ending.name for ending in endings if not ending.passed]
    for name in failed:
        lines = (LOGS / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        tell(f"\n--- the end of {LOGS / name}.log")
        tell("\n".join(lines[-SHOWN_LINES:]))
    tell(f"molecule: {len(endings) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not endings else 0


if __name__ == "__main__":
    sys.exit(main())
