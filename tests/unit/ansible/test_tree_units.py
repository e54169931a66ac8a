"""Units and commands of a managed tree. systemd is played (a unit test has none); files and commands are real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.collab.tree import TreeError
from ansible.module_utils.collab.units import UnitError, decide
from ansible.modules import managed_tree

from tests.unit.ansible.bench import Bench, Unit, told

CONTENT = Path(__file__).resolve().parents[3] / "collab_stack" / "ansible"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.systemd.units["app.service"] = Unit()
    return made


def tree(bench: Bench, content: str = "one\n", **unit: object) -> dict[str, Any]:
    """Return a tree of one file and a unit that watches it."""
    wanted = {"name": "app.service", "enabled": True, "state": "started", "watches": [bench.path("conf")], **unit}
    return {"files": [{"path": bench.path("conf"), "content": content}], "units": [wanted]}


def test_enables_and_starts_and_then_leaves_alone(bench: Bench) -> None:
    result = bench.run(**tree(bench))
    assert told(result) == [("conf", "create", []), ("app.service", "enable, start", [])]
    assert bench.systemd.calls == ["enable app.service", "start app.service"]
    assert result["restarted"] == ["app.service"]
    assert not bench.run(**tree(bench))["changed"]
    assert len(bench.systemd.calls) == 2


@pytest.mark.parametrize("verb", ["restart", "reload"])
def test_a_changed_file_is_taken_up_once(bench: Bench, verb: str) -> None:
    bench.run(**tree(bench, on_change=verb))
    assert told(bench.run(**tree(bench, "two\n", on_change=verb)))[1] == ("app.service", verb, [bench.path("conf")])
    # A restart that was asked for does not count against the unit's start limit.
    forgotten = ["reset-failed app.service"] if verb == "restart" else []
    assert bench.systemd.calls[2:] == [*forgotten, f"{verb} app.service"]
    assert not bench.run(**tree(bench, "two\n", on_change=verb))["changed"]


def test_a_change_that_is_of_no_concern(bench: Bench) -> None:
    bench.run(**tree(bench, on_change="none"))
    assert told(bench.run(**tree(bench, "two\n", on_change="none"))) == [("conf", "update", ["content"])]


def test_some_files_ask_for_a_restart_though_others_are_reloaded(bench: Bench) -> None:
    wanted = {"on_change": "reload", "restart_watches": [bench.path("hard")]}

    def with_hard(content: str, soft: str = "one\n") -> dict[str, Any]:
        given = tree(bench, soft, **wanted)
        given["files"].append({"path": bench.path("hard"), "content": content})
        return given

    bench.run(**with_hard("a"))
    assert told(bench.run(**with_hard("a", "two\n")))[-1][1] == "reload"
    assert told(bench.run(**with_hard("b", "two\n")))[-1][1] == "restart"
    assert told(bench.run(**with_hard("c", "three\n")))[-1][1] == "restart"


def test_what_somebody_else_writes_is_watched_too(bench: Bench) -> None:
    (bench.root / "tls").mkdir()
    (bench.root / "tls/cert.pem").write_text("old")
    unit = {"name": "app.service", "state": "started", "watches": [bench.path("tls")]}
    bench.run(units=[unit])
    (bench.root / "tls/cert.pem").write_text("new")
    assert told(bench.run(units=[unit])) == [("app.service", "restart", [bench.path("tls")])]
    (bench.root / "tls/more.pem").write_text("x")
    assert told(bench.run(units=[unit]))[0][1] == "restart"
    (bench.root / "tls/more.pem").unlink()
    assert told(bench.run(units=[unit]))[0][1] == "restart"
    assert not bench.run(units=[unit])["changed"]


def test_check_mode_counts_what_an_earlier_task_would_change(bench: Bench) -> None:
    unit = {"name": "app.service", "state": "started", "watches": [bench.path("tls/cert.pem")]}
    bench.run(units=[unit])
    predicted = bench.predict(units=[unit], changed_elsewhere=[bench.path("tls/cert.pem")])
    assert told(predicted) == [("app.service", "restart", [bench.path("tls/cert.pem")])]
    # In a real run the earlier task has been there, and what it left counts, not what it announced.
    assert not bench.make(units=[unit], changed_elsewhere=[bench.path("tls/cert.pem")])["changed"]


@pytest.mark.parametrize(
    ("drift", "action"),
    [
        (Unit(active="inactive", file_state="enabled"), "start"),
        (Unit(active="failed", sub="failed", file_state="enabled"), "start"),
        (Unit(active="activating", sub="auto-restart", file_state="enabled"), "start"),
        (Unit(active="active", sub="running", file_state="disabled"), "enable"),
        (Unit(load="masked", active="inactive", file_state="masked"), "unmask, enable, start"),
    ],
)
def test_mends_a_unit_that_was_altered_by_hand(bench: Bench, drift: Unit, action: str) -> None:
    bench.run(**tree(bench))
    bench.systemd.units["app.service"] = drift
    assert told(bench.run(**tree(bench))) == [("app.service", action, [])]
    assert not bench.run(**tree(bench))["changed"]


def test_stops_and_disables(bench: Bench) -> None:
    bench.systemd.units["other.service"] = Unit(active="active", sub="running", file_state="enabled")
    wanted = {"units": [{"name": "other.service", "enabled": False, "state": "stopped"}]}
    assert told(bench.run(**wanted)) == [("other.service", "disable, stop", [])]
    assert not bench.run(**wanted)["changed"]


def test_a_unit_file_that_goes_takes_its_unit_along(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # Unit files are recognised by where they lie, so this test moves that place.
    from ansible.module_utils.collab import convergence, units  # noqa: PLC0415 - patched here only

    folder = bench.root / "etc/systemd/system"
    folder.mkdir(parents=True)

    def unit_of(path: str) -> str | None:
        found: str | None = units.unit_of(path.removeprefix(str(bench.root)))
        return found

    monkeypatch.setattr(convergence, "unit_of", unit_of)
    file = {"path": str(folder / "app.service"), "content": "[Service]\n"}
    drop_in = {"path": str(folder / "other.service.d/x.conf"), "content": "[Service]\n"}
    (folder / "other.service.d").mkdir()
    bench.run(files=[file, drop_in], units=[{"name": "app.service", "state": "started"}])
    assert bench.systemd.calls[0] == "daemon-reload"
    assert sorted(told(bench.make())) == [
        ("app.service", "remove", []),  # the unit
        ("app.service", "remove", []),  # its file
        ("x.conf", "remove", []),
    ]
    assert "disable --now app.service" in bench.systemd.calls
    assert not [call for call in bench.systemd.calls if "other.service" in call]


def test_tells_systemd_of_unit_files_that_a_killed_run_wrote(bench: Bench) -> None:
    bench.run(**tree(bench))
    bench.systemd.units["app.service"].needs_reload = True
    bench.make(**tree(bench))
    assert bench.systemd.calls[-1] == "daemon-reload"


class TestFailures:
    def test_a_unit_that_ends_at_once(self, bench: Bench) -> None:
        bench.systemd.fails = frozenset({"app.service"})
        with pytest.raises(UnitError, match=r"app\.service was started and has failed .*journalctl -u app.service"):
            bench.make(**tree(bench))
        bench.systemd.fails = frozenset()
        assert told(bench.make(**tree(bench))) == [("app.service", "start", [])]
        assert "reset-failed app.service" in bench.systemd.calls

    def test_a_restart_that_fails_is_tried_again(self, bench: Bench) -> None:
        bench.run(**tree(bench))
        bench.systemd.fails = frozenset({"app.service"})
        with pytest.raises(UnitError):
            bench.make(**tree(bench, "two\n"))
        bench.systemd.fails = frozenset()
        assert told(bench.make(**tree(bench, "two\n"))) == [("app.service", "start", [])]

    def test_a_unit_that_does_not_exist(self, bench: Bench) -> None:
        wanted = {"units": [{"name": "missing.service", "enabled": True, "state": "started"}]}
        assert told(bench.predict(**wanted)) == [("missing.service", "enable, start", [])]
        with pytest.raises(TreeError, match=r"there is no unit missing\.service"):
            bench.make(**wanted)

    def test_one_to_be_stopped_may_be_missing(self, bench: Bench) -> None:
        assert not bench.run(units=[{"name": "missing.service", "enabled": False, "state": "stopped"}])["changed"]


class TestKills:
    """A run that ends in the middle: the next one does what it left."""

    @pytest.mark.parametrize("at", ["restart app.service", "daemon-reload"])
    def test_between_write_and_restart(self, bench: Bench, at: str) -> None:
        bench.run(**tree(bench))
        if at == "daemon-reload":
            bench.systemd.units["app.service"].needs_reload = True

        def die(call: str) -> None:
            if call == at:
                raise KeyboardInterrupt

        bench.systemd.before = die
        with pytest.raises(KeyboardInterrupt):
            bench.make(**tree(bench, "two\n"))
        assert (bench.root / "conf").read_text() == "two\n"
        bench.systemd.before = lambda _call: None
        # Nothing is left to write, and still the unit has to take up what was written.
        assert told(bench.run(**tree(bench, "two\n"))) == [("app.service", "restart", [bench.path("conf")])]
        assert not bench.run(**tree(bench, "two\n"))["changed"]

    def test_by_a_real_sigkill_between_write_and_restart(self, bench: Bench) -> None:
        bench.run(**tree(bench))
        given = tree(bench, "two\n")
        # The command stands between files and units and kills the process that runs it.
        given["commands"] = [{"name": "die", "argv": ["sh", "-c", "kill -9 $PPID"], "watches": [bench.path("conf")]}]
        program = (
            "import ansible.module_utils as u, ansible.modules as m, json, sys;"
            f"u.__path__.append('{CONTENT}/module_utils'); m.__path__.append('{CONTENT}/modules');"
            "from tests.unit.ansible.bench import Bench, Unit; from pathlib import Path;"
            "b = Bench(Path(sys.argv[1])); b.systemd.units['app.service'] = Unit(active='active', sub='running');"
            "b.make(**json.loads(sys.argv[2]))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(bench.root.parent), json.dumps(given)],
            cwd=CONTENT.parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -9, done.stderr
        assert (bench.root / "conf").read_text() == "two\n"
        assert told(bench.run(**tree(bench, "two\n"))) == [("app.service", "restart", [bench.path("conf")])]


class TestCommands:
    def command(self, bench: Bench, **more: object) -> dict[str, Any]:
        """Return a tree whose command copies its file, and counts how often."""
        script = f"cp {bench.path('in')} {bench.path('out')}; echo run >>{bench.path('log')}"
        item = {"name": "copy", "argv": ["sh", "-c", script], "watches": [bench.path("in"), bench.path("out")]}
        return {"commands": [item | more]}

    def runs(self, bench: Bench) -> int:
        log = bench.root / "log"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def test_run_when_a_watched_path_or_their_result_differs(self, bench: Bench) -> None:
        (bench.root / "in").write_text("one")
        assert told(bench.run(**self.command(bench)))[0][:2] == ("copy", "run")
        assert not bench.run(**self.command(bench))["changed"]
        assert self.runs(bench) == 1
        (bench.root / "out").write_text("altered by hand")
        assert told(bench.run(**self.command(bench))) == [("copy", "run", [bench.path("out")])]
        (bench.root / "in").write_text("two")
        assert told(bench.run(**self.command(bench))) == [("copy", "run", [bench.path("in")])]
        assert (bench.root / "out").read_text() == "two"

    def test_run_when_they_took_up_what_is_no_longer_watched(self, bench: Bench) -> None:
        (bench.root / "in").write_text("one")
        bench.run(**self.command(bench))
        fewer = self.command(bench, watches=[bench.path("out")])
        assert told(bench.run(**fewer)) == [("copy", "run", [bench.path("in")])]
        assert not bench.run(**fewer)["changed"]
        assert self.runs(bench) == 2

    def test_run_when_their_effect_is_gone(self, bench: Bench) -> None:
        (bench.root / "in").write_text("one")
        given = self.command(bench, watches=[bench.path("in")], unless=["test", "-e", bench.path("out")])
        bench.run(**given)
        assert not bench.run(**given)["changed"]
        (bench.root / "out").unlink()
        assert told(bench.run(**given)) == [("copy", "run", ["effect"])]

    def test_whose_effect_does_not_come(self, bench: Bench) -> None:
        (bench.root / "in").write_text("one")
        given = self.command(bench, unless=["test", "-e", bench.path("never")])
        with pytest.raises(TreeError, match=r"ran, but test -e .* still fails"):
            bench.make(**given)

    def test_whose_look_is_not_installed_yet(self, bench: Bench) -> None:
        (bench.root / "in").write_text("one")
        assert bench.predict(**self.command(bench, unless=["no-such-program-here"]))["changed"]

    def test_that_fail_are_tried_again(self, bench: Bench) -> None:
        (bench.root / "in").write_text("one")
        given = self.command(bench, argv=["sh", "-c", "echo reason >&2; exit 3"])
        for _ in range(2):
            with pytest.raises(TreeError, match=r"copy: .* ended with 3: reason"):
                bench.make(**given)


def test_a_static_unit_counts_as_enabled() -> None:
    from ansible.module_utils.collab.units import UnitSpec, UnitState  # noqa: PLC0415 - of this test only

    spec = UnitSpec("x.service", enabled=True, state="started")
    assert decide(spec, UnitState("loaded", "active", "running", "static"), {}, {}).actions == ()


def test_documentation_and_argument_spec_agree() -> None:
    import yaml  # noqa: PLC0415 - of this test only

    documented = yaml.safe_load(managed_tree.DOCUMENTATION)["options"]

    def compare(spec: dict[str, Any], told_of: dict[str, Any], where: str) -> None:
        assert set(spec) == set(told_of), where
        for name, option in spec.items():
            for key in ("type", "elements", "required", "default", "choices"):
                assert option.get(key) == told_of[name].get(key), f"{where}{name}: {key}"
            if "options" in option:
                compare(option["options"], _with_mode(name, told_of[name]["suboptions"]), f"{where}{name}.")

    def _with_mode(name: str, suboptions: dict[str, Any]) -> dict[str, Any]:
        # One description serves files and secret files; the mode of the latter is said in words.
        if name != "secret_files":
            return suboptions
        return suboptions | {"mode": suboptions["mode"] | {"default": "0600"}}

    compare(managed_tree.arguments(), documented, "")
