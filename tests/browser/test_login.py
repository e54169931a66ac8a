"""What people see: a login in their language, their own files, a logout that ends the session, and clear refusals."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import browser as chromium
from tests.browser.chromium import log_in, person, totp, trust, visit
from tests.lab.keycloak import forget_second_factor
from tests.lab.stack import Stack

FILES = "https://files.agency.example/"
LOGIN = "https://id.agency.example/realms/agency/"
OCC = "docker exec --user 33 collab-nextcloud php /var/www/html/occ"


@pytest.fixture(scope="module")
def browser(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that trusts the site's CA."""
    home = tmp_path_factory.mktemp("browser")
    trust(home, stack.directory / "tls" / "internal-ca.pem")
    with chromium(home, str(stack.lab.state.layout.address("host1"))) as made:
        yield made


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages are kept until the next sessions."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def page(browser: Browser, pictures: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window without history."""
    with person(browser, pictures, request.node.name) as made:
        yield made


def password(stack: Stack, name: str) -> str:
    """Return a person's password in the agency's directory."""
    return stack.lab.state.people[name]


def test_totp_is_as_the_standard_says() -> None:
    # RFC 6238, appendix B, the last six of its eight digits.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [totp(secret, now) for now in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


def test_a_browser_that_does_not_know_the_ca_refuses(stack: Stack, tmp_path: Path) -> None:
    """So the other tests really check the certificate."""
    (tmp_path / ".pki").mkdir()
    with chromium(tmp_path, str(stack.lab.state.layout.address("host1"))) as stranger:
        page = stranger.new_page()
        with pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
            visit(page, FILES)


def test_a_user_logs_in_and_lands_on_the_files(stack: Stack, page: Page) -> None:
    visit(page, FILES)
    assert page.url.startswith(LOGIN)
    assert page.locator("html").get_attribute("lang") == "sv"
    assert page.locator("#kc-login").inner_text() == "Logga in"
    log_in(page, "bertil", password(stack, "bertil"))
    page.wait_for_url(re.compile(r"https://files\.agency\.example/.*apps/(files|dashboard)"))
    assert "Bertil Öberg" in page.content()
    assert stack.lab.state.people["bertil"] not in page.content()


def test_a_logout_ends_the_session(stack: Stack, page: Page) -> None:
    visit(page, FILES)
    log_in(page, "bertil", password(stack, "bertil"))
    page.wait_for_url(re.compile("apps/(files|dashboard)"))
    page.click("#logout")
    page.wait_for_load_state()
    visit(page, FILES)
    page.wait_for_url(re.compile(re.escape(LOGIN)))
    assert page.locator("#password").is_visible(), "the session at Keycloak went on"


def test_a_wrong_password_is_refused_in_swedish(page: Page) -> None:
    visit(page, FILES)
    log_in(page, "bertil", "not-the-password")
    assert page.url.startswith(LOGIN)
    assert page.locator("#input-error-username").inner_text().strip() == "Ogiltigt användarnamn eller lösenord."


def test_who_is_in_no_group_gets_nothing(stack: Stack, page: Page) -> None:
    visit(page, FILES)
    log_in(page, "gustav", password(stack, "gustav"))
    assert page.url.startswith(LOGIN)
    assert "Ditt konto får inte använda de här tjänsterna. Kontakta it@agency.example." in page.content()
    visit(page, f"{FILES}index.php/apps/files/")
    assert page.url.startswith(LOGIN), "a session was opened for him"


def test_an_administrator_sets_up_a_second_factor(stack: Stack, page: Page) -> None:
    forget_second_factor(stack, "anna")
    visit(page, FILES)
    log_in(page, "anna", password(stack, "anna"))
    assert page.url.startswith(LOGIN)
    page.click("#mode-manual")
    secret = page.locator("#kc-totp-secret-key").inner_text()
    page.fill("#totp", totp(secret))
    page.fill("#userLabel", "telefon")
    page.click("#saveTOTPBtn")
    page.wait_for_url(re.compile("apps/(files|dashboard)"))
    assert "Anna Ahlgren" in page.content()
    assert is_administrator(stack, "Anna Ahlgren")
    assert not is_administrator(stack, "Bertil Öberg")


def test_her_password_alone_is_not_enough_from_then_on(stack: Stack, page: Page) -> None:
    visit(page, FILES)
    log_in(page, "anna", password(stack, "anna"))
    page.fill("#otp", "000000")
    page.click("#kc-login")
    page.wait_for_load_state()
    assert page.locator("#otp").is_visible()
    assert page.url.startswith(LOGIN)


def is_administrator(stack: Stack, name: str) -> bool:
    """Say whether somebody administers Nextcloud."""
    members = json.loads(stack.host.sh(f"{OCC} group:list --output=json"))["admin"]
    users = json.loads(stack.host.sh(f"{OCC} user:list --output=json"))
    return any(users.get(member) == name for member in members)


def test_people_read_in_swedish_that_a_service_is_down(stack: Stack, page: Page) -> None:
    stack.host.sh("systemctl stop collab-nextcloud.service collab-web.service")
    try:
        begin = time.monotonic()
        while (response := visit(page, FILES)).status != 503:
            assert time.monotonic() - begin < 30, response.status
            time.sleep(1)
        assert page.locator("html").get_attribute("lang") == "sv"
        assert "Tjänsten är inte tillgänglig just nu" in page.content()
    finally:
        stack.host.sh("systemctl start collab-nextcloud.service collab-web.service")
        stack.green()
