# GNU General Public License v3.0 or later (see LICENSE)
"""Which systemd units have to be enabled, started, restarted or reloaded: decisions, and the calls to systemctl."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

UNIT_FILE = re.compile(
    r"^/(?:etc|run)/systemd/system/([^/]+\.(?:service|socket|timer|path|mount|target|slice))(?:\.d/[^/]+)?$"
)

_PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "FragmentPath")

_ENABLED = frozenset({"enabled", "enabled-runtime", "static", "alias", "generated", "indirect", "transient"})
"""States in which ``systemctl enable`` has nothing to do; a static unit cannot be enabled, others pull it in."""

Runner = Callable[[list[str]], tuple[int, str, str]]


class UnitError(Exception):
    """A unit that systemd refuses to bring into the wanted state."""


@dataclass(frozen=True)
class UnitSpec:
    """What a role wants of a unit.

    :param enabled: None leaves it as it is.
    :param state: ``started``, ``stopped`` or None, which leaves it as it is but restarts a running one on change.
    :param on_change: ``restart``, ``reload`` or ``none``: what a change of a watched path asks for.
    :param watches: paths of files or folders.
    :param restart_watches: paths whose change asks for a restart, whatever ``on_change`` says.
    """

    name: str
    enabled: bool | None = None
    state: str | None = None
    on_change: str = "restart"
    watches: tuple[str, ...] = ()
    restart_watches: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnitState:
    """What systemd says about a unit."""

    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    file_state: str = ""
    needs_reload: bool = False

    @property
    def running(self) -> bool:
        """Say whether it runs or is on its way; one that waits for its next automatic restart has failed."""
        return self.active in ("active", "reloading", "activating", "refreshing") and self.sub != "auto-restart"


@dataclass(frozen=True)
class UnitPlan:
    """What a run does to a unit.

    :param actions: verbs of systemctl, in order.
    :param changed: the watched paths that are the reason for a restart or reload.
    """

    spec: UnitSpec
    state: UnitState
    actions: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def decide(
    spec: UnitSpec,
    state: UnitState,
    applied: Mapping[str, str],
    current: Mapping[str, str],
    unit_file: str = "",
) -> UnitPlan:
    """Return what a unit needs.

    :param applied: watched path -> digest at the last restart or reload; empty when there was none.
    :param current: watched path -> digest now.
    :param unit_file: path of the unit file when the tree holds it (and so ``current`` its digest): the links of a
        changed ``[Install]`` section are made anew.
    """
    changed = tuple(path for path in (*spec.watches, *spec.restart_watches) if applied.get(path) != current.get(path))
    actions = [*_file_actions(spec, state, applied, current, unit_file)]
    started = spec.state == "started" and not state.running
    if started:
        actions.append("start")
    elif spec.state == "stopped" and (state.running or state.sub == "auto-restart"):
        actions.append("stop")
    elif changed and state.running and spec.state != "stopped":
        must_restart = bool(set(changed) & set(spec.restart_watches))
        verb = "restart" if must_restart else spec.on_change
        actions.extend([] if verb == "none" else [verb])
    return UnitPlan(spec, state, tuple(actions), () if started else changed)


def _file_actions(
    spec: UnitSpec, state: UnitState, applied: Mapping[str, str], current: Mapping[str, str], unit_file: str
) -> Iterable[str]:
    if state.load == "masked" and (spec.enabled or spec.state == "started"):
        yield "unmask"
    enabled = state.file_state in _ENABLED
    if spec.enabled and not enabled:
        yield "enable"
    elif spec.enabled and unit_file and applied.get(unit_file) not in (None, current.get(unit_file)):
        yield "reenable"
    elif spec.enabled is False and state.file_state in ("enabled", "enabled-runtime"):
        yield "disable"


_STARTING = frozenset({"start", "restart", "reload"})

_LOADED = frozenset({"active", "reloading", "activating", "failed"})
"""systemd keeps these units in memory, and with them how often they have been started."""


class Systemctl:
    """Calls systemctl.

    :param run: runs a command; AnsibleModule.run_command is one.
    """

    def __init__(self, run: Runner) -> None:
        self._run = run

    def states(self, names: Iterable[str]) -> dict[str, UnitState]:
        """Return the state of every unit, by the name asked for.

        :raises UnitError: when systemd does not answer.
        """
        wanted = list(names)
        if not wanted:
            return {}
        code, out, err = self._run(["systemctl", "show", f"--property={','.join(_PROPERTIES)}", "--", *wanted])
        blocks = [block for block in out.strip().split("\n\n") if block]
        if code or len(blocks) != len(wanted):
            raise UnitError(f"systemctl show {' '.join(wanted)}: {(err or out).strip()}")
        return {name: _state(block) for name, block in zip(wanted, blocks, strict=True)}

    def daemon_reload(self) -> None:
        """Make systemd read the unit files again."""
        self._call("daemon-reload")

    def perform(self, plan: UnitPlan) -> None:
        """Do what a plan says.

        :raises UnitError: naming the unit and where to read why.
        """
        for action in plan.actions:
            if action in ("start", "restart") and plan.state.active in _LOADED:
                self._call("reset-failed", plan.spec.name)  # or the start limit of earlier starts still counts
            self._call(action, plan.spec.name)
        if "start" in plan.actions or "restart" in plan.actions:
            self._verify(plan.spec.name)

    def settle(self, name: str) -> None:
        """Wait until a unit that is on its way, as after a boot, has started; this changes nothing.

        :raises UnitError: when it does not start.
        """
        self._call("start", name)  # joins the start that goes on
        self._verify(name)

    def remove(self, name: str) -> None:
        """Stop and disable a unit whose file is about to go."""
        self._call("disable", "--now", name)

    def _verify(self, name: str) -> None:
        state = self.states([name])[name]
        if state.active == "failed" or state.sub == "auto-restart":
            raise UnitError(
                f"{name} was started and has failed ({state.sub}); read: journalctl -u {name}{self._last_words(name)}"
            )

    def _call(self, *arguments: str) -> None:
        code, out, err = self._run(["systemctl", *arguments])
        if code:
            said = self._last_words(arguments[-1]) if arguments[0] in _STARTING else ""
            raise UnitError(f"systemctl {' '.join(arguments)}: {(err or out).strip()}{said}")

    def _last_words(self, name: str) -> str:
        """Return what a unit itself last wrote to the journal: the reason, mostly, without logging in to the host."""
        words = ["journalctl", "--no-pager", "--quiet", "--output=cat", "--lines=5", f"_SYSTEMD_UNIT={name}"]
        code, out, _ = self._run(words)
        return f"\nIts last words:\n{out.strip()}" if not code and out.strip() else ""


def _state(block: str) -> UnitState:
    facts = dict(line.partition("=")[::2] for line in block.splitlines())
    return UnitState(
        load=facts.get("LoadState", ""),
        active=facts.get("ActiveState", ""),
        sub=facts.get("SubState", ""),
        file_state=facts.get("UnitFileState", ""),
        needs_reload=facts.get("NeedDaemonReload") == "yes",
    )


def unit_of(path: str) -> str | None:
    """Return the unit that a unit file or drop-in belongs to; None for any other path."""
    match = UNIT_FILE.match(path)
    return match.group(1) if match else None
