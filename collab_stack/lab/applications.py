"""The applications' images and archives: upstream's where a registry answers, else built from a checkout."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import requests

from collab_stack import catalogue, paths
from collab_stack.lab import debian, state
from collab_stack.lab.errors import LabError
from collab_stack.lab.images import Recipe

if TYPE_CHECKING:
    from collab_stack.catalogue import Component
    from collab_stack.lab.progress import Progress

Choice = Literal["auto", "standins", "upstream"]

_HTTPS: Final = 443
_REGISTRY_SECONDS: Final = 3.0
_ARCHIVE_SECONDS: Final = 5.0
_REAL: Final = frozenset({"keycloak"})
"""Built here, too, but from upstream's own distribution."""


@dataclass(frozen=True, slots=True)
class Image:
    """An application's image.

    :param component: name in the catalogue.
    :param upstream: registry, name and tag at upstream.
    """

    component: str
    version: str
    upstream: str

    @property
    def path(self) -> str:
        """Name and tag without the registry, as the lab's own registry has it."""
        return self.upstream.split("/", 1)[1]

    @property
    def source(self) -> str:
        """Where it is pulled from: upstream, or the registry that ``COLLAB_LAB_REGISTRY`` names as its mirror."""
        mirror = os.environ.get("COLLAB_LAB_REGISTRY")
        return f"{mirror}/{self.path}" if mirror else self.upstream


@dataclass(frozen=True, slots=True)
class Archive:
    """An application archive.

    :param upstream: its URL at upstream.
    """

    component: str
    version: str
    upstream: str

    @property
    def path(self) -> str:
        """Its file name, under which the lab's archive server has it."""
        return urlsplit(self.upstream).path.rsplit("/", 1)[1]

    @property
    def source(self) -> str:
        """Where it is downloaded from: upstream, or the folder that ``COLLAB_LAB_ARTIFACTS`` names as its mirror."""
        mirror = os.environ.get("COLLAB_LAB_ARTIFACTS")
        return f"{mirror.rstrip('/')}/{self.path}" if mirror else self.upstream

    @property
    def is_upstream(self) -> bool:
        """Whether it comes from upstream itself; a mirror may hold a stand-in."""
        return self.source == self.upstream


def images() -> tuple[Image, ...]:
    """Return every image that the catalogue knows, in each version that a site may ask for."""
    return tuple(
        Image(name, version, f"{component.image.rsplit(':', 1)[0]}:{_tag(component, version)}")
        for name, component in catalogue.load().components.items()
        if component.image is not None
        for version in (component.version, *component.versions)
    )


def archives() -> tuple[Archive, ...]:
    """Return every application archive that the catalogue knows."""
    return tuple(
        Archive(name, version, component.archive.format(version=version))
        for name, component in catalogue.load().components.items()
        if component.archive is not None
        for version in (component.version, *component.versions)
    )


def _tag(component: Component, version: str) -> str:
    tag = (component.image or "").rsplit(":", 1)[1]
    return tag.replace(component.version, version)


def standins_folder() -> Path | None:
    """Return where a checkout keeps the stand-ins; None in an installed wheel, which has none."""
    folder = paths.content_root() / "tests" / "standins"
    return folder if folder.is_dir() else None


def is_real(component: str) -> bool:
    """Say whether what is built here is upstream's own software."""
    return component in _REAL


def decide(choice: Choice) -> Literal["standins", "upstream"]:
    """Return which images a lab takes.

    :raises LabError: when what was asked for, or anything at all, cannot be had.
    """
    if choice != "standins":
        silent = [host for host, port in _registries() if not debian.reachable(host, port, _REGISTRY_SECONDS)]
        if not silent:
            return "upstream"
        if choice == "upstream":
            raise LabError(
                f"the registry {silent[0]} does not answer within {_REGISTRY_SECONDS:.0f} s",
                mend="collab-stack lab up --images standins, from a checkout; or a machine that reaches the registry",
                code="lab-registry",
            )
    if standins_folder() is None:
        raise LabError(
            "no registry answers, and an installed collab-stack has no stand-ins",
            mend="run the lab from a checkout, or on a machine that reaches the upstream registries",
            code="lab-images",
        )
    return "standins"


def _registries() -> tuple[tuple[str, int], ...]:
    """Return host and port of every registry that images are pulled from."""
    names = {image.source.split("/", 1)[0] for image in images()}
    parts = [("registry-1.docker.io" if name == "docker.io" else name).partition(":") for name in sorted(names)]
    return tuple((host, int(port or _HTTPS)) for host, _, port in parts)


def recipe(image: Image, base: str, progress: Progress) -> Recipe | None:
    """Return how an application's image is built here; None when the checkout does not have it.

    :param base: tag of the lab's Debian image.
    """
    folder = (standins_folder() or Path()) / image.component
    if not (folder / "Dockerfile").is_file():
        return None
    large = {}
    if (folder / "distribution.json").is_file():
        archive, checksum = distribution(folder, image.version, progress)
        large[f"{image.component}.tar.gz"] = (archive, checksum)
    named = f"{image.component.upper()}_VERSION"  # upstream's own habit for its build arguments
    return Recipe(image.component, folder, {"BASE": base, "VERSION": image.version, named: image.version}, large)


def distribution(folder: Path, version: str, progress: Progress) -> tuple[Path, str]:
    """Return upstream's distribution and its SHA-512; downloaded once, verified each time.

    Maven checks the repository's own checksum while it downloads (-C); the one in distribution.json was read when
    the version was added.

    :raises LabError: when it cannot be had, or is not what it was.
    """
    known = json.loads((folder / "distribution.json").read_text(encoding="utf-8"))
    wanted = known["sha512"].get(version)
    if wanted is None:
        raise LabError(
            f"{folder.name} {version}: no checksum in distribution.json",
            mend=f"add the SHA-512 of {known['artifact'].format(version=version)} that you read yourself",
            code="lab-distribution",
        )
    artifact = known["artifact"].format(version=version)
    _, name, _, kind = artifact.split(":")
    file = state.cache() / f"{name}-{version}.{kind}"
    if not file.is_file():
        with progress.step(f"download {artifact}"):
            _maven(artifact, file)
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha512").hexdigest()
    if found != wanted:
        file.unlink()
        raise LabError(
            f"{file.name} has the SHA-512 {found[:16]}…, not {wanted[:16]}…; it was deleted",
            mend="run the same command again; if it stays, somebody on the way changes what you download",
            code="lab-distribution",
        )
    return file, wanted


def _maven(artifact: str, target: Path) -> None:
    if shutil.which("mvn") is None:
        raise LabError("mvn is missing: it fetches Keycloak", mend="apt-get install maven", code="lab-tool")
    command = ["mvn", "--quiet", "--batch-mode", "--strict-checksums", "dependency:copy"]
    done = subprocess.run(
        [*command, f"-Dartifact={artifact}", f"-DoutputDirectory={target.parent}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode or not target.is_file():
        lines = [line for line in done.stdout.splitlines() if "ERROR" in line]
        raise LabError(
            f"maven did not bring {artifact}: {lines[0] if lines else 'no message'}",
            mend=f"mvn dependency:copy -Dartifact={artifact} -DoutputDirectory={target.parent}",
            code="lab-distribution",
        )


def archive_bytes(archive: Archive, chosen: Literal["standins", "upstream"]) -> bytes | None:
    """Return an application archive's content; None when the checkout does not have it.

    :raises LabError: when upstream's cannot be downloaded.
    """
    if chosen == "upstream":
        try:
            answer = requests.get(archive.source, timeout=_ARCHIVE_SECONDS)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise LabError(
                f"{archive.source} cannot be downloaded: {error}",
                mend="collab-stack lab up --images standins, from a checkout",
                code="lab-archive",
            ) from error
        return answer.content
    found = sorted((standins_folder() or Path()).glob(f"*/apps/{archive.component}"))
    return _tarball(found[0], archive.component) if found else None


def _tarball(folder: Path, top: str) -> bytes:
    """Return a folder as .tar.gz, the same bytes for the same content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                info = tarfile.TarInfo(f"{top}/{path.relative_to(folder)}")
                info.size, info.mode = path.stat().st_size, 0o644
                with path.open("rb") as content:
                    archive.addfile(info, content)
    return gzip.compress(buffer.getvalue(), mtime=0)
