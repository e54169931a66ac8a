"""Certificates from request to file, with a real openssl on the host's side and the action plugin's signing."""

from __future__ import annotations

import importlib.util
import os
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from ansible.errors import AnsibleActionFail
from ansible.module_utils.collab.convergence import Convergence, Wishes
from ansible.module_utils.collab.leaves import Leaf, Leaves
from cryptography import x509

from collab_stack import paths
from collab_stack.site import authority

NAMES = ["app.collab.internal", "files.agency.example"]


def plugin() -> ModuleType:
    """Load the action plugin as Ansible does: from its file."""
    path = paths.ansible_content() / "plugins" / "action" / "tls_leaves.py"
    spec = importlib.util.spec_from_file_location("collab_action_tls_leaves", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ACTION = plugin()
KEY, CERTIFICATE = authority.create("Agency", "agency.example")


def run(argv: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class Host:
    """The files of one leaf."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path / "app"
        leaf = Leaf("app", str(self.folder), os.getuid(), os.getgid(), 0o400, os.getgid(), 0o700, combined=True)
        self.leaves = Leaves([leaf], str(path / "state" / "pending"), run)

    def install(self, certificates: dict[str, str]) -> bool:
        convergence = Convergence("tls", str(self.path / "state"), run)
        # The folder's owner is root in a deploy; here it is whoever runs the test.
        entries = [
            type(entry)(**{**vars(entry), "uid": os.getuid(), "gid": os.getgid()})
            for entry in self.leaves.entries(certificates)
        ]
        convergence.plan(Wishes(tuple(entries)))
        convergence.make()
        return bool(convergence.result()["changed"])

    def issue(self, names: list[str] = NAMES, days: int = 180) -> None:
        ca = ACTION.Authority(CERTIFICATE, KEY)
        request = self.leaves.request(["app"])["app"]
        self.install({"app": ca.sign(request, names, days, datetime.now(UTC))})
        self.leaves.forget()

    def unfit(self, names: list[str] = NAMES, days: int = 30, certificate: str = CERTIFICATE) -> str:
        loaded = x509.load_pem_x509_certificate(certificate.encode())
        end = datetime.now(UTC) + timedelta(days=days)
        reason: str = ACTION.unfit(self.leaves.look()["app"], names, loaded, end)
        return reason


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_leaf_is_issued_once(host: Host) -> None:
    assert host.unfit() == "missing"
    host.issue()
    assert host.unfit() == ""
    assert not host.install({})
    assert not (host.path / "state" / "pending").exists()


def test_files_and_their_modes(host: Host) -> None:
    host.issue()
    modes = {path.name: path.stat().st_mode & 0o777 for path in host.folder.iterdir()}
    assert modes == {"cert.pem": 0o644, "key.pem": 0o400, "combined.pem": 0o400}
    key, certificate = (host.folder / name for name in ("key.pem", "cert.pem"))
    assert (host.folder / "combined.pem").read_bytes() == key.read_bytes() + certificate.read_bytes()
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(host.folder / "combined.pem")
    assert host.folder.stat().st_mode & 0o777 == 0o700


def test_clients_accept_it_for_its_names_alone(host: Host, tmp_path: Path) -> None:
    host.issue()
    (tmp_path / "ca.pem").write_text(CERTIFICATE)

    def handshake(name: str) -> None:
        """Shake hands in memory."""
        serving, asking = (
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            ssl.create_default_context(cafile=tmp_path / "ca.pem"),
        )
        asking.verify_flags |= ssl.VERIFY_X509_STRICT
        serving.load_cert_chain(host.folder / "combined.pem")
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = asking.wrap_bio(back, there, server_hostname=name)
        server = serving.wrap_bio(there, back, server_side=True)
        for _ in range(4):
            for end in (client, server):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        assert client.getpeercert()

    for name in NAMES:
        handshake(name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake("id.agency.example")


def test_a_new_key_comes_with_each_certificate(host: Host) -> None:
    host.issue()
    before = (host.folder / "key.pem").read_bytes()
    host.issue()
    assert (host.folder / "key.pem").read_bytes() != before


class TestUnfit:
    def test_other_names(self, host: Host) -> None:
        host.issue()
        assert host.unfit([NAMES[0]]) == "for other names"
        assert host.unfit(NAMES[::-1]) == ""

    def test_near_its_end(self, host: Host) -> None:
        host.issue(days=31)
        assert host.unfit(days=30) == ""
        assert host.unfit(days=32).startswith("valid until ")

    def test_another_ca(self, host: Host) -> None:
        host.issue()
        # The same name and another key, which is what a rebuilt CA looks like.
        assert host.unfit(certificate=authority.create("Agency", "agency.example")[1]) == "of another CA"
        assert host.unfit(certificate=authority.create("Other", "other.example")[1]) == "altered, or of another CA"

    def test_an_altered_key(self, host: Host) -> None:
        host.issue()
        run(
            [
                "openssl",
                "genpkey",
                "-algorithm",
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-out",
                str(host.path / "k"),
            ]
        )
        (host.folder / "key.pem").unlink()
        (host.path / "k").rename(host.folder / "key.pem")
        assert host.unfit() == "not of its key"

    @pytest.mark.parametrize(
        "content", ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    )
    def test_an_altered_certificate(self, host: Host, content: str) -> None:
        host.issue()
        (host.folder / "cert.pem").write_text(content)
        assert host.unfit() in ("missing", "altered, or of another CA")
        assert host.unfit()

    def test_a_missing_key(self, host: Host) -> None:
        host.issue()
        (host.folder / "key.pem").unlink()
        assert host.unfit() == "missing"


class TestAuthority:
    def test_refuses_a_key_of_another_ca(self) -> None:
        with pytest.raises(AnsibleActionFail, match="is not the key of"):
            ACTION.Authority(CERTIFICATE, authority.create("Agency", "agency.example")[0])

    def test_says_nothing_of_a_key_that_cannot_be_read(self) -> None:
        with pytest.raises(AnsibleActionFail) as caught:
            ACTION.Authority(CERTIFICATE, KEY.replace("BEGIN", "BEG1N"))
        assert KEY.splitlines()[1] not in str(caught.value)

    def test_refuses_a_request_that_was_not_made_with_its_key(self, host: Host) -> None:
        request = host.leaves.request(["app"])["app"]
        loaded = x509.load_pem_x509_csr(request.encode())
        from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - of this test only

        der = bytearray(loaded.public_bytes(Encoding.DER))
        der[-1] ^= 1
        import base64  # noqa: PLC0415 - of this test only

        text = base64.encodebytes(bytes(der)).decode()
        forged = f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"
        with pytest.raises(AnsibleActionFail, match="signature is not of the key"):
            ACTION.Authority(CERTIFICATE, KEY).sign(forged, NAMES, 90, datetime.now(UTC))

    def test_no_leaf_outlives_the_ca(self, host: Host) -> None:
        request = host.leaves.request(["app"])["app"]
        signed = ACTION.Authority(CERTIFICATE, KEY).sign(request, NAMES, 36500, datetime.now(UTC))
        leaf = x509.load_pem_x509_certificate(signed.encode())
        assert leaf.not_valid_after_utc == x509.load_pem_x509_certificate(CERTIFICATE.encode()).not_valid_after_utc


def test_pending_keys_are_for_root_alone_and_go(host: Host) -> None:
    host.leaves.request(["app"])
    pending = host.path / "state" / "pending"
    assert pending.stat().st_mode & 0o777 == 0o700
    assert (pending / "app.pem").stat().st_mode & 0o777 == 0o600
    host.leaves.forget()
    assert not pending.exists()
