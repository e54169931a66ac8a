"""One site in one lab, which serves the end-to-end tests: prepared, deployed, asked."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from collab_stack.lab import Lab
from collab_stack.lab.layout import DOMAIN
from collab_stack.site import password, secrets
from tests.lab.machine import Machine
from tests.lab.program import Done, Program


class Stack:
    """A site, the program that deploys it, and the host that it is deployed to.

    :param directory: the site.
    """

    def __init__(self, lab: Lab, program: Program, directory: Path) -> None:
        self.lab = lab
        self.program = program
        self.directory = directory
        self.host = Machine(lab)

    def words(self, *words: str) -> tuple[str, ...]:
        """Return a verb's words with the site's directory; what follows ``--`` stays last."""
        cut = words.index("--") if "--" in words else len(words)
        return (*words[:cut], "--site", str(self.directory), *words[cut:])

    def run(self, *words: str, stdin: str | None = None) -> Done:
        """Run a verb on the site."""
        return self.program.run(*self.words(*words), stdin=stdin)

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run a verb with ``--json`` that has to end with ``code``; return the object."""
        done = self.run(*words[:1], "--json", *words[1:])
        assert done.code == code, f"{' '.join(words)} ended with {done.code}\n{done.stdout}\n{done.stderr}"
        return done.data

    @contextlib.contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run a verb while the block runs."""
        with self.program.started(*self.words(*words)) as process:
            yield process

    def deploy(self, *words: str) -> dict[str, Any]:
        """Deploy with success; return the object."""
        return self.json("deploy", *words)

    def changes(self, *words: str) -> set[tuple[str, str]]:
        """Return the (role, object) that `plan` says would change."""
        return named(self.json("plan", *words)["changes"])

    def green(self, seconds: float = 180) -> float:
        """Wait until every probe passes; return how long that took in seconds."""
        begin = time.monotonic()
        while True:
            done = self.run("probe", "--json")
            if done.code == 0:
                return time.monotonic() - begin
            failed = [result for result in done.data["results"] if result["state"] == "fail"]
            assert time.monotonic() - begin < seconds, f"not green within {seconds:.0f} s: {failed}"

    @property
    def runs(self) -> Path:
        """The folder of the run record."""
        return self.directory / "runs"

    def journal(self) -> list[dict[str, Any]]:
        """Return the run record, oldest first."""
        path = self.runs / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def newest_events(self, known: set[Path]) -> Path | None:
        """Return the events file of a run that began after ``known`` was read."""
        return next((path for path in sorted(self.runs.glob("*.events.jsonl")) if path not in known), None)

    def known_events(self) -> set[Path]:
        """Return the events files that are there."""
        return set(self.runs.glob("*.events.jsonl"))

    @cached_property
    def vault_password(self) -> bytes:
        """What opens the site's vault files."""
        environment = {**os.environ, "HOME": str(self.program.home), "XDG_CONFIG_HOME": ""}
        return password.find(self.directory, None, environment).secret

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The content of secrets.yml."""
        found, wrong = secrets.read(self.directory, self.vault_password)
        assert found is not None, wrong
        return found

    def needles(self) -> dict[str, str]:
        """Return every spelling of every secret -> its name: plain, base64 and URL-encoded, line by line."""
        found: dict[str, str] = {}
        for name, value in self.secrets.items():
            for line in value.splitlines():
                if len(line) >= 8 and not line.startswith("-----"):
                    found |= dict.fromkeys(spellings(line), name)
        return found

    def find_needles(self, text: str) -> set[str]:
        """Return the names of the secrets that a text holds."""
        return {name for needle, name in self.needles().items() if needle in text}


def spellings(text: str) -> set[str]:
    """Return how a text looks plain, URL-encoded, and within base64 wherever it begins there."""
    found = {text, urllib.parse.quote(text, safe=""), urllib.parse.quote_plus(text)}
    for before in range(3):  # base64 takes three bytes at a time; the edges mix with what stands beside
        whole = base64.b64encode(b"\0" * before + text.encode()).decode().rstrip("=")
        found.add(whole[(0, 2, 3)[before] : -1])
    return found


def named(changes: list[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return the (role, object) of changes."""
    return {(change["role"], change["object"]) for change in changes}


def prepare(lab: Lab, program: Program, directory: Path) -> Stack:
    """Make a site of the lab's agency by the commands that an operator types; nothing is deployed."""
    stack = Stack(lab, program, directory)
    if not directory.exists():
        _init(lab, program, directory)
        for name, value in lab.site_secrets().items():
            _well(stack.run("secrets", "set", name, stdin=value))
        _well(stack.run("hosts", "trust", "--yes"))
    # Of a site that is used again, too: the lab may have built its stand-ins anew meanwhile.
    for words in (("artifacts", "lock"), ("images", "lock")):
        _well(stack.run(*words))
    return stack


def _init(lab: Lab, program: Program, directory: Path) -> None:
    example = lab.write_site(program.folder / "example")
    # infra is the jump host of test_ops; whoever jumps from there comes from its address.
    site = yaml.safe_load((example / "site.yml").read_text())
    layout = lab.state.layout
    site["networks"]["management"] += [f"{layout.address('infra')}/32", f"{layout.address6('infra')}/128"]
    (example / "site.yml").write_text(yaml.safe_dump(site, sort_keys=False, allow_unicode=True))
    _well(program.run("init", str(directory), "--domain", DOMAIN, "--from", str(example)))
    shutil.rmtree(example)


def _well(done: Done) -> None:
    assert done.code == 0, f"ended with {done.code}\n{done.stdout}\n{done.stderr}"
