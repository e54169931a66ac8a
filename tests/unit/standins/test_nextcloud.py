"""The Nextcloud stand-in's sources: its app's archive, its recipe, and the lists it is made from."""

from __future__ import annotations

import io
import json
import re
import tarfile
from xml.etree import ElementTree as ET

import pytest

from collab_stack import catalogue
from collab_stack.lab import applications
from tests.standins.nextcloud import contract


def app_archive() -> bytes:
    """Return user_oidc as the lab serves it."""
    version = catalogue.load().components["user_oidc"].version
    archive = next(one for one in applications.archives() if (one.component, one.version) == ("user_oidc", version))
    content = applications.archive_bytes(archive, "standins")
    assert content is not None
    return content


def test_the_app_is_an_archive_as_upstream_s_with_the_catalogue_s_version() -> None:
    with tarfile.open(fileobj=io.BytesIO(app_archive())) as tar:
        names = tar.getnames()
        info = tar.extractfile("user_oidc/appinfo/info.xml")
        assert info is not None
        version = ET.fromstring(info.read()).findtext("version")
    assert {name.split("/", 1)[0] for name in names} == {"user_oidc"}
    assert version == catalogue.load().components["user_oidc"].version


def test_the_app_s_archive_has_the_same_bytes_each_time() -> None:
    assert app_archive() == app_archive()


def test_the_app_fits_every_server_that_the_catalogue_knows() -> None:
    needs = ET.parse(contract.HERE / "apps" / "user_oidc" / "appinfo" / "info.xml").find("dependencies/nextcloud")
    assert needs is not None
    component = catalogue.load().components["nextcloud"]
    for version in (component.version, *component.versions):
        assert int(needs.attrib["min-version"]) <= int(version.split(".")[0]) <= int(needs.attrib["max-version"])


def test_the_recipe_builds_the_catalogue_s_version() -> None:
    recipe = (contract.HERE / "Dockerfile").read_text(encoding="utf-8")
    default = re.search(r"ARG NEXTCLOUD_VERSION=(.+)", recipe)
    assert default is not None
    assert default[1] == catalogue.load().components["nextcloud"].version


def test_the_lists_hold_what_the_contract_misses() -> None:
    assert "--output" in contract.commands()["user_oidc:provider"]["options"]
    assert contract.system_settings()["user_oidc"] == "array"
    variables = contract.environment()["variables"]
    assert {"NEXTCLOUD_ADMIN_PASSWORD_FILE", "PGSSLMODE", "TZ"} <= set(variables)
    assert not [name for name in variables if "<" in name or " " in name]


@pytest.mark.parametrize("kind", ["always", "default", "off"])
def test_shipped_apps_are_listed_once(kind: str) -> None:
    shipped = json.loads((contract.HERE / "server" / "core" / "shipped.json").read_text(encoding="utf-8"))
    assert len(shipped[kind]) == len(set(shipped[kind]))
    assert set(shipped["off"]).isdisjoint([*shipped["always"], *shipped["default"]])
