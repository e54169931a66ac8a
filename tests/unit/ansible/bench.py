"""A host for managed trees: real files below a temporary folder, and a systemd that is only played."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible.module_utils.collab.convergence import Convergence
from ansible.module_utils.collab.wishes import Accounts, wishes
from ansible.modules import managed_tree


@dataclass
class Unit:
    """What the played systemd knows about a unit."""

    load: str = "loaded"
    active: str = "inactive"
    sub: str = "dead"
    file_state: str = "disabled"
    needs_reload: bool = False


@dataclass
class Systemd:
    """Plays systemctl; every other command is really run."""

    units: dict[str, Unit] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _call: None
    """Called with each call that changes something, before it does."""

    fails: frozenset[str] = frozenset()
    """Units whose process ends as soon as it is started."""

    def run(self, argv: list[str]) -> tuple[int, str, str]:
        """Run a command as AnsibleModule.run_command does."""
        if argv[0] != "systemctl":
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr
        if argv[1] == "show":
            return 0, "\n".join(self._show(name) for name in argv[argv.index("--") + 1 :]), ""
        self.before(" ".join(argv[1:]))
        self.calls.append(" ".join(argv[1:]))
        return self._change(argv[1], argv[-1])

    def _show(self, name: str) -> str:
        unit = self.units.get(name, Unit(load="not-found", file_state=""))
        reload = "yes" if unit.needs_reload else "no"
        return (
            f"Id={name}\nLoadState={unit.load}\nActiveState={unit.active}\nSubState={unit.sub}\n"
            f"UnitFileState={unit.file_state}\nNeedDaemonReload={reload}\nFragmentPath=/x\n"
        )

    def _change(self, verb: str, name: str) -> tuple[int, str, str]:
        if verb == "daemon-reload":
            self.units = {key: replace(unit, needs_reload=False) for key, unit in self.units.items()}
            return 0, "", ""
        unit = self.units.setdefault(name, Unit())
        if verb in ("enable", "reenable"):
            unit.file_state = "enabled"
        elif verb == "disable":
            unit.file_state = "disabled"
            if "--now" in self.calls[-1]:
                unit.active, unit.sub = "inactive", "dead"
        elif verb == "unmask":
            unit.load = "loaded"
        elif verb in ("start", "restart"):
            failed = name in self.fails
            unit.active, unit.sub = ("failed", "failed") if failed else ("active", "running")
        elif verb == "stop":
            unit.active, unit.sub = "inactive", "dead"
        return 0, "", ""


Snapshot = dict[str, tuple[int, int, int, bytes]]


class Bench:
    """A temporary host.

    :param path: a folder of the test's own; ``root`` below it is where trees are put.
    """

    def __init__(self, path: Path) -> None:
        self.root = path / "root"
        self.root.mkdir(exist_ok=True)
        self.state = path / "state"
        self.systemd = Systemd()

    def path(self, name: str) -> str:
        """Return the absolute path of a name below the root."""
        return str(self.root / name)

    def convergence(self, name: str = "trial") -> Convergence:
        return Convergence(name, str(self.state), self.systemd.run)

    def params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a task's parameters with the defaults of the module filled in."""
        mine = {"owner": str(self.root.stat().st_uid), "group": str(self.root.stat().st_gid)}
        filled: dict[str, Any] = {}
        for key, spec in managed_tree.arguments().items():
            filled[key] = given.get(key, spec.get("default"))
            options = spec.get("options")
            if options:
                base = {name: option.get("default") for name, option in options.items()}
                base |= {name: value for name, value in mine.items() if name in options}
                filled[key] = [base | item for item in filled[key]]
        return filled

    def run(self, name: str = "trial", /, **given: object) -> dict[str, Any]:
        """Predict, check that this changed nothing, then make; both have to tell the same."""
        before = self.snapshot()
        calls = list(self.systemd.calls)
        predicted = self.predict(name, **given)
        assert self.snapshot() == before, "check mode wrote something"
        assert self.systemd.calls == calls, "check mode changed a unit"
        made = self.make(name, **given)
        assert predicted == made, "check mode told something else"
        return made

    def predict(self, name: str = "trial", /, **given: object) -> dict[str, Any]:
        """Return what check mode tells."""
        convergence = self.convergence(name)
        convergence.plan(wishes(self.params(given), Accounts(lenient=True)))
        convergence.predict()
        result: dict[str, Any] = convergence.result()
        return result

    def make(self, name: str = "trial", /, **given: object) -> dict[str, Any]:
        """Return what a run tells."""
        convergence = self.convergence(name)
        convergence.plan(wishes(self.params(given), Accounts(lenient=False)))
        convergence.make()
        result: dict[str, Any] = convergence.result()
        return result

    def snapshot(self) -> Snapshot:
        """Return everything below root and state: path -> mode, owner, group, content."""
        found: Snapshot = {}
        for top in (self.root, self.state):
            for path in sorted(top.rglob("*")):
                status = path.lstat()
                content = b"" if path.is_dir() else (bytes(path.readlink()) if path.is_symlink() else path.read_bytes())
                found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, content)
        return found


def told(result: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Return (object, action, differs) of a result, with the object's last part only."""
    return [(item["object"].rsplit("/", 1)[-1], item["action"], item["differs"]) for item in result["objects"]]
