"""Everything that is refused: one finding each, at the exact line, and what would be right."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from collab_stack.site.findings import errors
from tests.unit.site.edits_hosts import HOSTS_EDITS
from tests.unit.site.edits_site import SITE_EDITS

if TYPE_CHECKING:
    from tests.unit.site.sites import SiteDir


def fingerprint(site: SiteDir) -> dict[str, str]:
    """Return a hash of each file below the site."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in site.path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [*SITE_EDITS, *HOSTS_EDITS])
def test_refusal(site: SiteDir, name: str) -> None:
    edit = SITE_EDITS.get(name) or HOSTS_EDITS[name]
    site.replace(edit.file, edit.old, edit.new)
    before = fingerprint(site)
    report = site.check()
    assert not report.ok
    found = errors(report.findings)
    assert [(f.file, f.line, f.key) for f in found] == [(edit.file, site.line(edit.file, edit.at), edit.key)]
    finding = found[0]
    assert edit.message in finding.message
    assert edit.mend in finding.mend
    assert fingerprint(site) == before


def test_valid_site_has_no_finding(site: SiteDir) -> None:
    report = site.check()
    assert report.ok
    assert report.findings == ()


def test_every_error_of_a_file_is_told_at_once(site: SiteDir) -> None:
    site.replace("site.yml", "language: sv", "language: xx")
    site.replace("site.yml", "realm: agency", "realm: 5")
    site.replace("hosts.yml", "ansible_port: 2222", "ansible_port: 0")
    found = {(finding.file, finding.key) for finding in site.check().findings}
    assert found == {
        ("site.yml", "organisation.language"),
        ("site.yml", "sso.realm"),
        ("hosts.yml", "all.hosts.host2.ansible_port"),
    }


def test_findings_are_bounded(site: SiteDir) -> None:
    rows = "".join(f"zz{number}: 1\n" for number in range(150))
    (site.path / "site.yml").write_text(site.text("site.yml") + rows, encoding="utf-8")
    report = site.check()
    assert (len(report.findings), report.more) == (100, 50)


def test_host_in_no_group_is_a_warning(site: SiteDir) -> None:
    site.replace("hosts.yml", "  children:", "    host3:\n      ansible_host: 10.20.1.13\n  children:")
    report = site.check()
    assert report.ok
    assert [(finding.severity, finding.key) for finding in report.findings] == [("warning", "all.hosts.host3")]


def test_waiver_of_an_unknown_probe(site: SiteDir) -> None:
    text = "waivers:\n  - id: tls.dayz\n    reason: a good reason, ticket 4711\n    expires: 2027-01-31\n"
    (site.path / "waivers.yml").write_text(text, encoding="utf-8")
    found = site.check().findings
    assert [(finding.file, finding.line) for finding in found] == [("waivers.yml", 2)]
    assert "tls.dayz" in found[0].message
