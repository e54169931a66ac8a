"""Everything that is refused: one finding each, at the exact line, and what would be right."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from collab_stack.site.findings import errors
from collab_stack.site.source import LARGEST

if TYPE_CHECKING:
    from tests.unit.site.sites import SiteDir


def fingerprint(site: SiteDir) -> dict[str, str]:
    """Return a hash of each file below the site."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in site.path.rglob("*") if path.is_file()}


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


SITE_EDITS = {
    "unknown key": Edit(
        "site.yml", "organisation:", "organization:", "organization:", "organization", "unknown key", "`organisation`"
    ),
    "unknown key below": Edit(
        "site.yml", "  relay:", "  rely: x\n  relay:", "rely", "mail.rely", "unknown key `rely`", "did you mean `relay`"
    ),
    "unknown key without neighbour": Edit(
        "site.yml", "  relay:", "  zzz: x\n  relay:", "zzz", "mail.zzz", "unknown key", "known here: `relay`, `port`"
    ),
    "missing key": Edit(
        "site.yml", "  sender: files@agency.example\n", "", "mail:", "mail.sender", "`sender` is missing", "add it"
    ),
    "text for a number": Edit(
        "site.yml", "  sender:", '  port: "25"\n  sender:', "port:", "mail.port", "not a whole number", "quotes: 25"
    ),
    "number for text": Edit(
        "site.yml", "name: Example Agency", "name: 12", "name: 12", "organisation.name", "`12` is not text", '"12"'
    ),
    "text for a truth": Edit(
        "site.yml", "  sender:", '  starttls: "true"\n  sender:', "starttls", "mail.starttls", "true or false", "true"
    ),
    "text for a list": Edit(
        "site.yml", "[ntp.agency.example]", "ntp.agency.example", "  servers:", "time.servers", "is not a list", "NTP"
    ),
    "list for a group": Edit(
        "site.yml",
        "dns:\n  resolvers: [10.20.0.53]",
        "dns:\n  - 10.20.0.53",
        "dns:",
        "dns",
        "a list is not a group of keys",
        "Name resolution",
    ),
    "no value": Edit(
        "site.yml", "relay: mail.agency.example", "relay:", "relay:", "mail.relay", "no value is given", "give text"
    ),
    "empty list": Edit("site.yml", "[ntp.agency.example]", "[]", "  servers:", "time.servers", "is empty", "NTP"),
    "out of range": Edit(
        "site.yml", "  sender:", "  port: 70000\n  sender:", "port:", "mail.port", "less than or equal to 65535", "TCP"
    ),
    "duplicate key": Edit(
        "site.yml",
        "  sender:",
        "  relay: other.agency.example\n  sender:",
        "  relay: other",
        "mail.relay",
        "given twice, first on line 17",
        "keep one",
    ),
    "tab": Edit("site.yml", "  relay:", "\trelay:", "\trelay", "", "a tab", "use spaces"),
    "not YAML": Edit(
        "site.yml", "  relay: m", "  relay: : m", "  relay: :", "", "this is not YAML", "look at the line"
    ),
    "unclosed quote": Edit("site.yml", '"02:00"', '"02:00', '  start: "', "", "unexpected end", "look at the line"),
    "several documents": Edit("site.yml", "mail:", "---\nmail:", "---", "", "a second document", "keep one document"),
    "YAML tag": Edit(
        "site.yml",
        "domain: agency",
        "domain: !!python/object/apply:os.system agency",
        "domain:",
        "domain",
        "a YAML tag",
        "plain value",
    ),
    "local tag": Edit(
        "site.yml", "10.20.0.0/16", "!vault 10.20.0.0/16", "!vault", "networks.in_house[0]", "YAML tag", "plain value"
    ),
    "directive": Edit("site.yml", "domain: a", "%YAML 1.1\n---\ndomain: a", "%YAML", "", "directives", "remove"),
    "anchor": Edit("site.yml", "mail:", "mail: &x", "mail: &x", "mail", "an anchor (&x)", "remove it"),
    "alias": Edit("site.yml", "[10.20.9.0/24]", "*all", "*all", "networks.management", "an alias (*all)", "write the"),
    "merge key": Edit("site.yml", "mail:\n", "mail:\n  <<: {port: 25}\n", "<<", "mail.<<", "unknown key `<<`", "relay"),
    "country no": Edit(
        "site.yml", '"SE"', "no", "country: no", "organisation.country", "a bare `no` as false", 'in quotes: "NO"'
    ),
    "country NO": Edit(
        "site.yml", '"SE"', "NO", "country: NO", "organisation.country", "a bare `NO` as false", 'in quotes: "NO"'
    ),
    "country in words": Edit(
        "site.yml", '"SE"', "Sweden", "country:", "organisation.country", "does not have the form", "for example SE"
    ),
    "yes for true": Edit(
        "site.yml", "  sender:", "  starttls: yes\n  sender:", "starttls", "mail.starttls", "bare `yes`", "write true"
    ),
    "sexagesimal time": Edit(
        "site.yml", '"02:00"', "02:00", "02:00", "maintenance.start", "another base", 'put it in quotes: "02:00"'
    ),
    "unknown language": Edit(
        "site.yml", "language: sv", "language: se", "language", "organisation.language", "not known", "`sv`, `da`, `en`"
    ),
    "domain with a scheme": Edit(
        "site.yml",
        "domain: agency.example",
        "domain: https://agency.example",
        "domain:",
        "domain",
        "`https://agency.example` is refused",
        "bare name, without a scheme",
    ),
    "domain with a path": Edit(
        "site.yml", "domain: agency.example", "domain: agency.example/x", "domain:", "domain", "refused", "a path"
    ),
    "domain in capitals": Edit(
        "site.yml", "domain: agency.example", "domain: Agency.example", "domain:", "domain", "refused", "lower case"
    ),
    "host bits": Edit(
        "site.yml",
        "10.20.0.0/16",
        "10.20.0.1/16",
        "10.20.0.1",
        "networks.in_house[0]",
        "`10.20.0.1/16` is not a network",
        "did you mean 10.20.0.0/16?",
    ),
    "no network": Edit(
        "site.yml", "10.20.0.0/16", "office", "- office", "networks.in_house[0]", "not a network", "the agency's own"
    ),
    "template expression": Edit(
        "site.yml",
        "name: Example Agency",
        "name: \"{{ lookup('pipe', 'id') }}\"",
        "name:",
        "organisation.name",
        "template expressions are not evaluated",
        "plain value",
    ),
    "template statement": Edit(
        "site.yml",
        "name: Example Agency",
        'name: "{% if 1 %}"',
        "name:",
        "organisation.name",
        "template",
        "plain value",
    ),
    "template in a key": Edit(
        "site.yml", "  relay:", '  "{{ x }}": 1\n  relay:', "{{", "mail.{{ x }}", "a key holds", "plain"
    ),
    "reference to a secret in site.yml": Edit(
        "site.yml",
        "name: Example Agency",
        'name: "{{ collab_secrets.mail_password }}"',
        "name:",
        "organisation.name",
        "template",
        "plain value",
    ),
    "escaped control character": Edit(
        "site.yml",
        "name: Example Agency",
        'name: "Example\\nAgency"',
        "name:",
        "organisation.name",
        "does not have the form",
        "Name as people",
    ),
    "path outside tls": Edit(
        "site.yml",
        "  ca: tls/ca.pem\nmail",
        "  ca: tls/../x\nmail",
        "tls/..",
        "tls.ca",
        "the form",
        "tls/agency-chain.pem",
    ),
    "tls keys without mode": Edit(
        "site.yml", "mode: files", "mode: internal", "tls:", "tls", "go with mode `files`", "change one of the keys"
    ),
    "service that another needs": Edit(
        "site.yml",
        "  keycloak:\n",
        "  valkey:\n    enabled: false\n  keycloak:\n",
        "services:",
        "services",
        "nextcloud needs valkey",
        "change one of the keys",
    ),
    "version unknown": Edit(
        "site.yml",
        "    storage:",
        '    version: "1.2.3"\n    storage:',
        "version:",
        "services.nextcloud.version",
        "the catalogue does not know nextcloud 1.2.3",
        "known: 34.0.2",
    ),
    "version as a number": Edit(
        "site.yml",
        "    storage:",
        "    version: 26.7\n    storage:",
        "version:",
        "services.nextcloud.version",
        "`26.7` is not text",
        'quotes: "26.7"',
    ),
    "storage kind unknown": Edit(
        "site.yml", "kind: local", "kind: s4", "kind:", "services.nextcloud.storage.kind", "`s4` is not known", "`s3`"
    ),
    "environment unknown": Edit(
        "site.yml",
        "KC_LOG_LEVEL",
        "KC_LOG_LEVLE",
        "KC_LOG_LEVLE",
        "services.keycloak.extra.environment.KC_LOG_LEVLE",
        "keycloak does not read `KC_LOG_LEVLE`",
        "did you mean `KC_LOG_LEVEL`?",
    ),
    "secret in the environment": Edit(
        "site.yml",
        "KC_LOG_LEVEL",
        "KC_DB_PASSWORD",
        "KC_DB_PASSWORD",
        "services.keycloak.extra.environment.KC_DB_PASSWORD",
        "is a secret",
        "version control",
    ),
    "setting unknown": Edit(
        "site.yml",
        "loglevel:",
        "log_level:",
        "log_level",
        "services.nextcloud.extra.settings.log_level",
        "no system setting `log_level`",
        "did you mean `loglevel`?",
    ),
    "setting of another type": Edit(
        "site.yml",
        "loglevel: 2",
        "loglevel: true",
        "loglevel",
        "services.nextcloud.extra.settings.loglevel",
        "is not a whole number",
        "give a whole number",
    ),
    "group for users and admins": Edit(
        "site.yml",
        "  user_groups: [staff]",
        "  user_groups: [staff]\n  admin_groups: [staff]",
        "sso:",
        "sso",
        "'staff' is in both",
        "change one of the keys",
    ),
    "realm master": Edit("site.yml", "realm: agency", "realm: master", "sso:", "sso", "Keycloak's own", "change one"),
}

HOSTS_EDITS = {
    "unknown group": Edit(
        "hosts.yml", "    cache:", "    caches:", "caches", "all.children.caches", "unknown group `caches`", "`cache`"
    ),
    "nested groups": Edit(
        "hosts.yml",
        "    cache:\n      hosts:\n        host2:",
        "    cache:\n      children:\n        database:",
        "      children:",
        "all.children.cache.children",
        "unknown key `children`",
        "known here: `hosts`",
    ),
    "group given twice": Edit(
        "hosts.yml",
        "    nextcloud:",
        "    edge:\n      hosts:\n        host2:\n    nextcloud:",
        "    edge:\n      hosts:\n        host2",
        "all.children.edge",
        "given twice, first on line 13",
        "keep one",
    ),
    "host named like a group": Edit(
        "hosts.yml",
        "    host1:\n      ansible_host: 10.20.1.11",
        "    host1:\n      ansible_host: 10.20.1.11\n    edge:\n      ansible_host: 10.20.1.13",
        "    edge:\n      ansible_host",
        "all.hosts.edge",
        "cannot be named like the group `edge`",
        "another name",
    ),
    "host called localhost": Edit(
        "hosts.yml",
        "    host1:\n      ansible_host: 10.20.1.11",
        "    host1:\n      ansible_host: 10.20.1.11\n    localhost:\n      ansible_host: 10.20.1.13",
        "    localhost:",
        "all.hosts.localhost",
        "the operator's own machine",
        "another name",
    ),
    "host named twice": Edit(
        "hosts.yml",
        "    host2:\n      ansible_host: 10.20.1.12",
        "    host1:\n      ansible_host: 10.20.1.13\n    host2:\n      ansible_host: 10.20.1.12",
        "    host1:\n      ansible_host: 10.20.1.13",
        "all.hosts.host1",
        "`host1` is given twice, first on line 6",
        "keep one",
    ),
    "one machine under two names": Edit(
        "hosts.yml",
        "10.20.1.12",
        "10.20.1.11",
        "10.20.1.11\n      ansible_port",
        "all.hosts.host2.ansible_host",
        "already the address of host1 (line 7)",
        "its own address",
    ),
    "unknown host in a group": Edit(
        "hosts.yml",
        "    sso:\n      hosts:\n        host1:",
        "    sso:\n      hosts:\n        hots1:",
        "hots1",
        "all.children.sso.hosts.hots1",
        "`hots1` is not among all.hosts",
        "did you mean `host1`?",
    ),
    "service on no host": Edit(
        "hosts.yml",
        "    cache:\n      hosts:\n        host2:\n",
        "    cache:\n      hosts: {}\n",
        "      hosts: {}",
        "all.children.cache.hosts",
        "no host carries valkey",
        "Put a host into the group cache",
    ),
    "key that is not read": Edit(
        "hosts.yml",
        "ansible_port",
        "ansible_prot",
        "ansible_prot",
        "all.hosts.host2.ansible_prot",
        "unknown key `ansible_prot`",
        "did you mean `ansible_port`?",
    ),
    "proxy command": Edit(
        "hosts.yml",
        "-J operator@jump.agency.example",
        "-o ProxyCommand=evil",
        "ProxyCommand",
        "all.hosts.host2.ansible_ssh_common_args",
        "does not have the form",
        "A jump host",
    ),
    "sudo password in clear": Edit(
        "hosts.yml",
        '"{{ collab_secrets.operator_become_password }}"',
        "hunter2",
        "hunter2",
        "all.vars.ansible_become_password",
        "the value does not have the form",
        "never in clear",
    ),
    "other expression as sudo password": Edit(
        "hosts.yml",
        "{{ collab_secrets.operator_become_password }}",
        "{{ lookup('env', 'HOME') }}",
        "lookup",
        "all.vars.ansible_become_password",
        "the value does not have the form",
        "{{ collab_secrets.operator_become_password }}",
    ),
    "expression as user": Edit(
        "hosts.yml",
        "ansible_user: operator",
        'ansible_user: "{{ collab_secrets.operator_become_password }}"',
        "ansible_user",
        "all.vars.ansible_user",
        "template expressions are not evaluated",
        "plain value",
    ),
    "host without address": Edit(
        "hosts.yml",
        "    host1:\n      ansible_host: 10.20.1.11",
        "    host1: {}",
        "    host1: {}",
        "all.hosts.host1.ansible_host",
        "`ansible_host` is missing",
        "for example 10.20.0.11",
    ),
    "host name in capitals": Edit(
        "hosts.yml",
        "    host1:\n      ansible_host: 10.20.1.11",
        "    Host1:\n      ansible_host: 10.20.1.11\n    host1:\n      ansible_host: 10.20.1.13",
        "    Host1:",
        "all.hosts.Host1",
        "the key `Host1` does not have the form",
        "for example host1",
    ),
    "secret that is not there": Edit(
        "hosts.yml",
        "collab_secrets.operator_become_password",
        "collab_secrets.other_become_password",
        "collab_secrets.other",
        "collab_secrets.other_become_password",
        "the secret `other_become_password` is missing",
        "collab-stack secrets set other_become_password",
    ),
}


@pytest.mark.parametrize("name", [*SITE_EDITS, *HOSTS_EDITS])
def test_refusal(site: SiteDir, name: str) -> None:
    edit = SITE_EDITS.get(name) or HOSTS_EDITS[name]
    site.replace(edit.file, edit.old, edit.new)
    before = fingerprint(site)
    report = site.check()
    assert not report.ok
    found = errors(report.findings)
    assert [(f.file, f.line, f.key) for f in found] == [(edit.file, site.line(edit.file, edit.at), edit.key)]
    finding = found[0]
    assert edit.message in finding.message
    assert edit.mend in finding.mend
    assert fingerprint(site) == before


def test_valid_site_has_no_finding(site: SiteDir) -> None:
    report = site.check()
    assert report.ok
    assert report.findings == ()


FILES = {
    "BOM": (codecs.BOM_UTF8 + b"domain: x\n", 1, "byte order mark"),
    "UTF-16": ("domain: x\n".encode("utf-16"), 1, "UTF-16"),
    "Latin-1": ("domain: x\norganisation:\n  name: Malmö\n".encode("latin-1"), 3, "0xf6 is not UTF-8"),
    "empty": (b"", 1, "the file is empty"),
    "blank": (b" \n\n", 1, "the file is empty"),
    "comments alone": (b"# nothing\n", 1, "nothing but comments"),
    "null": (b"---\n", 1, "the file is empty"),
    "a list": (b"- domain\n", 1, "a list is not a group of keys"),
    "zero byte": (b"domain: x\nmail: \0\n", 2, "control character"),
    "next line character": ("domain: x\nmail: \x85\n".encode(), 2, "line break"),
    "ten thousand levels": (b"domain: " + b"[" * 10000 + b"]" * 10000, 1, "nested more than 20 deep"),
    "ten thousand block levels": (b"- " * 10000, 1, "nested more than 20 deep"),
    "many values": (b"a:\n" + b"- 1\n" * 30000, 19999, "more than 20000 values"),
    "aliases that explode": (
        b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (c + 1, c + 1, c, c) for c in range(97, 120)),
        1,
        "an anchor (&a)",
    ),
    "key that is a list": (b"? [a]\n: 1\n", 1, "a key is not text"),
    "key that is a number": (b"domain: x\n1: 2\n", 2, "a key is not text"),
}


@pytest.mark.parametrize("file", ["site.yml", "hosts.yml", "images.lock"])
@pytest.mark.parametrize("name", FILES)
def test_unreadable_file(site: SiteDir, name: str, file: str) -> None:
    content, line, message = FILES[name]
    (site.path / file).write_bytes(content)
    report = site.check()
    assert not report.ok
    found = [finding for finding in report.findings if finding.file == file]
    assert [(finding.line, finding.severity) for finding in found] == [(line, "error")]
    assert message in found[0].message
    assert found[0].mend


@pytest.mark.parametrize("file", ["site.yml", "hosts.yml", "secrets.yml", "images.lock", "tls/chain.pem"])
def test_large_file_is_not_read(site: SiteDir, file: str) -> None:
    with (site.path / file).open("wb") as stream:
        stream.truncate(50 * 1024 * 1024)  # sparse: costs the test nothing, and reading it would cost the check much
    report = site.check()
    assert any("50.0 MiB; at most 1 MiB" in finding.message for finding in report.findings)
    assert LARGEST == 1024 * 1024


@pytest.mark.parametrize("file", ["site.yml", "hosts.yml"])
def test_missing_file(site: SiteDir, file: str) -> None:
    (site.path / file).unlink()
    found = site.check().findings
    assert [(finding.file, finding.line, finding.message) for finding in found] == [(file, None, "the file is missing")]
    assert "--site" in found[0].mend


def test_file_that_is_a_folder_or_a_device(site: SiteDir) -> None:
    (site.path / "site.yml").unlink()
    (site.path / "site.yml").symlink_to("/dev/zero")
    (site.path / "hosts.yml").unlink()
    (site.path / "hosts.yml").mkdir()
    found = site.check().findings
    assert [finding.file for finding in found] == ["site.yml", "hosts.yml"]
    assert all("not a regular file" in finding.message for finding in found)


def test_no_such_directory(site: SiteDir) -> None:
    report = type(site)(site.path / "nowhere", site.password_file).check()
    assert not report.ok
    assert [finding.message for finding in report.findings] == ["there is no such directory"]
    assert "collab-stack init" in report.findings[0].mend


def test_every_error_of_a_file_is_told_at_once(site: SiteDir) -> None:
    site.replace("site.yml", "language: sv", "language: xx")
    site.replace("site.yml", "realm: agency", "realm: 5")
    site.replace("hosts.yml", "ansible_port: 2222", "ansible_port: 0")
    found = {(finding.file, finding.key) for finding in site.check().findings}
    assert found == {
        ("site.yml", "organisation.language"),
        ("site.yml", "sso.realm"),
        ("hosts.yml", "all.hosts.host2.ansible_port"),
    }


def test_findings_are_bounded(site: SiteDir) -> None:
    rows = "".join(f"zz{number}: 1\n" for number in range(150))
    (site.path / "site.yml").write_text(site.text("site.yml") + rows, encoding="utf-8")
    report = site.check()
    assert (len(report.findings), report.more) == (100, 50)


def test_host_in_no_group_is_a_warning(site: SiteDir) -> None:
    site.replace("hosts.yml", "  children:", "    host3:\n      ansible_host: 10.20.1.13\n  children:")
    report = site.check()
    assert report.ok
    assert [(finding.severity, finding.key) for finding in report.findings] == [("warning", "all.hosts.host3")]
