"""What the first deploy has fixed is recorded, and a site that changes it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from collab_stack.site import SiteError, fixed, load

if TYPE_CHECKING:
    from collab_stack.site import SiteConfig
    from tests.unit.site.sites import SiteDir

CHANGES = {
    "sso.realm": ("realm: agency", "realm: other", "  realm:"),
    "sso.directory.identity": ("identity: entryUUID", "identity: uid", "    identity:"),
    "services.nextcloud.storage.kind": (
        "kind: local",
        "kind: s3\n      hostname: s3.agency.example\n      bucket: files\n      access_key: key",
        "kind: s3",
    ),
    "storage.data_dir": ("mail:", "storage:\n  data_dir: /data\nmail:", "  data_dir:"),
}


def test_a_site_that_was_never_deployed_may_change(site: SiteDir) -> None:
    site.replace("site.yml", "identity: entryUUID", "identity: uid")
    assert site.check().ok


@pytest.mark.parametrize("key", CHANGES)
def test_change_after_the_first_deploy(site: SiteDir, key: str) -> None:
    assert fixed.record(site.path, load(site.path).config)
    assert site.check().ok
    old, new, at = CHANGES[key]
    site.replace("site.yml", old, new)
    # Another storage needs another secret as well, which is a finding of its own.
    found = [finding for finding in site.check().findings if "secret" not in finding.message]
    assert [(finding.file, finding.line, finding.key) for finding in found] == [
        ("site.yml", site.line("site.yml", at), key)
    ]
    assert "the first deploy has fixed this as" in found[0].message
    assert "set it back to" in found[0].mend


def test_removing_a_key_falls_back_to_a_default_that_is_compared_too(site: SiteDir) -> None:
    site.replace("site.yml", "  realm: agency\n", "  realm: staff\n")
    fixed.record(site.path, load(site.path).config)
    site.replace("site.yml", "  realm: staff\n", "")
    found = site.check().findings
    assert [(finding.key, finding.line) for finding in found] == [("sso.realm", site.line("site.yml", "sso:"))]


def test_recording_twice_changes_nothing(site: SiteDir) -> None:
    config = load(site.path).config
    assert fixed.record(site.path, config) is True
    text = site.text(fixed.FILE)
    assert fixed.record(site.path, config) is False
    assert site.text(fixed.FILE) == text
    assert fixed.read(site.path) == (fixed.of(config), [])


def test_a_deploy_cannot_overwrite_the_record(site: SiteDir) -> None:
    fixed.record(site.path, load(site.path).config)
    site.replace("site.yml", "realm: agency", "realm: other")
    with pytest.raises(SiteError, match="the first deploy has fixed this as `agency`"):
        fixed.record(site.path, _config_without_record(site))
    assert 'realm: "agency"' in site.text(fixed.FILE)


def _config_without_record(site: SiteDir) -> SiteConfig:
    record = site.path / fixed.FILE
    kept = record.read_text(encoding="utf-8")
    record.unlink()
    config = load(site.path).config
    record.write_text(kept, encoding="utf-8")
    return config


def test_a_service_that_comes_later_is_added(site: SiteDir) -> None:
    site.replace("site.yml", "  nextcloud:\n", "  nextcloud:\n    enabled: false\n")
    fixed.record(site.path, load(site.path).config)
    assert "nextcloud_storage" not in site.text(fixed.FILE)
    site.replace("site.yml", "    enabled: false\n", "")
    assert fixed.record(site.path, load(site.path).config)
    assert 'nextcloud_storage: "local"' in site.text(fixed.FILE)


def test_a_damaged_record_is_refused(site: SiteDir) -> None:
    (site.path / fixed.FILE).write_text("realm: agency\nother: x\n", encoding="utf-8")
    found = site.check().findings
    assert [(finding.file, finding.line) for finding in found] == [(fixed.FILE, 2)]
    with pytest.raises(SiteError):
        load(site.path)
