"""Files of a managed tree: every test also checks that check mode tells what a run then does, and writes nothing."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.collab import atomic
from ansible.module_utils.collab.tree import TreeError

from tests.unit.ansible.bench import Bench, told

SECRET = "kJ8sLq0vXz3TnB5w"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_creates_and_then_only_reads(bench: Bench) -> None:
    wanted: dict[str, Any] = {
        "directories": [{"path": bench.path("d"), "mode": "0750"}, {"path": bench.path("d/e")}],
        "files": [{"path": bench.path("d/e/f"), "content": "one\n", "mode": "0640"}],
        "secret_files": [{"path": bench.path("d/s"), "content": SECRET}],
        "links": [{"path": bench.path("l"), "target": "d/e/f"}],
    }
    result = bench.run(**wanted)
    assert told(result) == [(name, "create", []) for name in ("d", "e", "s", "f", "l")]
    assert result["changed"]
    assert (bench.root / "d").stat().st_mode & 0o7777 == 0o750
    assert (bench.root / "d/e/f").stat().st_mode & 0o7777 == 0o640
    assert (bench.root / "d/s").stat().st_mode & 0o7777 == 0o600
    assert (bench.root / "l").read_text() == "one\n"
    again = bench.snapshot()
    result = bench.run(**wanted)
    assert (result["changed"], result["objects"], result["diff"]) == (False, [], [])
    assert bench.snapshot() == again


@pytest.mark.parametrize(
    ("alter", "differs"),
    [
        (lambda path: path.write_text("other\n"), ["content"]),
        (lambda path: path.chmod(0o666), ["mode"]),
        (lambda path: path.chmod(0o4644), ["mode"]),
        (lambda path: (path.write_text(""), path.chmod(0o600)), ["content", "mode"]),
        pytest.param(lambda path: os.chown(path, 1234, -1), ["owner"], marks=as_root),
        pytest.param(lambda path: os.chown(path, -1, 1234), ["group"], marks=as_root),
    ],
)
def test_mends_what_was_altered_by_hand(bench: Bench, alter: Callable[[Path], object], differs: list[str]) -> None:
    wanted = {"files": [{"path": bench.path("f"), "content": "one\n", "mode": "0644"}]}
    bench.run(**wanted)
    right = bench.snapshot()
    alter(bench.root / "f")
    assert told(bench.run(**wanted)) == [("f", "update", differs)]
    assert bench.snapshot() == right


def test_restores_what_was_removed_by_hand(bench: Bench) -> None:
    wanted = {"directories": [{"path": bench.path("d")}], "files": [{"path": bench.path("d/f"), "content": "x"}]}
    bench.run(**wanted)
    (bench.root / "d/f").unlink()
    (bench.root / "d").rmdir()
    assert told(bench.run(**wanted)) == [("d", "create", []), ("f", "create", [])]


def test_shows_text_but_no_secret_in_the_diff(bench: Bench) -> None:
    def wanted(text: str) -> dict[str, Any]:
        return {
            "files": [{"path": bench.path("f"), "content": f"{text}\n"}],
            "secret_files": [{"path": bench.path("s"), "content": f"{SECRET}{text}\nline {SECRET}\n"}],
        }

    first = bench.run(**wanted("one"))
    second = bench.run(**wanted("two"))
    third = bench.run()
    assert SECRET not in json.dumps([first, second, third])
    shown = {Path(diff["after_header"]).name: diff for diff in second["diff"]}
    assert (shown["f"]["before"], shown["f"]["after"]) == ("file\none\n", "file\ntwo\n")
    assert shown["s"]["after"].endswith("content differs (secret, not shown)\n")


def test_removes_what_it_no_longer_owns(bench: Bench) -> None:
    bench.run(
        directories=[{"path": bench.path("d")}],
        files=[{"path": bench.path("d/a"), "content": "a"}, {"path": bench.path("d/b"), "content": "b"}],
        links=[{"path": bench.path("l"), "target": "d"}],
    )
    result = bench.run(directories=[{"path": bench.path("d")}], files=[{"path": bench.path("d/a"), "content": "a"}])
    assert told(result) == [("l", "remove", []), ("b", "remove", [])]
    assert told(bench.run()) == [("a", "remove", []), ("d", "remove", [])]
    assert not list(bench.root.iterdir())


def test_keeps_a_folder_that_holds_what_is_not_its_own(bench: Bench) -> None:
    bench.run(directories=[{"path": bench.path("d")}], files=[{"path": bench.path("d/a"), "content": "a"}])
    (bench.root / "d/theirs").write_text("mine")
    result = bench.run()
    assert told(result) == [("a", "remove", [])]
    assert result["kept"] == [bench.path("d")]
    assert (bench.root / "d/theirs").read_text() == "mine"
    (bench.root / "d/theirs").unlink()
    assert told(bench.run()) == [("d", "remove", [])]


def test_never_removes_what_was_there_before(bench: Bench) -> None:
    (bench.root / "conffile").write_text("the package's\n")
    bench.run(files=[{"path": bench.path("conffile"), "content": "ours\n"}])
    assert not bench.run()["changed"]
    assert (bench.root / "conffile").read_text() == "ours\n"


def test_leaves_what_somebody_else_put_in_the_place_of_its_own(bench: Bench) -> None:
    bench.run(files=[{"path": bench.path("f"), "content": "ours"}])
    (bench.root / "f").unlink()
    (bench.root / "f").mkdir()
    assert not bench.run()["changed"]
    assert (bench.root / "f").is_dir()


def test_two_trees_share_a_path(bench: Bench) -> None:
    shared = {"directories": [{"path": bench.path("d")}]}
    bench.run("one", **shared)
    bench.run("two", **shared)
    assert not bench.run("one")["changed"]
    assert (bench.root / "d").is_dir()
    assert told(bench.run("two")) == [("d", "remove", [])]


def test_wants_things_absent(bench: Bench) -> None:
    (bench.root / "example").write_text("x")
    (bench.root / "empty").mkdir()
    paths = [bench.path("example"), bench.path("empty"), bench.path("never")]
    assert told(bench.run(absent=paths)) == [("empty", "remove", []), ("example", "remove", [])]
    assert not bench.run(absent=paths)["changed"]
    (bench.root / "full").mkdir()
    (bench.root / "full/x").write_text("x")
    with pytest.raises(TreeError, match="is a directory with content"):
        bench.make(absent=[bench.path("full")])
    assert (bench.root / "full/x").exists()


class TestBlocks:
    BLOCK = "# Written by collab-stack: begin\n10.0.0.1 db\n# Written by collab-stack: end\n"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("", BLOCK),
            ("127.0.0.1 localhost\n", "127.0.0.1 localhost\n" + BLOCK),
            ("no newline", "no newline\n" + BLOCK),
            ("a\n" + BLOCK.replace("10.0.0.1", "10.9.9.9") + "b\n", "a\n" + BLOCK + "b\n"),
            ("a\n# Written by collab-stack: begin\nb\n", "a\nb\n" + BLOCK),
        ],
    )
    def test_the_rest_of_the_file_stays(self, bench: Bench, before: str, after: str) -> None:
        wanted = {"blocks": [{"path": bench.path("hosts"), "content": "10.0.0.1 db\n"}]}
        (bench.root / "hosts").write_text(before)
        (bench.root / "hosts").chmod(0o644)
        assert told(bench.run(**wanted)) == [("hosts", "update", ["content"])]
        assert (bench.root / "hosts").read_text() == after
        assert not bench.run(**wanted)["changed"]
        with (bench.root / "hosts").open("a") as stream:
            stream.write("10.1.1.1 theirs\n")
        assert not bench.run(**wanted)["changed"]
        assert (bench.root / "hosts").read_text() == after + "10.1.1.1 theirs\n"

    def test_bytes_of_another_encoding_stay(self, bench: Bench) -> None:
        (bench.root / "hosts").write_bytes(b"# r\xe4ksm\xf6rg\xe5s\n")
        (bench.root / "hosts").chmod(0o644)
        bench.run(blocks=[{"path": bench.path("hosts"), "content": "x"}])
        assert (bench.root / "hosts").read_bytes().startswith(b"# r\xe4ksm\xf6rg\xe5s\n")


class TestRefusals:
    def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(self, bench: Bench) -> None:
        (bench.root / "victim").write_text("theirs")
        (bench.root / "f").symlink_to(bench.root / "victim")
        assert told(bench.run(files=[{"path": bench.path("f"), "content": "ours"}])) == [("f", "replace", [])]
        assert (bench.root / "victim").read_text() == "theirs"
        assert not (bench.root / "f").is_symlink()
        assert (bench.root / "f").read_text() == "ours"

    @as_root
    def test_a_way_through_somebody_elses_link(self, bench: Bench) -> None:
        (bench.root / "real").mkdir()
        (bench.root / "link").symlink_to(bench.root / "real")
        wanted = {"files": [{"path": bench.path("link/f"), "content": "x"}]}
        os.lchown(bench.root / "link", 1000, 1000)
        for attempt in (bench.predict, bench.make):
            with pytest.raises(TreeError, match="symbolic link that uid 1000 owns"):
                attempt(**wanted)
        assert not list((bench.root / "real").iterdir())
        os.lchown(bench.root / "link", 0, 0)
        bench.run(**wanted)
        assert (bench.root / "real/f").read_text() == "x"

    def test_a_folder_or_a_socket_in_the_place_of_a_file(self, bench: Bench) -> None:
        (bench.root / "d").mkdir()
        with pytest.raises(TreeError, match="should be a file but is a directory"):
            bench.make(files=[{"path": bench.path("d"), "content": "x"}])
        (bench.root / "f").write_text("x")
        with pytest.raises(TreeError, match="should be a directory but is a file"):
            bench.make(directories=[{"path": bench.path("f")}])
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(bench.path("sock"))
            with pytest.raises(TreeError, match="device, socket or pipe"):
                bench.make(files=[{"path": bench.path("sock"), "content": "x"}])

    @pytest.mark.parametrize("path", ["relative", "/a/../b", "/a//b", "/a/", ""])
    def test_an_unclean_path(self, bench: Bench, path: str) -> None:
        with pytest.raises(TreeError, match="not an absolute path"):
            bench.make(files=[{"path": path, "content": "x"}])

    def test_contradictions(self, bench: Bench) -> None:
        f = {"path": bench.path("f"), "content": "x"}
        with pytest.raises(TreeError, match="listed twice"):
            bench.make(files=[f], secret_files=[f])
        with pytest.raises(TreeError, match="is no directory"):
            bench.make(files=[f, {"path": bench.path("f/g"), "content": "x"}])
        with pytest.raises(TreeError, match="is not octal"):
            bench.make(files=[f | {"mode": "rw-r--r--"}])
        with pytest.raises(TreeError, match="there is no user 'nobody-here'"):
            bench.make(files=[f | {"owner": "nobody-here"}])

    def test_nothing_is_written_when_a_folder_is_missing(self, bench: Bench) -> None:
        with pytest.raises(TreeError, match="there is no folder"):
            bench.make(files=[{"path": bench.path("a"), "content": "x"}, {"path": bench.path("no/b"), "content": "x"}])
        assert not list(bench.root.iterdir())


class TestValidators:
    def test_what_is_refused_is_not_written(self, bench: Bench) -> None:
        item = {"path": bench.path("f.conf"), "validate": "grep -q good %s"}
        bench.run(files=[item | {"content": "good\n"}])
        with pytest.raises(TreeError, match=r"the new content is refused by 'grep -q good %s'"):
            bench.make(files=[item | {"content": "bad\n"}])
        assert (bench.root / "f.conf").read_text() == "good\n"
        assert [path.name for path in bench.root.iterdir()] == ["f.conf"]

    def test_output_is_shown_unless_the_file_is_secret(self, bench: Bench) -> None:
        item = {"path": bench.path("f"), "validate": "sh -c 'cat $0 >&2; exit 1' %s", "content": SECRET}
        with pytest.raises(TreeError, match=SECRET):
            bench.make(files=[item])
        with pytest.raises(TreeError, match="because the file is secret") as caught:
            bench.make(secret_files=[item])
        assert SECRET not in str(caught.value)
        assert not list(bench.root.iterdir())

    def test_reads_the_new_content_of_the_other_files(self, bench: Bench) -> None:
        main = {"path": bench.path("a"), "content": "", "validate": f"test -s {bench.path('b')} -a -f %s"}
        bench.run(files=[main, {"path": bench.path("b"), "content": "x"}])

    def test_without_a_place_for_the_file(self, bench: Bench) -> None:
        with pytest.raises(TreeError, match="lacks %s"):
            bench.make(files=[{"path": bench.path("f"), "content": "x", "validate": "true"}])


class TestLeftovers:
    def test_of_a_killed_run_are_removed_with_the_secret_in_them(self, bench: Bench) -> None:
        wanted = {"secret_files": [{"path": bench.path("s"), "content": SECRET}]}
        bench.run(**wanted)
        left = Path(atomic.temporary(bench.path("s")))
        left.write_text("old secret")
        bench.make(**wanted)
        assert not left.exists()

    def test_a_damaged_manifest_removes_nothing(self, bench: Bench) -> None:
        wanted = {"files": [{"path": bench.path("f"), "content": "x"}]}
        bench.run(**wanted)
        (bench.state / "trees/trial.json").write_text("{ damaged")
        assert not bench.run()["changed"]
        assert (bench.root / "f").exists()

    def test_records_are_for_root_alone(self, bench: Bench) -> None:
        bench.run(files=[{"path": bench.path("f"), "content": "x"}])
        assert (bench.state / "trees").stat().st_mode & 0o777 == 0o700
        assert (bench.state / "trees/trial.json").stat().st_mode & 0o777 == 0o600
