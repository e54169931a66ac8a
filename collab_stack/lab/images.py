"""The lab's images: built from recipes, named by a hash of all that goes in, so that nothing is built twice."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import tarfile
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docker.errors import APIError, ImageNotFound

from collab_stack.lab import debian, state
from collab_stack.lab.errors import LabError
from collab_stack.lab.network import LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker import DockerClient

    from collab_stack.lab.progress import Progress

RECIPES: Final = Path(__file__).with_name("images")
PREFIX: Final = "collab-lab"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an image is built.

    :param name: the image is called collab-lab/<name>.
    :param folder: the build context.
    :param arguments: build arguments; BASE is the tag of the image that it stands on.
    :param large: name in the context -> file outside the folder and what identifies it, such as its checksum.
    :param dockerfile: name of the recipe in the folder.
    """

    name: str
    folder: Path
    arguments: Mapping[str, str] = field(default_factory=dict)
    large: Mapping[str, tuple[Path, str]] = field(default_factory=dict)
    dockerfile: str = "Dockerfile"

    def tag(self) -> str:
        """Return the image's full name; it changes with any file, argument or base."""
        digest = hashlib.sha256()
        for path in _files(self.folder):
            digest.update(f"{path.relative_to(self.folder)} {_executable(path)}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        for key, value in sorted(self.arguments.items()):
            digest.update(f"{key}={value}\n".encode())
        for key, (_, identity) in sorted(self.large.items()):
            digest.update(f"{key}:{identity}\n".encode())
        digest.update(self.dockerfile.encode())
        return f"{PREFIX}/{self.name}:{digest.hexdigest()[:12]}"


def shipped(name: str, **arguments: str) -> Recipe:
    """Return a recipe that comes with the lab."""
    return Recipe(name, RECIPES / name, arguments)


def exists(client: DockerClient, tag: str) -> bool:
    """Say whether the engine has an image."""
    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    return True


def built_here(client: DockerClient, tag: str) -> bool:
    """Say whether a lab built an image; its label goes with it through every registry."""
    return f"{LABEL}.recipe" in client.images.get(tag).labels


def build(client: DockerClient, recipe: Recipe, progress: Progress) -> str:
    """Return the tag of a recipe's image, built when it is not there.

    :raises LabError: when the build fails; the whole output is in a log that the message names.
    """
    tag = recipe.tag()
    with _one_at_a_time(tag):
        if not exists(client, tag):
            _build(client, recipe, tag, progress)
    return tag


def _build(client: DockerClient, recipe: Recipe, tag: str, progress: Progress) -> None:
    with progress.step(f"build {tag}"), tempfile.TemporaryFile() as context:
        _pack(recipe, context)
        context.seek(0)
        log = _log_file(recipe.name)
        with log.open("w", encoding="utf-8") as output:
            stream = client.api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=recipe.dockerfile,
                tag=tag,
                buildargs=dict(recipe.arguments),
                network_mode="host",
                extra_hosts=debian.extra_hosts(),
                rm=True,
                forcerm=True,
                labels={f"{LABEL}.recipe": recipe.name},
                decode=True,
            )
            for event in stream:
                output.write(event.get("stream", ""))
                if "error" in event:
                    output.write(event["error"])
                    raise _failed(recipe.name, event["error"], log)


@contextmanager
def _one_at_a_time(tag: str) -> Iterator[None]:
    """Hold the lock of an image, so that labs which start at the same time build it once."""
    folder = state.cache() / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / tag.replace("/", "-").replace(":", "-")).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def base(client: DockerClient, progress: Progress) -> str:
    """Return the tag of the Debian image that all others stand on."""
    folder = RECIPES / "debian"
    identity = " ".join(debian.bootstrap_command("root.tar"))
    recipe = Recipe("debian", folder, large={"root.tar": (Path(), identity)})
    tag = recipe.tag()
    if exists(client, tag):
        return tag
    if not debian.has_mmdebstrap() and debian.reachable("registry-1.docker.io", 443):
        return build(client, Recipe("debian", folder, dockerfile="upstream.Dockerfile"), progress)
    with tempfile.TemporaryDirectory(prefix="collab-lab-") as scratch:
        root = Path(scratch) / "root.tar"
        with _one_at_a_time("debian-root"):
            if exists(client, tag):
                return tag
            with progress.step("make Debian 13 with mmdebstrap"):
                debian.bootstrap(root)
            return build(client, Recipe("debian", folder, large={"root.tar": (root, identity)}), progress)


def remove_all(client: DockerClient) -> None:
    """Remove every image that a lab built, stages without a name too; one that something still uses stays."""
    for image in client.images.list(filters={"label": f"{LABEL}.recipe"}):
        for name in [tag for tag in image.tags if tag.startswith(f"{PREFIX}/")] or [image.id] * (not image.tags):
            with suppress(APIError):
                client.images.remove(str(name))


def _pack(recipe: Recipe, target: io.BufferedRandom | tempfile._TemporaryFileWrapper[bytes]) -> None:
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path in _files(recipe.folder):
            info = tarfile.TarInfo(str(path.relative_to(recipe.folder)))
            info.size = path.stat().st_size
            info.mode = 0o755 if _executable(path) else 0o644
            with path.open("rb") as content:
                archive.addfile(info, content)
        for name, (path, _) in recipe.large.items():
            info = tarfile.TarInfo(name)
            info.size = path.stat().st_size
            info.mode = 0o644
            with path.open("rb") as content:
                archive.addfile(info, content)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _executable(path: Path) -> bool:
    return os.access(path, os.X_OK)


def _log_file(name: str) -> Path:
    folder = state.cache() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"build-{name}.log"


def _failed(name: str, error: str, log: Path) -> LabError:
    return LabError(
        f"the image {PREFIX}/{name} cannot be built: {error.strip()} (whole output: {log})",
        mend="check that the package mirror answers, then run the same command again",
        code="lab-build",
    )
