"""Whatever a site holds, a check ends with findings and never with a traceback.

300 mutated sites by default, as many as ``COLLAB_FUZZ`` says where there is time for more.
"""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collab_stack.operations.check import Report
from tests.unit.site.sites import HOSTS, NOW, SITE, SiteDir

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = int(os.environ.get("COLLAB_FUZZ", "300"))

LOCK = """\
images:
  keycloak:
    reference: registry.agency.example/keycloak/keycloak:26.7.4
    digest: sha256:1111111111111111111111111111111111111111111111111111111111111111
    version: "26.7.4"
    locked: "2026-11-25T01:02:03Z"
artifacts: {}
"""
TEXTS = {"site.yml": SITE, "hosts.yml": HOSTS, "images.lock": LOCK}
OTHERS = ["secrets.yml", "tls/chain.pem", "tls/ca.pem", "tls/key.pem", "tls/internal-ca.pem"]

ODD: list[Any] = [
    *("{{ 1 }}", "{% x %}", "no", "~", "", " ", "é", "\x07", "\ud7ff", "a" * 5000, "2026-01-01", "0x10", "1e400", "-0"),
    *(
        "!!python/object:os.system x",
        "&a",
        "*a",
        "../../etc/passwd",
        "https://x",
        "10.0.0.0/8",
        "::/0",
        "255.255.255.255",
    ),
    *(None, True, False, 0, -1, 2**70, 1.5, float("inf"), [], {}, [[]], {"a": {"b": []}}, [None], {"": ""}, {"<<": {}}),
]
TOKENS = [
    *(b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\xc2\x85", b"\xe2\x80\xa8", b"---\n", b"...\n", b"%YAML 1.2\n"),
    *(
        b": ",
        b"- ",
        b"? ",
        b"&a ",
        b"*a ",
        b"!x ",
        b"!!set ",
        b"<<: ",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"'",
        b"|\n",
        b">-\n",
    ),
    *(
        b"#",
        b"\n",
        b"    ",
        b"{{",
        b"%}",
        b"\\",
        b"\\ud800",
        b"\\x00",
        b"no",
        b"0777",
        b"1_000",
        b"12:30",
        b"\xf0\x9f\x98\x80",
    ),
]


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything inside plain data."""
    found = [path] if path else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        found += places(member, (*path, key))
    return found


def mutate_values(text: str, source: random.Random) -> bytes:
    """Return a file with one to four of its values removed, replaced, renamed, doubled or moved."""
    data = yaml.safe_load(text)
    for _ in range(source.randint(1, 4)):
        path = source.choice(places(data) or [()])
        if not path:
            break
        parent = data
        for step in path[:-1]:
            parent = parent[step]
        last, action = path[-1], source.randrange(5)
        if action == 0:
            del parent[last]
        elif action == 1:
            parent[last] = copy.deepcopy(source.choice(ODD))  # later mutations change it in place
        elif action == 2 and isinstance(parent, dict):
            parent[source.choice([item for item in ODD if not isinstance(item, list | dict)])] = parent.pop(last)
        elif action == 3 and isinstance(parent, dict):
            name = str(last)
            cut = source.randrange(len(name) + 1)
            parent[name[:cut] + source.choice("abcxyz_-. ") + name[cut + 1 :]] = parent.pop(last)
        else:
            parent[last] = [parent[last], copy.deepcopy(parent[last])]
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False).encode("utf-8", errors="surrogatepass")


def mutate_bytes(content: bytes, source: random.Random) -> bytes:
    """Return a file with one to six places overwritten, cut, doubled or with something put in."""
    for _ in range(source.randint(1, 6)):
        start = source.randrange(len(content) + 1)
        end = min(len(content), start + source.randrange(40))
        middle = source.choice(
            [b"", content[start:end] * 2, source.choice(TOKENS), bytes(source.randrange(256) for _ in range(3))]
        )
        content = content[:start] + middle + content[end if source.random() < 0.5 else start :]
    return content


def well_formed(report: Report) -> None:
    """Every finding says where, what and what would be right."""
    assert report.ok == (not any(finding.severity == "error" for finding in report.findings))
    for finding in report.findings:
        assert finding.file
        assert finding.line is None or finding.line >= 1
        assert finding.message
        assert finding.mend
        assert (finding.key + finding.message + finding.mend).isprintable()
        assert len(finding.message) <= 600
        assert set(finding.as_json()) == {"file", "line", "key", "severity", "message", "mend"}


def originals(template: SiteDir) -> dict[str, bytes]:
    """Return every file that is mutated, as it is in a valid site."""
    others = {name: (template.path / name).read_bytes() for name in OTHERS}
    return {name: text.encode() for name, text in TEXTS.items()} | others


def write(site: SiteDir, files: dict[str, bytes]) -> None:
    """Overwrite files of a site."""
    for name, content in files.items():
        (site.path / name).write_bytes(content)


@pytest.fixture(scope="module")
def fuzzed(template: SiteDir, tmp_path_factory: pytest.TempPathFactory) -> SiteDir:
    """Return one site for all examples: each overwrites all that is mutated."""
    path: Path = tmp_path_factory.mktemp("fuzz") / "site"
    shutil.copytree(template.path, path)
    return SiteDir(path, template.password_file)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)
@given(seed=st.integers(min_value=0, max_value=2**64), kind=st.sampled_from(["values", "values", "bytes", "other"]))
def test_mutated_site_gives_findings(template: SiteDir, fuzzed: SiteDir, seed: int, kind: str) -> None:
    """Mutate the values or the bytes of site.yml or hosts.yml, or the bytes of another file."""
    source = random.Random(seed)
    name = source.choice(OTHERS if kind == "other" else list(TEXTS))
    files = originals(template)
    files[name] = mutate_values(TEXTS[name], source) if kind == "values" else mutate_bytes(files[name], source)
    write(fuzzed, files)
    report = fuzzed.check(NOW)
    well_formed(report)
    json.loads(json.dumps(report.as_json(), ensure_ascii=False).encode())


def test_site_is_valid_before_it_is_mutated(template: SiteDir, fuzzed: SiteDir) -> None:
    write(fuzzed, originals(template))
    assert fuzzed.check(NOW).findings == ()
