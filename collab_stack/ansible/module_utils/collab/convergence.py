# GNU General Public License v3.0 or later (see LICENSE)
"""One run of a managed tree: files first, then the commands and units that depend on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.collab import atomic, tree, tree_apply
from ansible.module_utils.collab.digests import UNKNOWN, Applied, Watch, covers
from ansible.module_utils.collab.tree import Entry, TreeError
from ansible.module_utils.collab.units import Runner, Systemctl, UnitPlan, UnitSpec, UnitState, decide, unit_of

_EFFECTS = frozenset({"start", "stop", "restart", "reload"})


@dataclass(frozen=True)
class Command:
    """A command that has to run after a change of what it watches.

    :param unless: a command that only looks, and says by exit code 0 that what the command makes is still so.
    """

    name: str
    argv: tuple[str, ...]
    watches: tuple[str, ...]
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """What a task asks for.

    :param names: path -> owner and group as written, for diffs.
    :param pending: paths that something else of the same run changes.
    """

    entries: tuple[Entry, ...] = ()
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()
    units: tuple[UnitSpec, ...] = ()
    pending: tuple[str, ...] = ()


class Convergence:
    """Plans and makes one tree.

    :param state: folder of manifests and applied digests.
    :param run: runs a command; AnsibleModule.run_command is one.
    """

    def __init__(self, name: str, state: str, run: Runner) -> None:
        self._name = name
        self._run = run
        self._systemctl = Systemctl(run)
        self._applied = Applied(state)
        self._manifest = tree_apply.Manifest(state, name)
        self._wishes = Wishes()
        self._plan = tree.Plan()
        self._objects: list[dict[str, Any]] = []
        self._diffs: list[dict[str, str]] = []
        self._restarted: list[str] = []

    def plan(self, wanted: Wishes) -> None:
        """Decide what happens to the files; nothing is written.

        :raises TreeError: when the task or what is on the disk makes it impossible.
        """
        tree.check_entries(wanted.entries)
        self._wishes = wanted
        self._plan = tree.plan(wanted.entries, self._manifest.owned(), self._manifest.foreign())

    def predict(self) -> None:
        """Report what :meth:`make` would do; nothing is written.

        :raises UnitError: when systemd does not answer.
        """
        watch = Watch(self._plan.changes, self._wishes.pending)
        self._report_files()
        for name in self._leaving_units():
            self._report(name, "remove", [], "enabled\n", "stopped and disabled\n")
        for command in self._wishes.commands:
            self._due(command, watch)
        states = self._systemctl.states(unit.name for unit in self._wishes.units)
        for unit in self._wishes.units:
            self._report_unit(self._decide(unit, states[unit.name], watch))

    def make(self) -> None:
        """Make it so.

        :raises TreeError, UnitError: when the host refuses; what was done until then is in :meth:`result`.
        """
        tree_apply.check_parents(self._plan)
        if self._plan.changes:
            self._manifest.announce(self._wishes.entries)
        self._clean()
        for name in self._leaving_units():
            self._systemctl.remove(name)
            self._applied.forget(name)
            self._report(name, "remove", [], "enabled\n", "stopped and disabled\n")
        self._report_files()
        # Recorded before the files are mended: after a kill in between they look as if they had never been altered.
        self._applied.doubt(self._written())
        tree_apply.apply(self._plan, self._run)
        self._manifest.settle(self._wishes.entries, self._plan.kept)
        watch = Watch()
        for command in self._wishes.commands:
            self._perform(command, watch)
        self._make_units(watch)

    def result(self) -> dict[str, Any]:
        """Return what the module reports."""
        return {
            "changed": bool(self._objects),
            "changed_paths": [change.path for change in self._plan.changes] if self._objects else [],
            "objects": self._objects,
            "restarted": self._restarted,
            "kept": list(self._plan.kept),
            "diff": self._diffs,
        }

    def _clean(self) -> None:
        # A killed run may have left a complete but unpublished file behind, possibly with a secret in it.
        for entry in self._wishes.entries:
            if entry.kind in ("file", "link"):
                Path(atomic.temporary(entry.path)).unlink(missing_ok=True)

    def _leaving_units(self) -> list[str]:
        listed = {unit.name for unit in self._wishes.units if unit.state != "stopped"}
        removed = [change.path for change in self._plan.changes if change.action == "remove"]
        # Only a unit's own file, not one of its drop-ins, makes it go.
        names = {unit_of(path): path for path in removed}
        return sorted(name for name, path in names.items() if name and path.endswith(f"/{name}") and name not in listed)

    def _make_units(self, watch: Watch) -> None:
        touched = {name for change in self._plan.changes if (name := unit_of(change.path))}
        ours = {name for entry in self._wishes.entries if (name := unit_of(entry.path))}
        names = list(dict.fromkeys([*(unit.name for unit in self._wishes.units), *sorted(ours)]))
        states = self._systemctl.states(names)
        # systemd's own flag finds unit files that a killed run wrote without telling systemd.
        if touched or any(state.needs_reload for state in states.values()):
            self._systemctl.daemon_reload()
            states = self._systemctl.states(names)
        for unit in self._wishes.units:
            # Asked anew for a unit that one before it may have started or stopped.
            state = states[unit.name] if not self._restarted else self._systemctl.states([unit.name])[unit.name]
            if state.load == "not-found" and (unit.enabled or unit.state == "started"):
                raise TreeError(f"there is no unit {unit.name} on this host")
            decided = self._decide(unit, state, watch)
            self._systemctl.perform(decided)
            if unit.state == "started" and state.active == "activating" and not decided.actions:
                self._systemctl.settle(unit.name)  # who comes next in the run needs it
            self._report_unit(decided)
            digests = watch.digests(self._watched(unit))
            if digests:
                self._applied.write(unit.name, digests)

    def _unit_file(self, unit: UnitSpec) -> str:
        path = f"/etc/systemd/system/{unit.name}"
        return path if any(entry.path == path for entry in self._wishes.entries) else ""

    def _watched(self, unit: UnitSpec) -> list[str]:
        own = self._unit_file(unit)
        return [*dict.fromkeys([*unit.watches, *unit.restart_watches, *([own] if own else [])])]

    def _decide(self, unit: UnitSpec, state: UnitState, watch: Watch) -> UnitPlan:
        current = watch.digests(self._watched(unit))
        return decide(unit, state, self._taken_up(unit), current, self._unit_file(unit))

    def _taken_up(self, unit: UnitSpec) -> dict[str, str]:
        """Return what a unit last took up: unknown for a file that is written anew, which it may have read altered."""
        written = self._written()
        known = self._applied.read(unit.name)
        return {path: UNKNOWN if covers(path, written) else digest for path, digest in known.items()}

    def _written(self) -> list[str]:
        return [change.path for change in self._plan.changes if change.rewrites]

    def _due(self, command: Command, watch: Watch) -> bool:
        applied = self._applied.read(self._key(command))
        current = watch.digests(command.watches)
        differs = [path for path in command.watches if applied.get(path) != current[path]]
        # What is no longer among them, such as a CA that was withdrawn, is still in what the command made.
        differs += [path for path in applied if path not in current]
        if not differs and not self._holds(command):
            differs = ["effect"]
        if differs:
            self._report(command.name, "run", differs, "", f"run: {' '.join(command.argv)}\n")
        return bool(differs)

    def _perform(self, command: Command, watch: Watch) -> None:
        if not self._due(command, watch):
            return
        self._applied.doubt(command.watches)  # whoever started meanwhile may have read what it now makes anew
        code, out, err = self._run(list(command.argv))
        if code:
            raise TreeError(f"{command.name}: {' '.join(command.argv)} ended with {code}: {(err or out).strip()}")
        if not self._holds(command):
            raise TreeError(f"{command.name}: {' '.join(command.argv)} ran, but {' '.join(command.unless)} still fails")
        self._applied.write(self._key(command), watch.digests(command.watches))

    def _holds(self, command: Command) -> bool:
        # A program that is missing cannot have done its work; running it would end the module.
        return not command.unless or (bool(shutil.which(command.unless[0])) and not self._run([*command.unless])[0])

    def _key(self, command: Command) -> str:
        return f"{self._name}.{command.name}"

    def _report_files(self) -> None:
        for change in self._plan.changes:
            self._objects.append({"object": change.path, "action": change.action, "differs": list(change.differs)})
            self._diffs.append(tree_apply.describe(change, self._wishes.names))

    def _report_unit(self, decided: UnitPlan) -> None:
        if not decided.actions:
            return
        state, name = decided.state, decided.spec.name
        verbs = ", ".join(decided.actions)
        before = (
            "not there\n" if state.load == "not-found" else f"{state.active}, {state.file_state or 'not enabled'}\n"
        )
        reasons = "".join(f"because of {path}\n" for path in decided.changed)
        self._report(name, verbs, list(decided.changed), before, f"{verbs}\n{reasons}")
        if _EFFECTS & set(decided.actions):
            self._restarted.append(name)

    def _report(self, name: str, action: str, differs: Iterable[str], before: str, after: str) -> None:
        self._objects.append({"object": name, "action": action, "differs": list(differs)})
        self._diffs.append({"before_header": name, "after_header": name, "before": before, "after": after})
