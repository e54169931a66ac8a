"""`check` as people and as programs see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.unit.cli.conftest import Result
    from tests.unit.site.sites import SiteDir


def test_valid(cli: Callable[..., Result], site: SiteDir) -> None:
    assert cli("check").out == "The site for agency.example is valid: 2 hosts.\n"
    assert cli("check", "--json").json == {"ok": True, "findings": []}


def test_invalid_for_programs(cli: Callable[..., Result], site: SiteDir) -> None:
    site.replace("site.yml", "realm: agency", "realm: Agency")
    result = cli("check", "--json")
    assert result.code == 3
    assert result.json["ok"] is False
    assert result.json["findings"] == [
        {
            "file": "site.yml",
            "line": 26,
            "key": "sso.realm",
            "severity": "error",
            "message": "`Agency` does not have the form that is needed here",
            "mend": "Keycloak's realm; part of the login URLs, so fixed by the first deploy. Never `master`; "
            "for example agency",
        }
    ]
    assert result.json["error"]["code"] == "site-invalid"
    assert result.json["error"]["message"].startswith("site.yml:26: sso.realm: ")


def test_invalid_for_people(cli: Callable[..., Result], site: SiteDir) -> None:
    site.replace("site.yml", "  relay:", "  rely: x\n  relay:")
    result = cli("check")
    assert result.code == 3
    assert result.out == ("site.yml:17: mail.rely: error: unknown key `rely`\n    did you mean `relay`?\n")
    assert result.err == "1 error; nothing was touched.\n"


def test_no_password(cli: Callable[..., Result], site: SiteDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLLAB_VAULT_PASSWORD_FILE")
    result = cli("check", "--json")
    assert result.code == 3
    assert [(each["file"], each["line"]) for each in result.json["findings"]] == [("secrets.yml", 1)]
    assert "--vault-password-file" in result.json["findings"][0]["mend"]


def test_directory_that_is_no_site(cli: Callable[..., Result]) -> None:
    result = cli("check", "--site", "nowhere", "--json")
    assert (result.code, result.json["ok"]) == (3, False)
    assert cli("check", "--json").code == 3


def test_many_findings_are_counted(cli: Callable[..., Result], site: SiteDir) -> None:
    rows = "".join(f"zz{number}: 1\n" for number in range(150))
    (site.path / "site.yml").write_text(site.text("site.yml") + rows, encoding="utf-8")
    result = cli("check")
    assert result.err == "150 errors; nothing was touched.\n"
    assert result.out.endswith("… and 50 more\n")
