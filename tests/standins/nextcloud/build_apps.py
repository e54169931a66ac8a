"""Packs the apps that the Nextcloud stand-in plays into archives shaped like upstream's releases.

``python tests/standins/nextcloud/build_apps.py DEST`` writes ``user_oidc-v8.10.1.tar.gz`` into DEST and prints its path
and SHA-512. The same sources give the same bytes, whoever packs them and when, so that a lock file stays valid.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path

APPS = Path(__file__).resolve().parent / "apps"


def version(app: str) -> str:
    """Return the version in an app's info.xml."""
    text = ET.parse(APPS / app / "appinfo" / "info.xml").findtext("version")
    if text is None:
        raise ValueError(f"{app}: info.xml has no version")
    return text


def archive(app: str) -> bytes:
    """Return the gzipped tar of one app: one top folder named like the app, sorted, root-owned, at time 0."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted([APPS / app, *(APPS / app).rglob("*")]):
            member = tarfile.TarInfo(str(path.relative_to(APPS)))
            member.mtime = 0
            if path.is_dir():
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(member)
            else:
                content = path.read_bytes()
                member.size, member.mode = len(content), 0o644
                tar.addfile(member, io.BytesIO(content))
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as zipped:
        zipped.write(raw.getvalue())
    return packed.getvalue()


def build(destination: Path) -> list[Path]:
    """Write every app's archive below ``destination`` and return their paths."""
    destination.mkdir(parents=True, exist_ok=True)
    paths = []
    for folder in sorted(path for path in APPS.iterdir() if path.is_dir()):
        path = destination / f"{folder.name}-v{version(folder.name)}.tar.gz"
        path.write_bytes(archive(folder.name))
        paths.append(path)
    return paths


def main(arguments: list[str]) -> int:
    """Build into the folder given as the only argument."""
    if len(arguments) != 1:
        sys.stderr.write("usage: build_apps.py DEST\n")
        return 2
    for path in build(Path(arguments[0])):
        digest = hashlib.sha512(path.read_bytes()).hexdigest()
        sys.stdout.write(f"{path} sha512:{digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
