"""A real Chromium that trusts what a managed desktop of the agency trusts, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from collab_stack.lab.layout import DOMAIN

EXECUTABLE = "/usr/bin/chromium"
PATIENCE_MS = 30_000
"""Pages take their time on a busy machine."""


def trust(home: Path, certificate: Path) -> None:
    """Put a CA into the certificate store that Chromium reads in a home (NSS, by `certutil` of libnss3-tools)."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for words in (("-N", "--empty-password"), ("-A", "-n", "site", "-t", "C,,", "-i", str(certificate))):
        subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True, capture_output=True, timeout=60)


@contextmanager
def browser(home: Path, edge: str) -> Iterator[Browser]:
    """Run a browser whose home is ``home`` and whose resolver knows the agency's names.

    :param edge: address that all names below the domain lead to.
    """
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=EXECUTABLE,
            args=[f"--host-resolver-rules=MAP *.{DOMAIN} {edge}", "--no-sandbox", "--disable-dev-shm-usage"],
            env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )
        try:
            yield made
        finally:
            made.close()


@contextmanager
def person(browser: Browser, pictures: Path, name: str) -> Iterator[Page]:
    """Open a window without history for somebody in Sweden; a picture of its end is kept for people to look at."""
    context: BrowserContext = browser.new_context(locale="sv-SE", viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    try:
        yield page
    finally:
        page.screenshot(path=str(pictures / f"{name}.png"))
        context.close()


def visit(page: Page, url: str) -> Any:  # noqa: ANN401 - a Response, or None
    """Open a page; once more when the machine's own networks changed meanwhile, as other labs come and go."""
    for attempt in range(3):
        try:
            return page.goto(url)
        except Error as error:
            if "ERR_NETWORK_CHANGED" not in str(error) or attempt == 2:
                raise
            time.sleep(1)
    return None


def log_in(page: Page, name: str, password: str) -> None:
    """Fill Keycloak's login form and send it."""
    page.fill("#username", name)
    page.fill("#password", password)
    page.click("#kc-login")
    page.wait_for_load_state()


def totp(secret: str, now: float | None = None) -> str:
    """Return the code of an authenticator app (RFC 6238: SHA-1, six digits, 30 s).

    :param secret: in base32, as the page shows it.
    """
    key = base64.b32decode(secret.replace(" ", "").upper() + "=" * (-len(secret.replace(" ", "")) % 8))
    counter = struct.pack(">Q", int((time.time() if now is None else now) // 30))
    digest = hmac.new(key, counter, hashlib.sha1).digest()
    start = digest[-1] & 0xF
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"
