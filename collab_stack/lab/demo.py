"""`make demo`: a lab, and in it a deployment made by the commands that an operator types, told step by step.

Run again, it mends what is broken and changes nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from collab_stack.lab import state

if TYPE_CHECKING:
    from collections.abc import Sequence

LAB: Final = "demo"
DOMAIN: Final = "agency.example"


class StepFailedError(Exception):
    """A command that ended badly; its own words are on the screen already."""


class Demo:
    """The steps.

    :param directory: the site; made when it is missing.
    """

    def __init__(self, directory: Path) -> None:
        self._site = directory
        self._program = str(Path(sys.executable).with_name("collab-stack"))
        self._begin = time.monotonic()

    def run(self) -> None:
        """Do all steps.

        :raises StepFailedError: at the first that fails.
        """
        known = LAB in state.names()
        self._step("Build and start the lab", "lab", "up", "--name", LAB, "--start-engine")
        if self._site.exists() and not known:
            aside = self._site.with_name(f"{self._site.name}-{time.strftime('%Y%m%dT%H%M%S')}")
            self._say(f"{self._site} belongs to a lab that is gone; moved to {aside}")
            self._site.rename(aside)
        if not (self._site / "images.lock").exists():
            self._make_site()
        at = ("--site", str(self._site))
        self._step("Validate the site, touching no host", "check", *at)
        self._step("Deploy it", "deploy", *at)
        self._step("Do what a user does", "probe", *at)
        self._tell()

    def _make_site(self) -> None:
        at = ("--site", str(self._site))
        if not self._site.exists():
            with tempfile.TemporaryDirectory() as folder:
                example = str(Path(folder) / "example")
                self._step("Write down what the lab's agency has", "lab", "site", example, "--name", LAB)
                arguments = (str(self._site), "--domain", DOMAIN, "--from", example)
                self._step("Make a site from it, with secrets of its own", "init", *arguments)
        for secret in ("directory_bind_password", "host1_become_password"):
            value = self._output("lab", "secret", secret, "--name", LAB)
            self._step(f"Take over the agency's {secret}", "secrets", "set", secret, *at, stdin=value)
        self._step("Trust the host's key", "hosts", "trust", "--yes", *at)
        self._step("Lock the application archives", "artifacts", "lock", *at)
        self._step("Lock the images by digest", "images", "lock", *at)

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._begin:5.0f} s] {text}", flush=True)  # noqa: T201 - the demo's own output

    def _step(self, title: str, *words: str, stdin: str | None = None) -> None:
        self._say(f"{title}:  $ {shlex.join(('collab-stack', *words))}")
        begin = time.monotonic()
        done = subprocess.run([self._program, *words], input=stdin, text=True, check=False)
        if done.returncode:
            raise StepFailedError(f"{title} ended with {done.returncode}. Mend it and run `make demo` again.")
        self._say(f"{title}: done in {time.monotonic() - begin:.1f} s\n")

    def _output(self, *words: str) -> str:
        done = subprocess.run([self._program, *words], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise StepFailedError(f"{shlex.join(words)} ended with {done.returncode}")
        return done.stdout

    def _tell(self) -> None:
        status: dict[str, Any] = json.loads(self._output("lab", "status", "--name", LAB, "--json"))
        ca = self._site / "tls" / "internal-ca.pem"
        # Not an administrator: that one has to set up a second factor first.
        user = next(user for user in status["users"] if len(user["groups"]) == 1)
        lines = [
            "It is running.",
            "",
            *(f"  {name:<10} {url}" for name, url in status["urls"].items()),
            f"  log in as  {user['name']}, password {user['password']}",
            f"  everybody: {self._program} lab status --name {LAB}",
            "",
            "Open it on this machine, in a browser that knows these names and trusts this certificate:",
            f"  {shlex.join(browser(status))}",
            f"or put the names into /etc/hosts, and import the authority {ca}.",
            "",
            f"Real here:  {', '.join(status['real'])}",
            f"Stand-ins:  {', '.join(status['standins']) or 'none'}. They keep upstream's contract, not its features;",
            "            where an image registry answers, upstream's own images are used instead.",
            "",
            "Remove everything: make clean",
        ]
        self._say("\n".join(lines))


def browser(status: dict[str, Any]) -> Sequence[str]:
    """Return the command that opens Nextcloud without changing anything on this machine.

    The browser gets a profile of its own that knows the lab's names and trusts the key that the edge has now.

    :param status: what `lab status --json` says.
    """
    edge = status["hosts"][0]["address"]
    key = x509.load_pem_x509_certificate(ssl.get_server_certificate((edge, 443)).encode()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    return (
        "chromium",
        f"--user-data-dir={tempfile.gettempdir()}/collab-demo-browser",
        f"--host-resolver-rules=MAP *.{DOMAIN} {edge}",
        f"--ignore-certificate-errors-spki-list={digest}",
        *(("--no-sandbox",) if os.geteuid() == 0 else ()),
        status["urls"]["nextcloud"],
    )


def main() -> int:
    """Run the demo in the folder given as the one argument."""
    try:
        Demo(Path(sys.argv[1]).absolute()).run()
    except StepFailedError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the demo's own output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
