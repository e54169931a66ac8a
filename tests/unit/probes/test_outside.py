"""Probes that look from outside: red with the reason in a broken world, green in one that works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from collab_stack.probes import edge, keycloak, nextcloud, run, tls
from collab_stack.probes.registry import PROBES
from tests.unit.probes.authority import Authority
from tests.unit.probes.world import FILES, ID, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from collab_stack.probes.model import Probe, Result


def probe(world: World, *kinds: type[Probe]) -> list[Result]:
    return run.run(world.target(), probes=kinds)


def states(results: list[Result]) -> set[str]:
    return {result.state for result in results}


LOGIN = (
    keycloak.Discovery,
    keycloak.Keys,
    keycloak.WrongRedirect,
    keycloak.LoginForm,
    nextcloud.Files,
    nextcloud.ForeignTokens,
    keycloak.Logout,
)

BREAKS: list[tuple[str, type[Probe], str]] = [
    ("redirect", edge.Redirect, "200 to nowhere"),
    ("hsts", edge.StrictTransport, "no such header"),
    ("open-redirect", edge.UnknownHost, "301 to https://not-ours.invalid/"),
    ("default-host", edge.UnknownHost, "^200$"),
    ("admin", edge.Administration, "/metrics: 200"),
    ("issuer", keycloak.Discovery, "the issuer is https://elsewhere.example"),
    ("pkce", keycloak.Discovery, "PKCE with S256 is not offered"),
    ("down", keycloak.Discovery, "openid-configuration: 503"),
    ("keys", keycloak.Keys, "no signing key is published"),
    ("wide-redirect", keycloak.WrongRedirect, "200 login-login, not 400"),
    ("locked", keycloak.LoginForm, "does not let collab-probe in: wrong password, or locked"),
    ("otp", keycloak.LoginForm, "something more: login-login-otp"),
    ("required-action", keycloak.LoginForm, "sent to UPDATE_PASSWORD instead of back with a code"),
    ("state", keycloak.LoginForm, "another state"),
    ("token", keycloak.LoginForm, "the token endpoint answers 400 unauthorized_client"),
    ("nonce", keycloak.LoginForm, "another nonce"),
    ("at_hash", keycloak.LoginForm, "at_hash does not fit"),
    ("signature", keycloak.LoginForm, "Signature verification failed"),
    ("token-issuer", keycloak.LoginForm, "Invalid issuer"),
    ("clock", keycloak.LoginForm, "Signature has expired"),
    ("audience", keycloak.LoginForm, "is for account, not for nextcloud"),
    ("immortal", keycloak.Logout, "a refresh afterwards 200"),
    ("PUT-fails", nextcloud.Files, "PUT: 503 instead of 201 or 204"),
    ("GET-fails", nextcloud.Files, "GET: 503 instead of 200"),
    ("truncates", nextcloud.Files, "came back with another content"),
    ("any-audience", nextcloud.ForeignTokens, "the ID token of collab-probe: 207"),
    ("no-aud", nextcloud.ForeignTokens, "the token of account-console: 207"),
    ("client", nextcloud.LoginPage, "ended at .*/auth with 400"),
]


@pytest.mark.parametrize(("what", "kind", "saw"), BREAKS, ids=[f"{kind.id}-{what}" for what, kind, _ in BREAKS])
def test_each_probe_sees_what_is_broken_and_nothing_else(world: World, what: str, kind: type[Probe], saw: str) -> None:
    together = LOGIN if kind in LOGIN else (kind,)

    def looked() -> list[Result]:
        return [result for result in probe(world, *together) if result.id == kind.id]

    world.behaviour.broken.add(what)
    failed = [result for result in looked() if result.state == "fail"]
    assert failed, "it did not notice"
    assert all(result.mend and result.service == kind.service for result in failed)
    assert any(matches(saw, result.saw) for result in failed), [result.saw for result in failed]
    world.behaviour.broken.clear()
    assert states(looked()) == {"pass"}


def matches(pattern: str, text: str) -> bool:
    import re  # noqa: PLC0415 - a helper of one test

    return re.search(pattern, text) is not None


def test_a_request_trusts_no_further_authority(world: World) -> None:
    web = world.target().web
    trusted = web.context.cert_store_stats()
    assert web.request("GET", f"https://{FILES}:{world.https_port}/status.php").status_code == 200
    assert web.context.cert_store_stats() == trusted


@pytest.mark.parametrize(
    ("change", "saw"),
    [
        ({"maintenance": True}, "maintenance is true"),
        ({"needsDbUpgrade": True}, "needsDbUpgrade is true"),
        ({"installed": False}, "installed is false"),
        ({"installed": None}, "installed is none"),
    ],
)
def test_the_body_of_the_status_counts(world: World, change: dict[str, Any], saw: str) -> None:
    assert states(probe(world, nextcloud.Status)) == {"pass"}
    world.behaviour.status.update(change)
    (result,) = probe(world, nextcloud.Status)
    assert (result.state, result.saw) == ("fail", saw)


def test_a_probe_leaves_nothing_behind(world: World) -> None:
    results = probe(world, *LOGIN)
    assert states(results) == {"pass"}
    assert not world.behaviour.files
    assert not world.behaviour.trash
    assert not world.behaviour.idp.refresh
    assert not world.behaviour.idp.logged_in
    assert world.behaviour.idp.logins == 1, "one user never logs in twice at a time"


def test_what_earlier_probes_left_is_removed(world: World) -> None:
    world.behaviour.broken.add("PUT-fails")
    probe(world, *LOGIN)
    assert not world.behaviour.files, "a failed request may have been carried out"
    world.behaviour.broken.clear()
    folder = "/remote.php/dav/files/id-42/"
    recent = f"{folder}.collab-probe-{int(time.time())}-0a.txt"
    world.behaviour.files |= {f"{folder}.collab-probe-1000000000-0b.txt": "old", recent: "new", f"{folder}x.txt": "own"}
    assert states(probe(world, *LOGIN)) == {"pass"}
    assert set(world.behaviour.files) == {recent, f"{folder}x.txt"}


def test_without_a_login_what_needs_it_is_skipped_and_says_why(world: World) -> None:
    world.password = "wrong"
    results = {result.id: result for result in probe(world, *LOGIN)}
    assert results["keycloak.login"].state == "fail"
    for name in ("nextcloud.webdav", "nextcloud.foreign-token", "keycloak.logout"):
        assert (results[name].state, results[name].mend) == ("skip", "see keycloak.login")


def test_no_token_and_no_password_is_in_a_result(world: World) -> None:
    for broken in ("", "any-audience", "nonce", "token", "immortal"):
        world.behaviour.broken.clear()
        world.behaviour.broken.add(broken)
        text = str(probe(world, *LOGIN))
        assert "eyJ" not in text
        assert world.password not in text


TLS = (tls.Certificates, tls.Days, tls.Protocols)


@pytest.fixture
def remade(authority: Authority, tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(names: tuple[str, ...] = (ID, FILES), days: float = 90) -> World:
        made.append(World(authority, authority.leaf(tmp_path / f"leaf{len(made)}.pem", names, days)))
        return made[-1]

    yield make
    for world in made:
        world.close()


def test_a_good_certificate_passes(world: World) -> None:
    results = probe(world, *TLS)
    assert [(result.id, result.host, result.state) for result in results] == [
        (kind, host, "pass") for kind in ("tls.certificate", "tls.days", "tls.protocol") for host in (ID, FILES)
    ]
    assert "signed by Test CA, TLSv1.3" in results[0].saw
    assert "89 days left" in results[2].saw


def test_an_expired_certificate_fails(remade: Callable[..., World]) -> None:
    results = {(result.id, result.host): result for result in probe(remade(days=-1), *TLS)}
    assert results["tls.certificate", ID].state == "fail"
    assert results["tls.certificate", ID].saw == "certificate has expired"
    assert "deploy --only tls,edge" in results["tls.certificate", ID].mend
    assert results["tls.days", ID].state == "skip"


def test_a_wrong_name_fails_for_that_name_only(remade: Callable[..., World]) -> None:
    results = {(result.id, result.host): result for result in probe(remade(names=(ID,)), *TLS)}
    assert results["tls.certificate", ID].state == "pass"
    assert results["tls.certificate", FILES].state == "fail"
    assert f"not valid for '{FILES}'" in results["tls.certificate", FILES].saw
    assert results["tls.certificate", FILES].mend == f"use a certificate that carries {FILES}"


def test_few_days_left_fail(remade: Callable[..., World]) -> None:
    results = probe(remade(days=5), tls.Days)
    assert states(results) == {"fail"}
    assert "4 days left" in results[0].saw
    assert states(probe(remade(days=30), tls.Days)) == {"pass"}


def test_an_unknown_ca_fails(world: World) -> None:
    world.authority = Authority("Another CA")
    (result, _) = probe(world, tls.Certificates)
    assert result.state == "fail"
    assert "unable to get local issuer certificate" in result.saw


def test_a_name_that_leads_elsewhere_or_nowhere_fails(world: World) -> None:
    assert states(probe(world, edge.Names)) == {"pass"}
    world.addresses[FILES] = ["192.0.2.7"]
    results = {result.host: result for result in probe(world, edge.Names)}
    assert (results[ID].state, results[FILES].state) == ("pass", "fail")
    assert "192.0.2.7 is no address of the edge (127.0.0.1)" in results[FILES].saw
    world.addresses[FILES] = []
    (result,) = [result for result in probe(world, edge.Names) if result.host == FILES]
    assert "know no address" in result.saw
    assert "plan --dns" in result.mend


def test_administration_is_skipped_from_a_management_network(world: World) -> None:
    world.management = ("127.0.0.0/8",)
    (result,) = probe(world, edge.Administration)
    assert result.state == "skip"
    assert "127.0.0.1" in result.saw


def test_an_edge_that_is_down_is_said_plainly(world: World) -> None:
    world.close()
    results = run.run(world.target(), probes=[kind for kind in PROBES if kind.lane in ("tls", "edge", "nextcloud")])
    failed = [result for result in results if result.state == "fail"]
    assert {result.id for result in failed} >= {"tls.certificate", "edge.redirect", "edge.hsts", "nextcloud.status"}
    assert all("Connection refused" in result.saw for result in failed), [result.saw for result in failed]
