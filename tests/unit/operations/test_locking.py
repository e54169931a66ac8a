"""`images lock` and `artifacts lock`, against a server that speaks what registries and mirrors speak."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from collab_stack import catalogue, plan
from collab_stack.errors import CollabError, ExitCode
from collab_stack.operations import artifacts, images
from collab_stack.operations.registry import MEDIA_TYPES, Registry, RegistryError, UnreachableRegistryError
from collab_stack.site import Lock, Site
from tests.unit.operations.conftest import Answer, WebServer
from tests.unit.plan.conftest import MakeSite

BODY = json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPES[0], "manifests": []}).encode()
DIGEST = "sha256:" + hashlib.sha256(BODY).hexdigest()
KEYCLOAK = "/v2/keycloak/keycloak/manifests/26.7.4"
NEXTCLOUD = "/v2/library/nextcloud/manifests/34.0.2-fpm"
ARCHIVE = b"an archive"


@pytest.fixture
def site(make_site: MakeSite, web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose registry and mirror are the server."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca.pem").write_bytes(web.ca.read_bytes())
    made = make_site(
        {
            "registry": {"address": web.address, "ca": "tls/ca.pem"},
            "artifacts": {"mirror": f"https://{web.address}/archives/", "ca": "tls/ca.pem"},
        }
    )
    return replace(made, directory=tmp_path)


def needed(site: Site) -> tuple[images.Image, ...]:
    shipped = catalogue.load()
    return images.needed(site, shipped, plan.build(site, shipped))


def archives(site: Site) -> tuple[artifacts.Artifact, ...]:
    shipped = catalogue.load()
    return artifacts.needed(site, shipped, plan.build(site, shipped))


def read_lock(site: Site) -> Site:
    text = (site.directory / "images.lock").read_text()
    return replace(site, lock=Lock.model_validate_json(json.dumps(yaml.safe_load(text))))


def test_digests_are_computed_from_what_the_registry_gives(site: Site, web: WebServer) -> None:
    web.answers = {("GET", path): (200, {"Docker-Content-Digest": DIGEST}, BODY) for path in (KEYCLOAK, NEXTCLOUD)}
    moment = datetime(2026, 11, 1, 12, tzinfo=UTC)
    read, changed = images.lock(site, needed(site), moment)
    assert changed
    assert read["nextcloud"].reference == f"{web.address}/library/nextcloud:34.0.2-fpm"
    assert {entry.digest for entry in read.values()} == {DIGEST}
    locked = read_lock(site)
    assert list(locked.lock.images) == ["keycloak", "nextcloud"]
    assert images.unlocked(needed(locked)) is None
    _, changed = images.lock(locked, needed(locked))
    assert not changed, "locking the same again must not change the file"


def test_a_registry_whose_bytes_are_others_than_it_says_is_refused(site: Site, web: WebServer) -> None:
    web.answers[("GET", KEYCLOAK)] = (200, {"Docker-Content-Digest": "sha256:" + "0" * 64}, BODY)
    with pytest.raises(RegistryError, match="its bytes are"):
        images.lock(site, needed(site))
    assert not (site.directory / "images.lock").exists()


def test_an_anonymous_token_is_fetched(web: WebServer) -> None:
    challenge = (
        f'Bearer realm="https://{web.address}/token",service="registry",scope="repository:keycloak/keycloak:pull"'
    )

    def manifest(headers: dict[str, str]) -> Answer:
        if headers.get("Authorization") != "Bearer letmein":
            return 401, {"WWW-Authenticate": challenge}, b""
        assert MEDIA_TYPES[0] in headers["Accept"]
        return 200, {}, BODY

    web.answers[("GET", KEYCLOAK)] = manifest
    asked = "/token?service=registry&scope=repository%3Akeycloak%2Fkeycloak%3Apull"
    web.answers[("GET", asked)] = (200, {}, json.dumps({"token": "letmein"}).encode())
    assert Registry(web.address, web.ca).digest("keycloak/keycloak", "26.7.4") == DIGEST


def test_a_login_is_told_as_such(web: WebServer) -> None:
    web.answers[("GET", KEYCLOAK)] = (401, {"WWW-Authenticate": 'Basic realm="house"'}, b"")
    with pytest.raises(RegistryError, match="wants a login"):
        Registry(web.address, web.ca).digest("keycloak/keycloak", "26.7.4")


def test_a_missing_image_names_where_it_should_be(site: Site, web: WebServer) -> None:
    with pytest.raises(RegistryError, match=r"has no keycloak/keycloak:26\.7\.4") as caught:
        images.lock(site, needed(site))
    assert caught.value.exit_code == ExitCode.PREFLIGHT_FAILED
    assert "copy the image to" in caught.value.mend


def test_an_untrusted_and_a_silent_registry_differ(web: WebServer) -> None:
    with pytest.raises(RegistryError, match="is not trusted") as caught:
        Registry(web.address).digest("a/b", "1")
    assert not isinstance(caught.value, UnreachableRegistryError)
    with pytest.raises(UnreachableRegistryError, match="does not answer"):
        Registry("127.0.0.1:1").digest("a/b", "1")


def test_has_asks_without_reading(web: WebServer) -> None:
    web.answers[("HEAD", f"/v2/a/b/manifests/{DIGEST}")] = (200, {}, b"")
    registry = Registry(web.address, web.ca)
    assert registry.has("a/b", DIGEST)
    assert not registry.has("a/c", DIGEST)


def test_a_lock_for_another_version_or_registry_counts_as_none(site: Site, web: WebServer) -> None:
    web.answers = {("GET", path): (200, {}, BODY) for path in (KEYCLOAK, NEXTCLOUD)}
    images.lock(site, needed(site))
    locked = read_lock(site)
    config = locked.config.model_copy(update={"registry": None})
    error = images.unlocked(needed(replace(locked, config=config)))
    assert error is not None
    assert error.mend == "collab-stack images lock"
    assert "keycloak 26.7.4, nextcloud 34.0.2" in error.message


def test_archives_are_fetched_checked_and_kept(site: Site, web: WebServer) -> None:
    path = "/archives/user_oidc-v8.10.1.tar.gz"
    web.answers[("GET", path)] = (200, {}, ARCHIVE)
    (artifact,) = archives(site)
    assert artifacts.unlocked([artifact]) is not None
    read, changed = artifacts.lock(site, [artifact])
    sha512 = hashlib.sha512(ARCHIVE).hexdigest()
    assert changed
    assert read["user_oidc"].sha512 == sha512
    assert (artifacts.cache() / sha512).read_bytes() == ARCHIVE
    locked = read_lock(site)
    assert artifacts.pull(locked.lock.artifacts, artifacts.ca_of(locked)) == []
    assert len(web.asked) == 1, "what is in the cache is not fetched again"
    (artifacts.cache() / sha512).write_bytes(b"altered on the disk")
    assert artifacts.pull(locked.lock.artifacts, artifacts.ca_of(locked)) == ["user_oidc"]
    assert (artifacts.cache() / sha512).read_bytes() == ARCHIVE


def test_an_archive_that_changed_at_its_source_is_refused(site: Site, web: WebServer) -> None:
    path = "/archives/user_oidc-v8.10.1.tar.gz"
    web.answers[("GET", path)] = (200, {}, ARCHIVE)
    artifacts.lock(site, archives(site))
    locked = read_lock(site)
    (artifacts.cache() / locked.lock.artifacts["user_oidc"].sha512).unlink()
    web.answers[("GET", path)] = (200, {}, b"something else")
    with pytest.raises(CollabError, match=r"not the archive that images\.lock knows"):
        artifacts.pull(locked.lock.artifacts, artifacts.ca_of(locked))
    assert not list(artifacts.cache().glob(".fetch-*"))


def test_a_missing_archive_is_told(site: Site, web: WebServer) -> None:
    with pytest.raises(CollabError, match="cannot be fetched"):
        artifacts.lock(site, archives(site))
    assert not list(artifacts.cache().glob(".fetch-*"))
