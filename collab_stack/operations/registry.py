"""Ask an image registry for manifests: the HTTP API V2 (opencontainers/distribution-spec 1.1), read only."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import requests

from collab_stack.errors import CollabError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

MEDIA_TYPES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Indexes first: their digest fits every architecture."""

TIMEOUT: Final = (5, 20)
"""Seconds to connect, and between two bytes."""

_HOSTS: Final = {"docker.io": "registry-1.docker.io"}
_CHALLENGE: Final = re.compile(r'(\w+)="([^"]*)"')
_LARGEST: Final = 4 * 1024 * 1024  # of a manifest, as distribution-spec asks registries to allow


class RegistryError(CollabError):
    """A registry did not give what was asked for."""

    def __init__(self, message: str, mend: str, code: str = "registry") -> None:
        super().__init__(message, mend=mend, code=code, exit_code=ExitCode.PREFLIGHT_FAILED)


class UnreachableRegistryError(RegistryError):
    """No answer at all, as opposed to a wrong one."""


@dataclass(frozen=True, slots=True)
class Reference:
    """``registry/repository:tag``, in parts."""

    registry: str
    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}:{self.tag}"


def parse(reference: str) -> Reference:
    """Return the parts of a full reference such as ``quay.io/keycloak/keycloak:26.7.4``.

    :raises ValueError: when a part is missing.
    """
    registry, slash, rest = reference.partition("/")
    repository, colon, tag = rest.rpartition(":")
    if not (slash and colon and repository):
        raise ValueError(f"not a full image reference: {reference}")
    return Reference(registry, repository, tag)


class Registry:
    """One registry.

    :param address: host, and port when it is not 443; TLS always.
    :param ca: the CA that signed its certificate, in PEM; None trusts this machine's list.
    """

    def __init__(self, address: str, ca: Path | None = None) -> None:
        self._address = address
        self._base = f"https://{_HOSTS.get(address, address)}/v2"
        self._session = requests.Session()
        self._session.headers["Accept"] = ", ".join(MEDIA_TYPES)
        # Given with each request: the session's own setting loses against REQUESTS_CA_BUNDLE in the environment.
        self._verify: str | bool = str(ca) if ca is not None else True

    def digest(self, repository: str, tag: str) -> str:
        """Return the digest of a tag's manifest, computed from its bytes.

        :raises RegistryError: when it cannot be read, or the registry names another digest than its bytes have.
        """
        response = self._manifest("GET", repository, tag)
        read = "sha256:" + hashlib.sha256(response.content).hexdigest()
        told = response.headers.get("Docker-Content-Digest", read)
        if told != read:
            raise RegistryError(
                f"The registry {self._address} calls {repository}:{tag} {told}, but its bytes are {read}.",
                mend="ask who runs the registry (or a proxy before it) why it alters manifests",
            )
        return read

    def has(self, repository: str, digest: str) -> bool:
        """Say whether the registry holds a manifest.

        :raises RegistryError: when it does not answer.
        """
        return self._manifest("HEAD", repository, digest, missing_is_fine=True).status_code == 200

    def _manifest(
        self, method: str, repository: str, reference: str, *, missing_is_fine: bool = False
    ) -> requests.Response:
        url = f"{self._base}/{repository}/manifests/{reference}"
        response = self._request(method, url)
        if response.status_code == 401:
            self._authorise(response.headers.get("WWW-Authenticate", ""), repository)
            response = self._request(method, url)
        if response.status_code == 200 or (missing_is_fine and response.status_code == 404):
            if len(response.content) > _LARGEST:
                raise RegistryError(f"The manifest {url} is larger than 4 MiB.", mend="check the registry's address")
            return response
        raise RegistryError(
            f"The registry {self._address} has no {repository}:{reference} (it answers {response.status_code})."
            if response.status_code == 404
            else f"The registry {self._address} answers {response.status_code} for {repository}:{reference}.",
            mend=f"copy the image to {self._address}/{repository}, and let it be read without a login"
            if response.status_code in (401, 403, 404)
            else f"look at the registry {self._address}",
        )

    def _request(self, method: str, url: str) -> requests.Response:
        try:
            return self._session.request(method, url, timeout=TIMEOUT, verify=self._verify)
        except requests.exceptions.SSLError as error:
            raise RegistryError(
                f"The registry {self._address} is not trusted: {_short(error)}.",
                mend="put the CA that signed its certificate into the site's tls/ and name it as registry.ca",
            ) from None
        except requests.exceptions.RequestException as error:
            raise UnreachableRegistryError(
                f"The registry {self._address} does not answer: {_short(error)}.",
                mend="check registry.address in site.yml, the registry, and the firewall between it and this machine",
                code="registry-unreachable",
            ) from None

    def _authorise(self, challenge: str, repository: str) -> None:
        """Fetch an anonymous token, as the challenge describes (distribution's token specification)."""
        fields = dict(_CHALLENGE.findall(challenge))
        if not challenge.lower().startswith("bearer ") or not fields.get("realm", "").startswith("https://"):
            raise RegistryError(
                f"The registry {self._address} wants a login ({challenge[:60] or 'of no named kind'}); there is none.",
                mend=f"let {repository} be read without a login inside the house",
            )
        try:
            response = self._session.get(
                fields["realm"],
                params={"service": fields.get("service", ""), "scope": f"repository:{repository}:pull"},
                timeout=TIMEOUT,
                verify=self._verify,
            )
            token = response.json()
            self._session.headers["Authorization"] = f"Bearer {token.get('token') or token['access_token']}"
        except (requests.exceptions.RequestException, ValueError, KeyError, AttributeError) as error:
            raise RegistryError(
                f"The registry {self._address} gives no token for {repository}: {_short(error)}.",
                mend=f"let {repository} be read without a login inside the house",
            ) from None


def _short(error: Exception) -> str:
    """Return the innermost reason of one of requests' nested errors."""
    text = str(error)
    found = re.findall(r"\] ([^')\"]+)|: ([^:'\")]+)['\")]*$", text)
    words = [one or other for one, other in found]
    return (words[-1] if words else text).strip()[:200]
