"""tls/: certificates fit names and time, keys fit certificates, and no key is in clear."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from collab_stack.site import authority as internal
from collab_stack.site import vault
from collab_stack.site.pem import certificates, public_key
from tests.unit.site.sites import NOW, PASSWORD, issue

if TYPE_CHECKING:
    from collab_stack.site import Finding
    from tests.unit.site.sites import Issued, SiteDir

NAMES = ("id.agency.example", "files.agency.example")


def install(site: SiteDir, leaf: Issued, *above: Issued) -> None:
    """Put a certificate with its chain and its encrypted key into the site."""
    (site.path / "tls/chain.pem").write_text("".join(each.pem() for each in (leaf, *above)), encoding="utf-8")
    (site.path / "tls/key.pem").write_text(vault.encrypt(leaf.key_pem().encode(), PASSWORD), encoding="utf-8")


def only(site: SiteDir) -> Finding:
    """Return the one finding of a site."""
    found = site.check().findings
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("names", [NAMES, ("*.agency.example",), ("FILES.agency.example", "*.agency.example")])
def test_names_that_fit(site: SiteDir, authority: Issued, names: tuple[str, ...]) -> None:
    install(site, issue(names, authority))
    assert site.check().findings == ()


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("id.agency.example",), "files.agency.example"),
        (("agency.example",), "id.agency.example, files.agency.example"),
        (("*.example",), "id.agency.example, files.agency.example"),
        (("*.id.agency.example", "files.agency.example"), "id.agency.example"),
        ((), "id.agency.example, files.agency.example"),
    ],
)
def test_names_that_do_not_fit(site: SiteDir, authority: Issued, names: tuple[str, ...], missing: str) -> None:
    install(site, issue(names, authority))
    finding = only(site)
    assert (finding.file, finding.line, finding.key) == (
        "site.yml",
        site.line("site.yml", "  certificate"),
        "tls.certificate",
    )
    assert finding.message.endswith(f"not for {missing}")
    assert "*.agency.example" in finding.mend


def test_name_of_a_service_that_is_not_ours_is_not_asked_for(site: SiteDir, authority: Issued) -> None:
    site.replace("site.yml", "  nextcloud:\n", "  nextcloud:\n    enabled: false\n")
    install(site, issue(["id.agency.example"], authority))
    assert site.check().ok


def test_expired(site: SiteDir, authority: Issued) -> None:
    install(site, issue(NAMES, authority, start=-400, days=365))
    finding = only(site)
    assert finding.key == "tls.certificate"
    assert f"`CN=leaf` has expired on {NOW - timedelta(days=35):%Y-%m-%d}" in finding.message


def test_not_yet_valid(site: SiteDir, authority: Issued) -> None:
    install(site, issue(NAMES, authority, start=5))
    assert f"is valid only from {NOW + timedelta(days=5):%Y-%m-%d}" in only(site).message


def test_ends_soon_is_a_warning(site: SiteDir, authority: Issued) -> None:
    install(site, issue(NAMES, authority, start=-340, days=365))
    report = site.check()
    assert report.ok
    assert [(finding.severity, finding.mend) for finding in report.findings] == [("warning", "renew it now")]


def test_key_of_another_certificate(site: SiteDir, authority: Issued) -> None:
    other = issue(NAMES, authority)
    (site.path / "tls/key.pem").write_text(vault.encrypt(other.key_pem().encode(), PASSWORD), encoding="utf-8")
    finding = only(site)
    assert (finding.line, finding.key) == (site.line("site.yml", "  key: tls"), "tls.key")
    assert finding.message == "tls/key.pem is not the key of tls/chain.pem"


def test_key_in_clear(site: SiteDir, authority: Issued) -> None:
    leaf = issue(NAMES, authority)
    install(site, leaf)
    (site.path / "tls/key.pem").write_text(f"# our key\n{leaf.key_pem()}", encoding="utf-8")
    finding = only(site)
    assert (finding.file, finding.line) == ("tls/key.pem", 2)
    assert finding.message == "this private key is in clear"
    assert "ansible-vault encrypt tls/key.pem" in finding.mend


def test_key_in_clear_that_nothing_refers_to(site: SiteDir, authority: Issued) -> None:
    (site.path / "tls/old.pem").write_text(issue(NAMES, authority).key_pem(), encoding="utf-8")
    assert only(site).file == "tls/old.pem"


def test_key_under_another_password(site: SiteDir, authority: Issued) -> None:
    leaf = issue(NAMES, authority)
    install(site, leaf)
    (site.path / "tls/key.pem").write_text(vault.encrypt(leaf.key_pem().encode(), b"other"), encoding="utf-8")
    finding = only(site)
    assert finding.message == "the vault password does not fit tls/key.pem"
    assert "rekey" in finding.mend


@pytest.mark.parametrize(
    "content", ["no key", "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"]
)
def test_key_file_without_a_key(site: SiteDir, content: str) -> None:
    (site.path / "tls/key.pem").write_text(vault.encrypt(content.encode(), PASSWORD), encoding="utf-8")
    assert "holds no usable private key" in only(site).message


def test_key_file_that_is_no_vault(site: SiteDir) -> None:
    (site.path / "tls/key.pem").write_text("nothing", encoding="utf-8")
    assert only(site).message == "tls/key.pem is no ansible-vault file"


def test_missing_files(site: SiteDir) -> None:
    for name in ("chain.pem", "ca.pem"):
        (site.path / "tls" / name).unlink()
    found = site.check().findings
    assert {(finding.file, finding.key) for finding in found} == {
        ("site.yml", "tls.certificate"),
        ("site.yml", "tls.ca"),
        ("site.yml", "sso.directory.ca"),
    }
    assert all("the file is missing" in finding.message for finding in found)


def test_chain_in_the_wrong_order(site: SiteDir, authority: Issued) -> None:
    leaf = issue(NAMES, authority)
    install(site, leaf, issue([]))
    messages = [finding.message for finding in site.check().findings]
    assert messages == [
        "tls/chain.pem: `CN=leaf` is not signed by `CN=Test CA`, which comes next",
        "tls/ca.pem has not signed `CN=Test CA`, the last certificate of tls/chain.pem",
    ]


def test_ca_that_is_none(site: SiteDir, authority: Issued) -> None:
    (site.path / "tls/other.pem").write_text(issue(["x.example"], authority).pem(), encoding="utf-8")
    site.replace("site.yml", "    ca: tls/ca.pem", "    ca: tls/other.pem")
    finding = only(site)
    assert (finding.key, finding.message) == ("sso.directory.ca", "tls/other.pem: `CN=leaf` is no CA")


def test_certificate_file_with_something_else(site: SiteDir) -> None:
    (site.path / "tls/ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "utf-8")
    assert {finding.key for finding in site.check().findings} == {"tls.ca", "sso.directory.ca"}


def test_internal_ca_is_checked_against_its_key(site: SiteDir) -> None:
    _, other = internal.create("Other", "other.example", now=NOW)
    (site.path / internal.FILE).write_text(other, encoding="utf-8")
    finding = only(site)
    assert (finding.file, finding.line) == (internal.FILE, 1)
    assert "does not belong to the secret `internal_ca_key`" in finding.message


def test_internal_ca_that_has_expired(site: SiteDir) -> None:
    late = NOW + timedelta(days=365 * 12)
    messages = [finding.message for finding in site.check(late).findings]
    assert any(message.startswith("the internal CA has expired on ") for message in messages)


def test_internal_ca_lasts_ten_years_and_signs_leaves_only() -> None:
    key, pem = internal.create("Agency", "agency.example", now=NOW)
    certificate = certificates(pem.encode())[0]
    assert certificate.is_ca
    assert certificate.public_key == public_key(key.encode())
    assert certificate.end - certificate.start == timedelta(days=3650)
    assert key.startswith("-----BEGIN PRIVATE KEY-----")


def test_internal_ca_keeps_its_key_when_its_certificate_was_lost() -> None:
    key, pem = internal.create("Agency", "agency.example", now=NOW)
    again, renewed = internal.create("Agency", "agency.example", key_pem=key, now=NOW)
    assert again == key
    assert certificates(renewed.encode())[0].public_key == certificates(pem.encode())[0].public_key
