"""Application archives such as Nextcloud's apps: which ones a site needs, their checksums, and a cache of the files."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import requests

from collab_stack.errors import CollabError, ExitCode
from collab_stack.operations import lockfile
from collab_stack.site import LockedArtifact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collab_stack.catalogue import Catalogue
    from collab_stack.plan import Plan
    from collab_stack.site import Site

TIMEOUT: Final = (5, 30)
"""Seconds to connect, and between two bytes."""

LARGEST: Final = 512 * 1024 * 1024
"""Bytes; an archive that is larger is none of ours."""

_CHUNK: Final = 1024 * 1024


class ArtifactError(CollabError):
    """An archive cannot be had, or is not the locked one."""

    def __init__(self, message: str, mend: str, code: str = "artifact") -> None:
        super().__init__(message, mend=mend, code=code, exit_code=ExitCode.PREFLIGHT_FAILED)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One archive that the site needs.

    :param url: where it is fetched from.
    :param locked: what images.lock says; None when it has none, or one of another version or place.
    """

    component: str
    version: str
    url: str
    locked: LockedArtifact | None


def needed(site: Site, catalogue: Catalogue, plan: Plan) -> tuple[Artifact, ...]:
    """Return the archives of the services that the stack itself carries, by name."""
    carried = {service.name for service in plan.services if service.hosts}
    return tuple(
        _artifact(site, name, component.version, component.archive)
        for name, component in sorted(catalogue.components.items())
        if component.archive and (component.part_of is None or component.part_of in carried)
    )


def _artifact(site: Site, name: str, version: str, archive: str) -> Artifact:
    url = archive.format(version=version)
    if site.config.artifacts is not None:
        url = f"{site.config.artifacts.mirror.rstrip('/')}/{url.rsplit('/', 1)[1]}"
    locked = site.lock.artifacts.get(name)
    fits = locked is not None and locked.version == version and locked.url == url
    return Artifact(name, version, url, locked if fits else None)


def cache() -> Path:
    """Return the folder of fetched archives, each named by its SHA-512."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "collab-stack" / "artifacts"


def ca_of(site: Site) -> Path | None:
    """Return the CA of the site's own mirror."""
    own = site.config.artifacts
    return site.directory / own.ca if own and own.ca else None


def lock(site: Site, artifacts: Sequence[Artifact]) -> tuple[dict[str, LockedArtifact], bool]:
    """Fetch all archives, and write their checksums to images.lock; return them, and whether the file changed.

    :raises ArtifactError: when one cannot be fetched; then nothing is written.
    """
    moment = datetime.now(UTC).replace(microsecond=0)
    read = {}
    for artifact in artifacts:
        sha512 = fetch(artifact.url, ca_of(site))
        before = artifact.locked
        same = before is not None and before.sha512 == sha512
        read[artifact.component] = LockedArtifact(
            url=artifact.url,
            sha512=sha512,
            version=artifact.version,
            locked=before.locked if same and before else moment,
        )
    return read, lockfile.update(site, artifacts=read)


def pull(locked: Mapping[str, LockedArtifact], ca: Path | None = None) -> list[str]:
    """Bring all locked archives into the cache; return the names of those that were fetched.

    :param ca: the mirror's CA, in PEM; None trusts this machine's list.
    :raises ArtifactError: when one cannot be fetched, or is not the locked one.
    """
    fetched = []
    for name, entry in locked.items():
        if cached(entry.sha512):
            continue
        found = fetch(entry.url, ca)
        if found != entry.sha512:
            raise ArtifactError(
                f"{entry.url} is not the archive that images.lock knows: its SHA-512 is {found[:16]}…, "
                f"locked is {entry.sha512[:16]}….",
                mend="find out who changed the file; if the new one is right: collab-stack artifacts lock",
                code="artifact-altered",
            )
        fetched.append(name)
    return fetched


def cached(sha512: str) -> bool:
    """Say whether the cache holds an archive; one whose bytes are not right is removed."""
    path = cache() / sha512
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha512").hexdigest() == sha512:
            return True
    path.unlink()
    return False


def fetch(url: str, ca: Path | None = None) -> str:
    """Download an archive into the cache; return its SHA-512.

    :param ca: the CA that signed the server's certificate, in PEM; None trusts this machine's list.
    :raises ArtifactError: when it cannot be read.
    """
    folder = cache()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    total = hashlib.sha512()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".fetch-", delete=False) as target:
        try:
            with requests.get(url, stream=True, timeout=TIMEOUT, verify=str(ca) if ca else True) as response:
                response.raise_for_status()
                for chunk in response.iter_content(_CHUNK):
                    total.update(chunk)
                    target.write(chunk)
                    _bound(url, target.tell())
            target.flush()
            Path(target.name).rename(folder / total.hexdigest())
        except requests.exceptions.RequestException as error:
            Path(target.name).unlink()
            raise ArtifactError(
                f"{url} cannot be fetched: {type(error).__name__}: {error}.",
                mend="check the address; a house without a way out names its own copy as artifacts.mirror in site.yml",
                code="artifact-unreachable",
            ) from None
        except BaseException:
            Path(target.name).unlink(missing_ok=True)
            raise
    return total.hexdigest()


def _bound(url: str, size: int) -> None:
    if size > LARGEST:
        raise ArtifactError(f"{url} is larger than 512 MiB.", mend="check the address")


def unlocked(artifacts: Sequence[Artifact]) -> CollabError | None:
    """Return the error for archives that a deploy needs and that are not locked, or None."""
    missing = [f"{artifact.component} {artifact.version}" for artifact in artifacts if artifact.locked is None]
    if not missing:
        return None
    return ArtifactError(
        f"images.lock has no checksum for {', '.join(missing)}.",
        mend="collab-stack artifacts lock",
        code="artifacts-unlocked",
    )
