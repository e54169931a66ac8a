# GNU General Public License v3.0 or later (see LICENSE)
"""Leaf certificates on a host: keys that never leave it, requests for certificates, and the files made of both."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.collab.tree import Entry, TreeError, observe

Run = Callable[[list[str]], tuple[int, str, str]]

KEY = "key.pem"
COMBINED = "combined.pem"
CURVE = "P-256"


@dataclass(frozen=True)
class Leaf:
    """One certificate with its key, in a folder of its own.

    :param certificate: file name of the certificate.
    :param combined: whether key and certificate are also in one file, as HAProxy wants them.
    """

    name: str
    folder: str
    uid: int
    gid: int
    key_mode: int
    folder_gid: int
    folder_mode: int
    certificate: str = "cert.pem"
    combined: bool = False

    def path(self, name: str) -> str:
        """Return the path of one of its files."""
        return f"{self.folder}/{name}"


class Leaves:
    """All leaves of a host.

    :param pending: folder of root's alone for keys whose certificate is still to come.
    """

    def __init__(self, leaves: Iterable[Leaf], pending: str, run: Run) -> None:
        self._leaves = tuple(leaves)
        self._pending = pending
        self._run = run

    def look(self) -> dict[str, dict[str, str]]:
        """Return leaf -> its certificate and its public key in PEM, each empty when there is none that can be read."""
        return {
            leaf.name: {
                "certificate": _read(leaf.path(leaf.certificate)).decode("ascii", "replace"),
                "public_key": self._public_key(leaf.path(KEY)),
            }
            for leaf in self._leaves
        }

    def request(self, names: Iterable[str]) -> dict[str, str]:
        """Make new keys and return leaf -> request for its certificate in PEM.

        :raises TreeError: when openssl refuses.
        """
        self.forget()
        Path(self._pending).mkdir(mode=0o700, parents=True)
        return {name: self._new(name) for name in names}

    def forget(self) -> None:
        """Remove keys that were never put to use."""
        shutil.rmtree(self._pending, ignore_errors=True)

    def entries(self, certificates: Mapping[str, str]) -> Iterable[Entry]:
        """Return the files of all leaves.

        What a leaf already has stays as it is, with the right owner and mode; a new certificate comes with its new key.
        """
        for leaf in self._leaves:
            yield Entry(leaf.folder, "directory", 0, leaf.folder_gid, leaf.folder_mode)
            new = certificates.get(leaf.name, "").encode()
            key = _read(f"{self._pending}/{leaf.name}.pem") if new else _read(leaf.path(KEY))
            certificate = new or _read(leaf.path(leaf.certificate))
            if key:
                yield Entry(leaf.path(KEY), "file", leaf.uid, leaf.gid, leaf.key_mode, key, secret=True)
            if key and certificate and leaf.combined:
                both = key + certificate
                yield Entry(leaf.path(COMBINED), "file", leaf.uid, leaf.gid, leaf.key_mode, both, secret=True)
            if certificate:
                yield Entry(leaf.path(leaf.certificate), "file", leaf.uid, leaf.gid, 0o644, certificate)

    def files(self, name: str) -> list[str]:
        """Return the paths of a leaf's files."""
        leaf = next(leaf for leaf in self._leaves if leaf.name == name)
        names = [KEY, *([COMBINED] if leaf.combined else []), leaf.certificate]
        return [leaf.path(item) for item in names]

    def _new(self, name: str) -> str:
        path = f"{self._pending}/{name}.pem"
        before = os.umask(0o077)
        try:
            self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVE}", "-out", path)
        finally:
            os.umask(before)
        # Who it is for is decided by the signer; the request only proves the possession of the key.
        return self._openssl("req", "-new", "-key", path, "-subj", "/CN=collab-stack")

    def _public_key(self, path: str) -> str:
        if observe(path).kind != "file" or not shutil.which("openssl"):
            return ""
        code, out, _ = self._run(["openssl", "pkey", "-in", path, "-pubout"])
        return "" if code else out

    def _openssl(self, *arguments: str) -> str:
        code, out, err = self._run(["openssl", *arguments])
        if code:
            raise TreeError(f"openssl {arguments[0]} ended with {code}: {err.strip()}")
        return out


def _read(path: str) -> bytes:
    found = observe(path)
    return found.content if found.kind == "file" else b""
