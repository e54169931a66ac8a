"""Files that cannot be read as what they should be: at the exact line, within bounds."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest

from collab_stack.site.source import LARGEST

if TYPE_CHECKING:
    from tests.unit.site.sites import SiteDir

FILES = {
    "BOM": (codecs.BOM_UTF8 + b"domain: x\n", 1, "byte order mark"),
    "UTF-16": ("domain: x\n".encode("utf-16"), 1, "UTF-16"),
    "Latin-1": ("domain: x\norganisation:\n  name: Malmö\n".encode("latin-1"), 3, "0xf6 is not UTF-8"),
    "empty": (b"", 1, "the file is empty"),
    "blank": (b" \n\n", 1, "the file is empty"),
    "comments alone": (b"# nothing\n", 1, "nothing but comments"),
    "null": (b"---\n", 1, "the file is empty"),
    "a list": (b"- domain\n", 1, "a list is not a group of keys"),
    "zero byte": (b"domain: x\nmail: \0\n", 2, "control character"),
    "next line character": ("domain: x\nmail: \x85\n".encode(), 2, "line break"),
    "ten thousand levels": (b"domain: " + b"[" * 10000 + b"]" * 10000, 1, "nested more than 20 deep"),
    "ten thousand block levels": (b"- " * 10000, 1, "nested more than 20 deep"),
    "many values": (b"a:\n" + b"- 1\n" * 30000, 19999, "more than 20000 values"),
    "aliases that explode": (
        b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (c + 1, c + 1, c, c) for c in range(97, 120)),
        1,
        "an anchor (&a)",
    ),
    "key that is a list": (b"? [a]\n: 1\n", 1, "a key is not text"),
    "key that is a number": (b"domain: x\n1: 2\n", 2, "a key is not text"),
}


@pytest.mark.parametrize("file", ["site.yml", "hosts.yml", "images.lock"])
@pytest.mark.parametrize("name", FILES)
def test_unreadable_file(site: SiteDir, name: str, file: str) -> None:
    content, line, message = FILES[name]
    (site.path / file).write_bytes(content)
    report = site.check()
    assert not report.ok
    found = [finding for finding in report.findings if finding.file == file]
    assert [(finding.line, finding.severity) for finding in found] == [(line, "error")]
    assert message in found[0].message
    assert found[0].mend


@pytest.mark.parametrize("file", ["site.yml", "hosts.yml", "secrets.yml", "images.lock", "tls/chain.pem"])
def test_large_file_is_not_read(site: SiteDir, file: str) -> None:
    with (site.path / file).open("wb") as stream:
        stream.truncate(50 * 1024 * 1024)  # sparse: costs the test nothing, and reading it would cost the check much
    report = site.check()
    assert any("50.0 MiB; at most 1 MiB" in finding.message for finding in report.findings)
    assert LARGEST == 1024 * 1024


@pytest.mark.parametrize("file", ["site.yml", "hosts.yml"])
def test_missing_file(site: SiteDir, file: str) -> None:
    (site.path / file).unlink()
    found = site.check().findings
    assert [(finding.file, finding.line, finding.message) for finding in found] == [(file, None, "the file is missing")]
    assert "--site" in found[0].mend


def test_file_that_is_a_folder_or_a_device(site: SiteDir) -> None:
    (site.path / "site.yml").unlink()
    (site.path / "site.yml").symlink_to("/dev/zero")
    (site.path / "hosts.yml").unlink()
    (site.path / "hosts.yml").mkdir()
    found = site.check().findings
    assert [finding.file for finding in found] == ["site.yml", "hosts.yml"]
    assert all("not a regular file" in finding.message for finding in found)


def test_no_such_directory(site: SiteDir) -> None:
    report = type(site)(site.path / "nowhere", site.password_file).check()
    assert not report.ok
    assert [finding.message for finding in report.findings] == ["there is no such directory"]
    assert "collab-stack init" in report.findings[0].mend
