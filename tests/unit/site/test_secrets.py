"""secrets.yml: what its plaintext may be, and that no message repeats a secret."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab_stack.site import SiteError, secrets, vault
from tests.unit.site.sites import PASSWORD
from tests.unit.site.test_fuzz import EXAMPLES, mutate_bytes

if TYPE_CHECKING:
    from tests.unit.site.sites import SiteDir

SENTINEL = "Xq7SENTINELv9"

PLAIN = {
    "number": ("collab_secrets:\n  a: 12345678\n", 2, "the value is not text"),
    "truth": ("collab_secrets:\n  a: true\n", 2, "the value is not text"),
    "bare no": ("collab_secrets:\n  a: no\n", 2, "YAML reads a bare `…`"),
    "empty value": ("collab_secrets:\n  a: ''\n", 2, "the value is empty"),
    "alias": (f"collab_secrets:\n  a: *{SENTINEL}\n", 2, "an alias (…)"),
    "anchor": (f"collab_secrets:\n  a: &{SENTINEL} x\n", 2, "an anchor (…)"),
    "tag": (f"collab_secrets:\n  a: !{SENTINEL} x\n", 2, "a YAML tag (…)"),
    "expression": (f"collab_secrets:\n  a: '{{{{ {SENTINEL} }}}}'\n", 2, "which Ansible would evaluate"),
    "lines": (f"collab_secrets:\n  a: |\n    {SENTINEL}\n    x\n", 2, "several lines"),
    "control character": (f'collab_secrets:\n  a: "{SENTINEL}\\x07"\n', 2, "control character"),
    "twice": (f"collab_secrets:\n  a: {SENTINEL}\n  a: x\n", 3, "`a` is given twice"),
    "tab": (f"collab_secrets:\n\ta: {SENTINEL}\n", 2, "a tab"),
    "bad name": (f"collab_secrets:\n  {SENTINEL}: x\n", 2, "small letters"),
    "secret at the top": (f"{SENTINEL}: x\ncollab_secrets: {{}}\n", 1, "nothing but `collab_secrets`"),
    "no root": ("# nothing\nother: {}\n", 2, "nothing but"),
    "list": (f"collab_secrets: [{SENTINEL}]\n", 1, "is needed"),
    "empty": ("\n", 1, "is empty"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plaintext_that_is_refused(site: SiteDir, name: str) -> None:
    text, line, message = PLAIN[name]
    (site.path / "secrets.yml").write_text(vault.encrypt(text.encode(), PASSWORD), encoding="utf-8")
    found = [finding for finding in site.check().findings if finding.file == "secrets.yml"]
    assert (found[0].line, found[0].severity) == (line, "error")
    assert message in found[0].message
    assert found[0].mend
    assert not any(SENTINEL in f"{finding.message}{finding.mend}{finding.key}" for finding in found)


@settings(max_examples=EXAMPLES // 3, deadline=None, database=None)
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_mutated_plaintext_never_shows_a_value(seed: int) -> None:
    text = "".join(f"  name_{number}: {SENTINEL}\n" for number in range(4))
    content = mutate_bytes(f"collab_secrets:\n{text}".encode(), random.Random(seed)).decode("utf-8", errors="replace")
    values, findings = secrets.parse_plain(content)
    assert (values is None) == bool(findings)
    assert not any(SENTINEL in finding.message + finding.mend for finding in findings)


def test_in_clear(site: SiteDir) -> None:
    (site.path / "secrets.yml").write_text("collab_secrets: {}\n", encoding="utf-8")
    finding = site.check().findings[0]
    assert (finding.file, finding.line, finding.message) == ("secrets.yml", 1, "the secrets are not encrypted")
    assert "ansible-vault encrypt" in finding.mend


def test_wrong_vault_password(site: SiteDir) -> None:
    wrong = site.path.parent / "wrong"
    wrong.write_text("wrong", encoding="utf-8")
    report = type(site)(site.path, wrong).check()
    assert [(finding.file, finding.line) for finding in report.findings] == [("secrets.yml", 1)]
    assert report.findings[0].message == "the vault password does not fit"
    assert "--vault-password-file" in report.findings[0].mend


def test_damaged(site: SiteDir) -> None:
    (site.path / "secrets.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n", encoding="utf-8")
    assert "damaged vault file" in site.check().findings[0].message


def test_missing_file(site: SiteDir) -> None:
    (site.path / "secrets.yml").unlink()
    finding = site.check().findings[0]
    assert (finding.file, finding.message) == ("secrets.yml", "the file is missing")
    assert "secrets add-missing" in finding.mend


def test_missing_generated_secret(site: SiteDir) -> None:
    values = secrets.load(site.path, PASSWORD)
    del values["nextcloud_admin_password"]
    secrets.write(site.path, values, PASSWORD, None)
    found = site.check().findings
    assert [(finding.file, finding.key) for finding in found] == [
        ("secrets.yml", "collab_secrets.nextcloud_admin_password")
    ]
    assert "secrets add-missing" in found[0].mend


def test_missing_supplied_secret_is_told_where_the_site_asks_for_it(site: SiteDir) -> None:
    values = secrets.load(site.path, PASSWORD)
    del values["directory_bind_password"]
    secrets.write(site.path, values, PASSWORD, None)
    found = site.check().findings
    assert [(finding.file, finding.line) for finding in found] == [("site.yml", site.line("site.yml", "bind_dn"))]
    assert "secrets set directory_bind_password" in found[0].mend


def test_render_round_trip() -> None:
    values = {"a": "x: #'\"\\ö", "internal_ca_key": "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"}
    assert secrets.parse_plain(secrets.render(values)) == (values, [])
    assert secrets.parse_plain(secrets.render({})) == ({}, [])


def test_generated_secrets_are_alphanumeric_and_differ() -> None:
    values = {secrets.generate("nextcloud_admin_password") for _ in range(50)}
    assert len(values) == 50
    assert all(len(value) == 32 and value.isascii() and value.isalnum() for value in values)


def test_unreadable_secrets_raise(site: SiteDir) -> None:
    with pytest.raises(SiteError) as raised:
        secrets.load(site.path, b"wrong")
    assert raised.value.exit_code == 3
    assert "secrets.yml:1" in raised.value.message


def test_secrets_are_written_for_the_owner_alone(site: SiteDir) -> None:
    assert (site.path / "secrets.yml").stat().st_mode & 0o777 == 0o600
    secrets.write(site.path, {"a": "b"}, PASSWORD, "label")
    assert (site.path / "secrets.yml").stat().st_mode & 0o777 == 0o600
    assert vault.label(site.text("secrets.yml")) == "label"
    assert not list(site.path.glob(".secrets*"))
