"""A complete site directory on disk, and certificates to put into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collab_stack.operations.check import Report, check
from collab_stack.operations.init import init
from collab_stack.operations.secrets import set_value
from collab_stack.site import vault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NOW = datetime.now(UTC).replace(microsecond=0)
PASSWORD = b"correct horse battery staple"

SITE = """\
domain: agency.example
organisation:
  name: Example Agency
  language: sv
  country: "SE"
  contact: it@agency.example
networks:
  in_house:
    - 10.20.0.0/16
  management: [10.20.9.0/24]
tls:
  mode: files
  certificate: tls/chain.pem
  key: tls/key.pem
  ca: tls/ca.pem
mail:
  relay: mail.agency.example
  sender: files@agency.example
time:
  servers: [ntp.agency.example]
dns:
  resolvers: [10.20.0.53]
maintenance:
  start: "02:00"
sso:
  realm: agency
  directory:
    url: ldaps://ldap.agency.example
    ca: tls/ca.pem
    bind_dn: cn=reader,dc=agency,dc=example
    users_dn: ou=people,dc=agency,dc=example
    groups_dn: ou=groups,dc=agency,dc=example
    identity: entryUUID
  user_groups: [staff]
services:
  keycloak:
    extra:
      environment:
        KC_LOG_LEVEL: info
  nextcloud:
    storage:
      kind: local
    extra:
      settings:
        loglevel: 2
"""

HOSTS = """\
all:
  vars:
    ansible_user: operator
    ansible_become_password: "{{ collab_secrets.operator_become_password }}"
  hosts:
    host1:
      ansible_host: 10.20.1.11
    host2:
      ansible_host: 10.20.1.12
      ansible_port: 2222
      ansible_ssh_common_args: -J operator@jump.agency.example
  children:
    edge:
      hosts:
        host1:
    sso:
      hosts:
        host1:
    database:
      hosts:
        host2:
    cache:
      hosts:
        host2:
    nextcloud:
      hosts:
        host2:
"""


@dataclass(frozen=True)
class SiteDir:
    """A site directory of a test."""

    path: Path
    password_file: Path

    def text(self, name: str) -> str:
        """Return a file's text."""
        return (self.path / name).read_text(encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace the one place where a text stands."""
        text = self.text(name)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        (self.path / name).write_text(text.replace(old, new), encoding="utf-8")

    def line(self, name: str, part: str) -> int:
        """Return the line of the first place where a text stands."""
        return self.text(name).split(part)[0].count("\n") + 1

    def check(self, now: datetime = NOW) -> Report:
        """Check it, as the verb does."""
        return check(self.path, self.password_file, now)


@dataclass(frozen=True)
class Edit:
    """An edit of a valid site, and the finding that it must give.

    ``at`` is a text of the edited file that stands on the line of the finding.
    """

    file: str
    old: str
    new: str
    at: str
    key: str
    message: str
    mend: str


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self) -> str:
        """Return the certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self) -> str:
        """Return the key in PEM, in clear."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()


def issue(names: Iterable[str], signer: Issued | None = None, *, start: int = -10, days: int = 365) -> Issued:
    """Issue a certificate, by default a year long; without signer it is a CA and signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "leaf" if signer else "Test CA")])
    begin = NOW + timedelta(days=start)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    )
    dns = [x509.DNSName(name) for name in names]
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName(dns), critical=False)
    return Issued(builder.sign(signer.key if signer else key, hashes.SHA256()), key)


def make(base: Path, authority: Issued) -> SiteDir:
    """Make a valid site below a folder: own certificate, directory, two hosts."""
    password_file = base / "password"
    password_file.write_bytes(PASSWORD + b"\n")
    example = base / "example"
    (example / "tls").mkdir(parents=True)
    (example / "site.yml").write_text(SITE, encoding="utf-8")
    (example / "hosts.yml").write_text(HOSTS, encoding="utf-8")
    leaf = issue(["id.agency.example", "files.agency.example"], authority)
    (example / "tls" / "chain.pem").write_text(leaf.pem(), encoding="utf-8")
    (example / "tls" / "ca.pem").write_text(authority.pem(), encoding="utf-8")
    (example / "tls" / "key.pem").write_text(vault.encrypt(leaf.key_pem().encode(), PASSWORD), encoding="utf-8")
    made = init(base / "site", "agency.example", str(example), password_file)
    assert made.wanted == ("directory_bind_password", "operator_become_password")
    for name in made.wanted:
        set_value(base / "site", password_file, name, f"value of {name}: #'\"")
    return SiteDir(base / "site", password_file)
