"""The chain of run records: whole, altered, torn, and without a secret."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path

import pytest

from collab_stack.operations import journal as chain
from collab_stack.operations import record

SECRET = "p+/ss w0rd&secret"
PEM = "-----BEGIN PRIVATE KEY-----\nQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n-----END PRIVATE KEY-----\n"


def add(directory: Path, **entry: object) -> None:
    record.begin(directory, "deploy", {}, []).finish(entry)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    for number in range(3):
        add(tmp_path, number=number)
    return tmp_path / chain.FILE


def test_a_whole_chain_holds(tmp_path: Path, journal: Path) -> None:
    assert chain.verify(tmp_path) == []
    entries = chain.entries(tmp_path)
    assert [entry["number"] for entry in entries] == [0, 1, 2]
    assert entries[0]["previous"] == chain.FIRST
    assert {"run", "verb", "who", "started", "ended", "version", "site"} <= set(entries[0])
    assert journal.stat().st_mode & 0o777 == 0o600


def test_an_altered_line_is_found(tmp_path: Path, journal: Path) -> None:
    journal.write_text(journal.read_text().replace('"number": 1', '"number": 7'))
    assert chain.verify(tmp_path) == [
        f"{chain.FILE}:3: does not follow the line before; one was altered, removed or added"
    ]


def test_a_removed_line_is_found(tmp_path: Path, journal: Path) -> None:
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(lines[0] + lines[2])
    assert len(chain.verify(tmp_path)) == 1


def test_a_torn_line_is_shown_and_the_chain_goes_on(tmp_path: Path, journal: Path) -> None:
    with journal.open("a") as stream:
        stream.write('{"run": "torn by a ki')
    add(tmp_path, number=4)
    assert chain.verify(tmp_path) == [
        f"{chain.FILE}:4: not a whole line; the run was killed while it wrote, or it was altered"
    ]
    assert [entry["number"] for entry in chain.entries(tmp_path)] == [0, 1, 2, 4]


def test_no_secret_is_recorded_in_any_spelling(tmp_path: Path) -> None:
    spellings = {
        "plain": SECRET,
        "base64": base64.b64encode(SECRET.encode()).decode(),
        "url": urllib.parse.quote(SECRET, safe=""),
        "form": urllib.parse.quote_plus(SECRET),
        "key": PEM,
        "line": PEM.splitlines()[1],
    }
    run = record.begin(tmp_path, "deploy", {"extra": list(spellings.values())}, [SECRET, PEM, "short"])
    run.finish({"message": spellings})
    text = (tmp_path / chain.FILE).read_text() + run.files.events.read_text()
    assert not [name for name, value in spellings.items() if value in text or json.dumps(value)[1:-1] in text]
    assert text.count(chain.MASK) >= len(spellings)


def test_the_hash_of_a_site_follows_its_files(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text("a: 1\n")
    before = record.site_hash(tmp_path)
    assert record.site_hash(tmp_path) == before
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca.pem").write_text("x")
    assert record.site_hash(tmp_path) != before


def test_old_logs_go_and_the_journal_stays(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for number in range(record.KEPT_LOGS + 5):
        (folder / f"20200101T0000{number:02d}Z-1.events.jsonl").write_text("")
        (folder / f"20200101T0000{number:02d}Z-1.log").write_text("")
    (tmp_path / chain.FILE).write_text("")
    record.begin(tmp_path, "deploy", {}, [])
    assert len(list(folder.glob("*.events.jsonl"))) == record.KEPT_LOGS
    assert len(list(folder.glob("*.log"))) == record.KEPT_LOGS - 1
    assert (tmp_path / chain.FILE).exists()


def test_a_killed_run_gets_its_line_from_the_next(tmp_path: Path) -> None:
    killed = record.begin(tmp_path, "deploy", {"limit": ["host1"]}, [])
    with killed.files.events.open("a") as stream:
        for event in (
            {"event": "module", "host": "host1", "role": "base", "module": "managed_tree"},
            {
                "event": "result",
                "host": "host1",
                "role": "base",
                "task": "t",
                "status": "ok",
                "changed": True,
                "results": [{"changed": True, "objects": [{"object": "/etc/a", "action": "create"}]}],
                "deprecations": [],
                "warnings": [],
            },
        ):
            stream.write(json.dumps(event) + "\n")
        stream.write('{"event": "resu')
    looked = record.begin(tmp_path, "plan", {}, [], changes=False)
    following = record.begin(tmp_path, "deploy", {}, [])
    following.finish({"ok": True})
    first, second = chain.entries(tmp_path)
    assert (first["run"], first["error"], first["ended"]) == (killed.id, "killed", None)
    assert first["options"] == {"limit": ["host1"]}
    assert first["changes"] == [{"host": "host1", "role": "base", "object": "/etc/a", "action": "create"}]
    assert first["remote_tasks"] == 1
    assert second["run"] == following.id
    assert chain.verify(tmp_path) == []
    assert record.bury(tmp_path) == []
    assert looked.files.events.exists()
