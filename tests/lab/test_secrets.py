"""No secret of the site is where it does not belong: while it is deployed, and in what is left afterwards."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.sampler import RATE, Sampler
from tests.lab.stack import Stack

STRANGER = 65534
"""A user of the host who has no part in anything."""

OPERATOR = 1000
"""The operator's login, and the user of some images."""

READABLE = "find / -xdev -path /proc -prune -o -path /sys -prune -o -type f -readable -size -8M -print0"

SHIPPED = ("usr/share", "usr/lib", "usr/bin", "usr/sbin", "usr/include")
"""Debian's own files, which no role writes; `find` goes by them to save time."""


@pytest.fixture(scope="module")
def verbose(stack: Stack) -> str:
    """The id of a deploy that said all that it can say."""
    known = stack.known_events()
    stack.run("deploy", "--json", "-v", "-v", "-v")
    events = stack.newest_events(known)
    assert events is not None
    return events.name.removesuffix(".events.jsonl")


@pytest.fixture(scope="module")
def watched(verbose: str, sampler: Sampler) -> dict[str, Any]:
    """What the watch over all command lines saw, until the deploy at -vvv ended."""
    shown = subprocess.Popen(["python3", "-c", "import time; time.sleep(3)", sampler.CANARY])
    time.sleep(1)
    said = sampler.report()
    shown.kill()
    shown.wait()
    return said


def test_the_watch_over_command_lines_was_awake(watched: dict[str, Any], sampler: Sampler) -> None:
    assert watched["looks"] / watched["seconds"] >= 0.8 * RATE
    assert sampler.CANARY in watched["found"], "it is blind"
    whole = "COLLAB_LAB" not in os.environ  # in a session's own lab it saw the first deploy too
    assert set(watched["passed"]) >= (set(sampler.LANDMARKS) if whole else {"ansible-playbook"})
    print({key: watched[key] for key in ("seconds", "looks", "longest_gap", "commands")})  # noqa: T201 - with -s


def test_no_command_line_held_a_secret(watched: dict[str, Any], sampler: Sampler) -> None:
    found = {text: command for text, command in watched["found"].items() if text != sampler.CANARY}
    assert sampler.names(found) == set(), list(found.values())


def test_the_record_events_and_log_of_runs_hold_none(stack: Stack, verbose: str) -> None:
    log = stack.runs / f"{verbose}.log"
    assert "EXEC" in log.read_text() or "ESTABLISH" in log.read_text() or len(log.read_text()) > 2000, "not verbose"
    with patterns(stack) as file:
        assert holding(file, stack.runs.glob("*")) == []


def test_the_site_is_safe_to_commit(stack: Stack) -> None:
    with patterns(stack) as file:
        assert holding(file, (path for path in stack.directory.rglob("*") if path.is_file())) == []


def test_no_log_of_the_host_holds_one(stack: Stack) -> None:
    root = stack.host.root
    logs = [path for path in (root / "var/log").rglob("*") if path.is_file() and "journal" not in path.parts]
    assert len(logs) > 5
    journal = stack.program.folder / "journal"
    try:
        journal.write_text(stack.host.sh("journalctl --no-pager --output=verbose --all"))
        assert "collab-keycloak" in journal.read_text()
        with patterns(stack) as file:
            assert holding(file, [*logs, journal]) == []
    finally:
        journal.unlink()


def test_no_file_that_everybody_may_read_holds_one(stack: Stack) -> None:
    with patterns(stack) as file:
        paths = readable(stack, STRANGER)
        assert any(str(path).endswith("etc/passwd") for path in paths)
        assert holding(file, paths) == []


def test_no_label_and_no_command_of_a_container_holds_one(stack: Stack) -> None:
    shown = stack.host.sh(
        "docker inspect --format '{{json .Config.Labels}} {{json .Config.Cmd}} {{json .Args}} {{json .Mounts}}' "
        "$(docker ps --all --quiet) && docker image inspect $(docker image ls --quiet) && "
        "docker network inspect $(docker network ls --quiet)"
    )
    assert "keycloak" in shown
    assert stack.find_needles(shown) == set()


def test_the_operators_login_cannot_read_what_belongs_to_a_container(stack: Stack) -> None:
    places = "/srv/collab /etc/collab"
    theirs = set(stack.host.sh(f"find {places} -type f -user {OPERATOR}").splitlines())
    assert any("/etc/collab/keycloak/" in path for path in theirs), "no container has the operator's uid"
    seen = as_user(stack, OPERATOR, f"find {places} -type f -readable 2>/dev/null; true").splitlines()
    assert set(seen) & theirs == set()
    assert [path for path in seen if "/containers/" in path or path.endswith(("key.pem", "combined.pem"))] == []
    for path in theirs:
        assert stack.host.run(f"setpriv --reuid {OPERATOR} --regid {OPERATOR} --clear-groups cat {path}")[0] != 0


def as_user(stack: Stack, uid: int, script: str) -> str:
    """Run a script on the host as a user of that number with no groups."""
    return stack.host.sh(f"setpriv --reuid {uid} --regid {uid} --clear-groups sh -c {quoted(script)}")


def quoted(script: str) -> str:
    """Return a script as one word of a shell."""
    return "'" + script.replace("'", "'\\''") + "'"


def readable(stack: Stack, uid: int) -> list[Path]:
    """Return the host's files that a user may read, without those that came with Debian's packages."""
    pruned = " ".join(f"-path /{place} -prune -o" for place in SHIPPED)
    found = as_user(stack, uid, READABLE.replace("find / -xdev", f"find / -xdev {pruned}") + " 2>/dev/null; true")
    return [stack.host.root / path.lstrip("/") for path in found.split("\0") if path]


@contextmanager
def patterns(stack: Stack) -> Iterator[Path]:
    """Yield a private file with every spelling of every secret, for grep; gone afterwards."""
    path = stack.program.folder / "needles"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write("\n".join(stack.needles()) + "\n")
    try:
        control = path.with_name("control")
        control.write_text(f"x{next(iter(stack.needles()))}y")
        assert holding(path, [control]) == [str(control)], "the search itself is broken"
        control.unlink()
        yield path
    finally:
        path.unlink()


def holding(needles: Path, paths: Iterable[Path]) -> list[str]:
    """Return which of the files hold one of the needles."""
    names = "\0".join(map(str, paths))
    command = ["xargs", "-0", "-r", "grep", "--text", "-sslF", "-f", str(needles)]
    done = subprocess.run(command, input=names, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()
