"""`init`: a whole site or none, with its own secrets, and the next step told."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from collab_stack.operations import init as operation
from collab_stack.site import authority, load, password, secrets
from collab_stack.site.pem import certificates, public_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result
    from tests.unit.site.sites import SiteDir


def test_new_site_is_valid_at_once(cli: Callable[..., Result], tmp_path: Path) -> None:
    made = cli("init", "new", "--domain", "kommun.example")
    assert made.code == 0
    assert made.out == ""
    assert "collab-stack check --site new" in made.err
    checked = cli("check", "--site", "new", "--json")
    assert (checked.code, checked.json) == (0, {"ok": True, "findings": []})
    site = load(tmp_path / "new", vault=password.find(tmp_path / "new"))
    assert site.config.domain == "kommun.example"
    assert site.config.mail.relay == "mail.kommun.example"


def test_vault_password_is_private_outside_and_told(cli: Callable[..., Result], tmp_path: Path) -> None:
    made = cli("init", "new", "--domain", "kommun.example", "--json").json
    path = tmp_path / made["vault_password_file"]
    assert path.is_relative_to(tmp_path / "home/.config/collab-stack/vault")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    value = path.read_text().strip()
    assert len(value) >= 40
    assert not any(value.encode() in file.read_bytes() for file in (tmp_path / "new").rglob("*") if file.is_file())


def test_files_of_a_new_site(cli: Callable[..., Result], tmp_path: Path) -> None:
    cli("init", "new", "--domain", "kommun.example")
    files = {str(path.relative_to(tmp_path / "new")) for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert files == {".gitignore", "hosts.yml", "secrets.yml", "site.yml", "tls/internal-ca.pem"}
    assert "/runs/" in (tmp_path / "new/.gitignore").read_text().splitlines()
    assert stat.S_IMODE((tmp_path / "new/secrets.yml").stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"home", "new"}


def test_two_sites_share_no_secret(cli: Callable[..., Result], tmp_path: Path) -> None:
    values = []
    for name in ("one", "two"):
        cli("init", name, "--domain", "kommun.example")
        values.append(secrets.load(tmp_path / name, password.find(tmp_path / name).secret))
    assert set(values[0]) == set(values[1])
    assert not set(values[0].values()) & set(values[1].values())
    certificate = certificates((tmp_path / "one" / authority.FILE).read_bytes())[0]
    assert certificate.public_key == public_key(values[0]["internal_ca_key"].encode())


def test_directory_that_is_not_empty_is_not_touched(cli: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/file").write_text("mine")
    result = cli("init", "new", "--domain", "kommun.example", "--json")
    assert result.code == 2
    assert result.json["error"]["code"] == "directory-taken"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
    assert not (tmp_path / "home").exists()


def test_empty_directory_and_missing_parents_are_fine(cli: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli("init", "empty", "--domain", "kommun.example").code == 0
    assert cli("init", "a/b/c", "--domain", "kommun.example").code == 0
    assert (tmp_path / "a/b/c/site.yml").is_file()


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("--domain", "https://kommun.example"), "domain-invalid", "without a scheme"),
        (("--domain", "kommun"), "domain-invalid", "agency.example"),
        (("--domain", "{{x}}.example"), "domain-invalid", "agency.example"),
        (("--domain", "kommun.example", "--from", "singel"), "example-unknown", "Did you mean `single`?"),
        (("--domain", "kommun.example", "--from", "./nowhere"), "example-unknown", "There is no example"),
    ],
)
def test_wrong_use(cli: Callable[..., Result], tmp_path: Path, words: tuple[str, ...], code: str, part: str) -> None:
    result = cli("init", "new", *words, "--json")
    assert (result.code, result.json["error"]["code"]) == (2, code)
    assert part in result.json["error"]["message"]
    assert list(tmp_path.iterdir()) == []


def test_own_example_and_given_password(cli: Callable[..., Result], site: SiteDir, tmp_path: Path) -> None:
    """A prepared site keeps what it says; only domain, secrets and internal CA are new."""
    words = ("--from", str(site.path), "--vault-password-file", str(site.password_file))
    made = cli("init", "new", "--domain", "lab.example", *words, "--json").json
    assert made["vault_password_file"] == str(site.password_file)
    assert made["wanted_secrets"] == ["directory_bind_password", "operator_become_password"]
    assert "collab-stack secrets set directory_bind_password --site new" in made["next"]
    text = (tmp_path / "new/site.yml").read_text()
    assert text == site.text("site.yml").replace("agency.example", "lab.example").replace(
        "dc=agency,dc=example", "dc=lab,dc=example"
    )
    assert (tmp_path / "new/tls/ca.pem").read_bytes() == (site.path / "tls/ca.pem").read_bytes()
    assert (tmp_path / "new" / authority.FILE).read_bytes() != (site.path / authority.FILE).read_bytes()
    assert not (tmp_path / "home").exists()


def test_domain_that_is_part_of_a_longer_one_is_kept(cli: Callable[..., Result], site: SiteDir, tmp_path: Path) -> None:
    site.replace("site.yml", "relay: mail.agency.example", "relay: mail.agency.example.org")
    site.replace("site.yml", "servers: [ntp.agency.example]", "servers: [ntp.our-agency.example]")
    cli("init", "new", "--domain", "lab.example", "--from", str(site.path))
    text = (tmp_path / "new/site.yml").read_text()
    assert "mail.agency.example.org" in text
    assert "ntp.our-agency.example" in text
    assert "domain: lab.example\n" in text


def test_invalid_example_is_refused_with_its_line(cli: Callable[..., Result], site: SiteDir, tmp_path: Path) -> None:
    site.replace("site.yml", "language: sv", "language: xx")
    result = cli("init", "new", "--domain", "lab.example", "--from", str(site.path))
    assert result.code == 3
    assert "site.yml:4: organisation.language" in result.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("at", ["_copy", "_secrets"])
def test_interrupted_init_leaves_nothing(
    cli: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    real = getattr(operation, at)

    def interrupted(*arguments: object) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(operation, at, interrupted)
    assert cli("init", "new", "--domain", "kommun.example").code == 130
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not (tmp_path / "new").exists()
