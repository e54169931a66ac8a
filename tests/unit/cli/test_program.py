"""What holds for every verb: help with an example that parses, exit codes, JSON on failure, no traceback, speed."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from collab_stack import __version__
from collab_stack.cli.main import VERBS, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.cli.conftest import Result
    from tests.unit.site.sites import SiteDir

PROGRAM = Path(sys.executable).parent / "collab-stack"


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command and group with its words."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            with suppress(ModuleNotFoundError):  # test_every_verb_can_be_loaded says which
                below = command.get_command(context, name)
                assert below is not None
                yield from commands(below, (*words, name))


def example(command: click.Command) -> list[str]:
    """Return the words after `collab-stack` of the example in a command's help."""
    match = re.search(r"^Example: (.*)$", command.epilog or "", re.MULTILINE)
    assert match, "the help shows no example"
    found = re.search(r"collab-stack ([^|>)&]*)", match.group(1))
    assert found, f"the example is not of collab-stack: {match.group(1)}"
    return shlex.split(found.group(1).strip('" '))


ALL = dict(commands(program))

OWN_SHAPE = {("completion",), ("lab", "shell"), ("lab", "secret")}
"""Print a script, hand over the terminal, print one value for a pipe: no site, nothing to answer."""


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_be_loaded(verb: str) -> None:
    assert program.get_command(click.Context(program), verb) is not None


@pytest.mark.parametrize("words", ALL, ids=lambda words: " ".join(words) or "collab-stack")
def test_help_shows_an_example_that_parses(cli: Callable[..., Result], words: tuple[str, ...]) -> None:
    result = cli(*words, "--help")
    assert (result.code, result.err) == (0, "")
    assert "Usage: collab-stack" in result.out
    wanted = example(ALL[words])
    assert tuple(wanted[: len(words)]) == words or isinstance(ALL[words], click.Group)
    context = program.make_context("collab-stack", list(wanted))
    command: click.Command = program
    rest = list(wanted)
    while isinstance(command, click.Group):
        _, below, rest = command.resolve_command(context, rest)
        assert below is not None
        # Parsing alone: every option and argument is known and has a value of the right type.
        context = below.make_context(below.name, list(rest), parent=context)
        command = below


@pytest.mark.parametrize("words", [words for words, command in ALL.items() if not isinstance(command, click.Group)])
def test_every_verb_has_the_common_options(words: tuple[str, ...]) -> None:
    names = {option for parameter in ALL[words].params for option in parameter.opts}
    if words not in OWN_SHAPE:
        assert {"--site", "--json", "--yes", "--no-color", "--vault-password-file", "-v"} <= names


def test_examples_that_need_no_host_work(cli: Callable[..., Result], tmp_path: Path) -> None:
    for each in (("init",), ("check",), ("schema",), ("version",), ("secrets", "list"), ("secrets", "show")):
        result = cli(*example(ALL[each]))
        assert result.code == 0, (each, result)


def test_unknown_verb_and_option(cli: Callable[..., Result]) -> None:
    result = cli("chekc", "--json")
    assert result.code == 2
    assert "Did you mean 'check'?" in result.json["error"]["message"]
    result = cli("check", "--sit", "x")
    assert result.code == 2
    assert "Mend:" in result.err
    assert result.out == ""


def test_version(cli: Callable[..., Result]) -> None:
    assert cli("version").out == f"collab-stack {__version__}\n"
    assert "keycloak" in cli("version", "-v").out
    found = cli("version", "--json").json
    assert (found["ok"], found["version"]) == (True, __version__)
    assert {"name", "version", "image", "tested"} == set(found["components"][0])


def test_schema(cli: Callable[..., Result]) -> None:
    schema = cli("schema").json
    assert schema["title"] == "collab-stack site.yml"
    assert cli("schema", "--json").json == {"ok": True, "schema": schema}
    assert cli("schema", "--file", "hosts").json["title"] == "collab-stack hosts.yml"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(cli: Callable[..., Result], shell: str) -> None:
    assert "_COLLAB_STACK_COMPLETE" in cli("completion", shell).out


def test_completion_completes() -> None:
    """As bash asks: the words so far, and which of them is being typed."""
    asked = {"_COLLAB_STACK_COMPLETE": "bash_complete", "COMP_WORDS": "collab-stack sec", "COMP_CWORD": "1"}
    result = subprocess.run([str(PROGRAM)], env=os.environ | asked, capture_output=True, text=True, check=False)
    assert result.stdout == "plain,secrets\n"


@pytest.mark.usefixtures("site")
def test_defect_is_one_line_and_a_log(cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("collab_stack.operations.check")

    def broken(*_arguments: object) -> None:
        raise RuntimeError("an inner fault")

    monkeypatch.setattr(module, "check", broken)
    result = cli("check", "--json")
    assert result.code == 1
    assert result.err == ""
    error = result.json["error"]
    assert error["code"] == "defect"
    log = Path(error["mend"].rsplit(" ", 1)[1])
    assert "RuntimeError: an inner fault" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    log.unlink()


def test_verbs_are_imported_when_they_run() -> None:
    """`--help` stays quick because it imports none of the verbs, no pydantic, no YAML, no Ansible."""
    code = (
        "import sys; from collab_stack.cli.main import run; run(['--help']);"
        "print([m for m in sys.modules if m.split('.')[0] in ('pydantic', 'yaml', 'ansible', 'rich', 'cryptography')"
        f" or m in {[f'collab_stack.cli.{module}' for module, _ in VERBS.values()]}], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr == "[]\n"


def cpu_seconds(*words: str) -> float:
    """Return the least processor time of three runs: what the clock shows besides is other programs' work."""
    found = []
    for _ in range(3):
        process = subprocess.Popen([str(PROGRAM), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        found.append(usage.ru_utime + usage.ru_stime)
    return min(found)


def test_help_takes_150_ms() -> None:
    assert cpu_seconds("--help") < 0.15


def test_check_takes_half_a_second(site: SiteDir) -> None:
    assert cpu_seconds("check") < 0.5


def test_no_color(site: SiteDir) -> None:
    """A terminal gets colours, NO_COLOR and --no-color take them away, a pipe never has them."""
    site.replace("site.yml", "realm: agency", "realm: Agency")
    argv = ["script", "--quiet", "--return", "--command", f"{PROGRAM} check", "/dev/null"]
    coloured = subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert b"\x1b[" in coloured.stdout
    plain = subprocess.run(
        argv, capture_output=True, check=False, stdin=subprocess.DEVNULL, env=os.environ | {"NO_COLOR": "1"}
    )
    assert b"\x1b[" not in plain.stdout
    piped = subprocess.run([str(PROGRAM), "check", "--json"], capture_output=True, check=False)
    assert json.loads(piped.stdout)["ok"] is False
    assert b"\x1b[" not in piped.stdout
