"""Filling the lab's own registry and archive server, so that locking, pulling and fetching take the real path."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import requests
from docker.errors import APIError

from collab_stack.lab import applications, images, infra, machines
from collab_stack.lab.errors import LabError
from collab_stack.lab.layout import REGISTRY_PORT

if TYPE_CHECKING:
    from typing import Literal

    from docker import DockerClient

    from collab_stack.lab.applications import Image
    from collab_stack.lab.progress import Progress
    from collab_stack.lab.state import State

_SECONDS: Final = 10.0
_TYPES: Final = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"


def obtain(
    client: DockerClient, image: Image, chosen: Literal["standins", "upstream"], base: str, progress: Progress
) -> str | None:
    """Return the engine's tag of an application's image, pulled or built; None when the checkout does not have it."""
    if chosen == "upstream":
        if not images.exists(client, image.source):
            with progress.step(f"pull {image.source}"):
                client.images.pull(image.source)
        return image.source
    recipe = applications.recipe(image, base, progress)
    return images.build(client, recipe, progress) if recipe is not None else None


def load(client: DockerClient, state: State, wanted: dict[str, str], progress: Progress) -> None:
    """Push images into the lab's registry where it does not have them; remember their digests.

    :param wanted: path and tag in the registry -> tag in the engine.
    """
    for path, tag in wanted.items():
        image = next(one for one in applications.images() if one.path == path)
        standin = images.built_here(client, tag) and not applications.is_real(image.component)
        _note(state, image.component, image.version, genuine=not standin)
        identity = str(client.images.get(tag).id)
        known, _, digest = state.loaded.get(path, "").partition(" ")
        if known == identity and _digest(state, path) == digest:
            continue
        with progress.step(f"push {path} to the lab's registry"):
            _push(client, state, path, tag)
        state.loaded[path] = f"{identity} {_digest(state, path)}"
        state.save()


def _note(state: State, component: str, version: str, *, genuine: bool) -> None:
    """Remember whether a version of a component is upstream's own software or a stand-in's."""
    state.played[f"{component} {version}"] = "real" if genuine else "standin"


def _push(client: DockerClient, state: State, path: str, tag: str) -> None:
    """Push over the machine's loopback: the engine takes such a registry without being told of the lab's CA."""
    container = machines.find(client, state.layout, "infra")
    ports = container.ports.get(f"{REGISTRY_PORT}/tcp") if container is not None else None
    if not ports:
        raise LabError("infra does not offer its registry", mend=f"collab-stack lab up --name {state.name}")
    name, version = path.rsplit(":", 1)
    repository = f"127.0.0.1:{ports[0]['HostPort']}/{name}"
    client.images.get(tag).tag(repository, version)
    try:
        for event in client.api.push(repository, version, stream=True, decode=True):
            if "error" in event:
                raise LabError(
                    f"{path} cannot be pushed to the lab's registry: {event['error']}",
                    mend=f"collab-stack lab up --name {state.name}; else docker logs collab-lab-{state.name}-infra",
                    code="lab-registry",
                )
    finally:
        with suppress(APIError):
            client.images.remove(f"{repository}:{version}", noprune=True)


def _digest(state: State, path: str) -> str:
    """Return the digest that the lab's registry has for an image, or an empty text."""
    name, version = path.rsplit(":", 1)
    url = f"https://{state.layout.address('infra')}:{REGISTRY_PORT}/v2/{name}/manifests/{version}"
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between a machine and its own containers
        try:
            answer = session.head(url, headers={"Accept": _TYPES}, verify=str(state.ca_file), timeout=_SECONDS)
        except requests.RequestException:
            return ""
    return answer.headers.get("Docker-Content-Digest", "") if answer.ok else ""


def serve_archives(
    client: DockerClient, state: State, chosen: Literal["standins", "upstream"], progress: Progress
) -> None:
    """Put the application archives on the lab's archive server."""
    for archive in applications.archives():
        content = applications.archive_bytes(archive, chosen)
        if content is None:
            progress.line(f"  note: the checkout has no stand-in for {archive.component}; its archive is not served")
            continue
        container = machines.find(client, state.layout, "infra")
        if container is not None:
            container.put_archive("/", machines.pack({f"/srv/artifacts/{archive.path}": infra.File(content)}))
        _note(state, archive.component, archive.version, genuine=chosen == "upstream" and archive.is_upstream)
        state.artifacts[archive.component] = f"https://{state.layout.fqdn('artifacts')}/{archive.path}"
    state.save()
