"""Images are named by what goes in, so that nothing is built twice and nothing old is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from collab_stack.lab import LabError, Progress, applications, debian, images, state


def recipe(folder: Path, **arguments: str) -> images.Recipe:
    return images.Recipe("thing", folder, arguments)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "recipe"
    (made / "sub").mkdir(parents=True)
    (made / "Dockerfile").write_text("FROM scratch\n")
    (made / "sub" / "file").write_text("one")
    return made


def test_the_same_content_has_the_same_name(folder: Path) -> None:
    (folder / "__pycache__").mkdir()
    before = recipe(folder, BASE="x").tag()
    (folder / "__pycache__" / "junk.pyc").write_text("junk")
    assert recipe(folder, BASE="x").tag() == before
    assert before.startswith("collab-lab/thing:")


def test_any_change_has_another_name(folder: Path) -> None:
    tags = {recipe(folder, BASE="x").tag(), recipe(folder, BASE="y").tag()}
    (folder / "sub" / "file").write_text("two")
    tags.add(recipe(folder, BASE="x").tag())
    (folder / "sub" / "file").chmod(0o755)
    tags.add(recipe(folder, BASE="x").tag())
    (folder / "sub" / "file").rename(folder / "sub" / "other")
    tags.add(recipe(folder, BASE="x").tag())
    tags.add(images.Recipe("thing", folder, {"BASE": "x"}, large={"a": (Path(), "sum")}).tag())
    assert len(tags) == 6


def test_every_shipped_recipe_is_there() -> None:
    for name in ("debian", "host", "host-packages", "infra", "ops", "outside"):
        assert (images.RECIPES / name / "Dockerfile").is_file()


def test_images_are_named_as_upstream_names_them() -> None:
    paths = {image.component: image.path for image in applications.images()}
    assert paths["keycloak"].startswith("keycloak/keycloak:")
    assert paths["nextcloud"].startswith("library/nextcloud:")
    assert paths["nextcloud"].endswith("-fpm")


def test_without_registry_and_without_checkout_the_lab_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "reachable", lambda *_: False)
    monkeypatch.setenv("COLLAB_CONTENT", str(tmp_path))
    with pytest.raises(LabError, match="no registry answers") as caught:
        applications.decide("auto")
    assert "checkout" in caught.value.mend
    with pytest.raises(LabError, match="does not answer"):
        applications.decide("upstream")


def test_where_registries_answer_upstream_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def reachable(host: str, *_: object) -> bool:
        asked.append(host)
        return True

    monkeypatch.setattr(debian, "reachable", reachable)
    assert applications.decide("auto") == "upstream"
    assert set(asked) == {"quay.io", "registry-1.docker.io"}
    assert applications.decide("standins") == "standins"


def test_a_mirror_stands_in_for_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLAB_LAB_REGISTRY", "127.0.0.1:5001")
    monkeypatch.setenv("COLLAB_LAB_ARTIFACTS", "http://mirror.agency.example/archives/")
    asked: list[tuple[str, int]] = []

    def reachable(host: str, port: int, *_: object) -> bool:
        asked.append((host, port))
        return True

    monkeypatch.setattr(debian, "reachable", reachable)
    assert applications.decide("upstream") == "upstream"
    assert set(asked) == {("127.0.0.1", 5001)}
    assert {image.source for image in applications.images()} >= {f"127.0.0.1:5001/{applications.images()[0].path}"}
    archive = applications.archives()[0]
    assert archive.source == f"http://mirror.agency.example/archives/{archive.path}"
    assert not archive.is_upstream  # it may be a stand-in's


def test_a_distribution_that_is_not_what_it_was_is_refused_and_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "thing"
    folder.mkdir()
    (folder / "distribution.json").write_text('{"artifact": "g:thing:{version}:tar.gz", "sha512": {"1": "00"}}')
    file = state.cache() / "thing-1.tar.gz"
    file.write_text("altered on the way")
    with pytest.raises(LabError, match="SHA-512"):
        applications.distribution(folder, "1", Progress(lambda _: None))
    assert not file.exists()
    with pytest.raises(LabError, match="no checksum"):
        applications.distribution(folder, "2", Progress(lambda _: None))


def test_an_archive_is_the_same_bytes_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = tmp_path / "tests" / "standins" / "nextcloud" / "apps" / "user_oidc"
    (app / "appinfo").mkdir(parents=True)
    (app / "appinfo" / "info.xml").write_text("<info/>")
    monkeypatch.setenv("COLLAB_CONTENT", str(tmp_path))
    archive = next(one for one in applications.archives() if one.component == "user_oidc")
    first = applications.archive_bytes(archive, "standins")
    (app / "appinfo" / "info.xml").touch()
    assert first == applications.archive_bytes(archive, "standins")
    (app / "appinfo" / "info.xml").write_text("<other/>")
    assert first != applications.archive_bytes(archive, "standins")
