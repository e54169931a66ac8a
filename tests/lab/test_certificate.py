"""The agency's own certificate for the public names: taken up, renewed while people are connected, and given back."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import yaml

from collab_stack.errors import ExitCode
from collab_stack.lab import ca
from collab_stack.lab.layout import DOMAIN
from collab_stack.site import vault
from tests.lab.stack import Stack, named

NAMES = (f"id.{DOMAIN}", f"files.{DOMAIN}")
FOLDER = "/etc/collab/tls/public"


class Agency:
    """An authority that the stack does not know until the site says so."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.certificate, self.key = ca.make_ca("Agency PKI")
        self.leaf_key = ""
        self._before = (stack.directory / "site.yml").read_text()

    def issue(self, days: int) -> None:
        """Put a new certificate and its key into the site, as the agency's PKI team would hand them over."""
        leaf, self.leaf_key = ca.make_leaf(self.certificate, self.key, NAMES, days)
        folder = self.stack.directory / "tls"
        (folder / "agency.pem").write_text(leaf)
        (folder / "agency.key").write_text(vault.encrypt(self.leaf_key.encode(), self.stack.vault_password))
        (folder / "agency-ca.pem").write_text(self.certificate)

    def use(self) -> None:
        """Let the site say that these files count."""
        path = self.stack.directory / "site.yml"
        site = yaml.safe_load(path.read_text())
        site["tls"] = {
            "mode": "files",
            "certificate": "tls/agency.pem",
            "key": "tls/agency.key",
            "ca": "tls/agency-ca.pem",
        }
        path.write_text(yaml.safe_dump(site, sort_keys=False, allow_unicode=True))

    def give_back(self) -> None:
        """Let the site be what it was."""
        (self.stack.directory / "site.yml").write_text(self._before)
        for path in (self.stack.directory / "tls").glob("agency*"):
            path.unlink()

    def connect(self) -> ssl.SSLSocket:
        """Open a connection as somebody who trusts only this authority."""
        context = ssl.create_default_context(cadata=self.certificate)
        address = str(self.stack.lab.state.layout.address("host1"))
        return context.wrap_socket(socket.create_connection((address, 443), 10), server_hostname=NAMES[1])

    def serial(self) -> str:
        """Return the serial number that the edge shows."""
        with self.connect() as connection:
            shown = connection.getpeercert()
        assert shown is not None
        return str(shown["serialNumber"])


@pytest.fixture(scope="module")
def agency(stack: Stack) -> Iterator[Agency]:
    made = Agency(stack)
    yield made
    if list((stack.directory / "tls").glob("agency*")):  # a test failed on the way
        made.give_back()
        stack.deploy()


class Upload:
    """Somebody whose upload goes on, a byte at a time, while the block runs."""

    SIZE = 100_000

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._sent = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Upload:
        head = f"PUT /remote.php/dav/files/nobody/x HTTP/1.1\r\nHost: {NAMES[1]}\r\nContent-Length: {self.SIZE}\r\n\r\n"
        self._connection.sendall(head.encode())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _send(self) -> None:
        while not self._done.wait(0.3):
            self._connection.sendall(b"x")
            self._sent += 1

    def finish(self) -> bytes:
        """Send the rest; return the first line of the answer."""
        self._stop()
        self._connection.sendall(b"x" * (self.SIZE - self._sent))
        return self._connection.recv(65536).partition(b"\r\n")[0]


def test_it_is_taken_up_and_trusted_by_the_applications(stack: Stack, agency: Agency) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        agency.connect()
    agency.issue(90)
    agency.use()
    done = stack.deploy()
    assert ("tls", f"{FOLDER}/combined.pem") in named(done["changes"])
    assert done["probe"]["ok"], "Nextcloud asks Keycloak by its public name, and has to trust the new authority for it"
    assert agency.serial()
    assert stack.deploy()["changes"] == []


def test_a_renewal_drops_nobody_and_changes_nothing_else(stack: Stack, agency: Agency) -> None:
    before = agency.serial()
    agency.issue(91)
    with agency.connect() as connection, Upload(connection) as upload:
        done = stack.deploy()
        # It came to Nextcloud, which does not know this person: nothing in between has cut it off.
        assert upload.finish() == b"HTTP/1.1 401 Unauthorized"
    changed = {name for name in named(done["changes"]) if not name[1].startswith(f"{FOLDER}/")}
    assert changed == {("edge", "haproxy.service")}
    assert agency.serial() != before


def test_no_key_is_readable_or_told(stack: Stack, agency: Agency) -> None:
    assert stack.host.sh(f"find {FOLDER} -name '*key*' -perm /077; find {FOLDER} -name combined.pem -perm /007") == ""
    line = agency.leaf_key.splitlines()[1]
    assert line in stack.host.sh(f"cat {FOLDER}/key.pem"), "this is what is looked for"
    assert [path for path in stack.runs.rglob("*") if path.is_file() and line in path.read_text()] == []
    assert stack.host.sh(f"journalctl --quiet | grep -cF '{line}' || true").strip() == "0"


def test_an_expired_one_is_refused_before_anything_is_touched(stack: Stack, agency: Agency) -> None:
    shown = agency.serial()
    agency.issue(-1)
    refused = stack.json("deploy", code=ExitCode.SITE_INVALID)
    assert "expired" in str(refused)
    assert agency.serial() == shown


def test_it_is_given_back(stack: Stack, agency: Agency) -> None:
    agency.give_back()
    stack.deploy()
    with pytest.raises(ssl.SSLCertVerificationError):
        agency.connect()
    trusted = stack.host.sh("cat /etc/ssl/certs/ca-certificates.crt")
    assert agency.certificate.splitlines()[1] not in trusted
    assert stack.deploy()["changes"] == []
