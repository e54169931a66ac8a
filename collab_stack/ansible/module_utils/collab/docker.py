# GNU General Public License v3.0 or later (see LICENSE)
"""Networks and images of a Docker Engine, over its socket and with Python's standard library alone."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

API = "/v1.44"
"""Docker 25 and later speak it, and Docker 29 nothing older."""

BRIDGE_NAME = "com.docker.network.bridge.name"

PULL_SECONDS = 900.0
"""Silence after which a pull counts as stuck; large layers take their time to unpack."""


class DockerError(Exception):
    """What Docker refuses, and why."""


class _Socket(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Network:
    """A wanted bridge network."""

    name: str
    interface: str
    subnet: str
    gateway: str


class Engine:
    """A Docker Engine.

    :param path: its socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def answers(self) -> bool:
        """Say whether the engine is there."""
        try:
            return self._call("GET", "/_ping")[0] == http.client.OK
        except DockerError:
            return False

    def network(self, name: str) -> dict[str, Any] | None:
        """Return what Docker says about a network, or None."""
        status, found = self._call("GET", f"/networks/{quote(name, safe='')}")
        return None if status == http.client.NOT_FOUND else _checked(f"network {name}", status, found)

    def create(self, wanted: Network) -> None:
        """Make a network."""
        body = {
            "Name": wanted.name,
            "Driver": "bridge",
            "IPAM": {"Driver": "default", "Config": [{"Subnet": wanted.subnet, "Gateway": wanted.gateway}]},
            "Options": {BRIDGE_NAME: wanted.interface},
            "EnableIPv6": False,
        }
        _checked(f"network {wanted.name}", *self._call("POST", "/networks/create", body))

    def replace(self, wanted: Network, found: Mapping[str, Any]) -> None:
        """Make a network anew. The containers on it end; their units start them again on the new one."""
        name = quote(wanted.name, safe="")
        attached = list(found.get("Containers") or {})
        for container in attached:
            self._call("POST", f"/networks/{name}/disconnect", {"Container": container, "Force": True})
        _checked(f"network {wanted.name}", *self._call("DELETE", f"/networks/{name}"))
        self.create(wanted)
        for container in attached:
            self._call("POST", f"/containers/{container}/stop")

    def has_image(self, reference: str) -> bool:
        """Say whether an image is there."""
        status, found = self._call("GET", f"/images/{quote(reference, safe='/:@')}/json")
        if status == http.client.NOT_FOUND:
            return False
        _checked(reference, status, found)
        return True

    def pull(self, reference: str) -> None:
        """Fetch an image; with a digest, Docker checks that it is the one."""
        name, tag = split(reference)
        query = urlencode({"fromImage": name, "tag": tag})
        connection, answer = self._open("POST", f"/images/create?{query}", None, PULL_SECONDS)
        try:
            if answer.status != http.client.OK:
                _checked(reference, answer.status, _json(answer.read()))
            for line in answer:  # one JSON object a line; an error comes in the middle of a good answer
                told = _json(line)
                if "error" in told:
                    raise DockerError(f"image {reference}: {told['error']}")
        except OSError as error:
            raise DockerError(f"image {reference}: {error}") from error
        finally:
            connection.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        connection, answer = self._open(method, path, body, 120.0)
        try:
            return answer.status, _json(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise DockerError(f"Docker stopped answering {path}: {error}") from error
        finally:
            connection.close()

    def _open(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = _Socket(self._path, timeout)
        text = None if body is None else json.dumps(body)
        try:
            connection.request(method, API + path, text, {"Content-Type": "application/json"} if text else {})
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise DockerError(f"Docker does not answer at {self._path}: {error}; read: journalctl -u docker") from error


def _json(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {"message": content.decode("utf-8", "replace").strip()} if content.strip() else {}
    return value if isinstance(value, dict) else {"value": value}


def _checked(what: str, status: int, answer: dict[str, Any]) -> dict[str, Any]:
    if status >= http.client.BAD_REQUEST:
        raise DockerError(f"{what}: {answer.get('message', status)}")
    return answer


def split(reference: str) -> tuple[str, str]:
    """Return name and what to pull of it: the digest if there is one, else the tag."""
    name, _, digest = reference.partition("@")
    slash = name.rfind("/")
    colon = name.rfind(":")
    bare, tag = (name[:colon], name[colon + 1 :]) if colon > slash else (name, "latest")
    return bare, digest or tag


def differences(wanted: Network, found: Mapping[str, Any], interfaces: Iterable[str]) -> list[str]:
    """Return in what a network is another than the wanted one.

    :param interfaces: network interfaces that the host has now.
    """
    ranges = [
        (item.get("Subnet"), item.get("Gateway", "").split("/")[0])
        for item in (found.get("IPAM") or {}).get("Config") or []
    ]
    options = found.get("Options") or {}
    checks = {
        "driver": found.get("Driver") == "bridge",
        "subnet": ranges == [(wanted.subnet, wanted.gateway)],
        "interface": options.get(BRIDGE_NAME) == wanted.interface and wanted.interface in set(interfaces),
        "internal": not found.get("Internal"),
        "ipv6": not found.get("EnableIPv6"),
        "options": set(options) <= {BRIDGE_NAME},
    }
    return [name for name, same in checks.items() if not same]


def host_interfaces(root: str = "/sys/class/net") -> list[str]:
    """Return the names of the host's network interfaces."""
    folder = Path(root)
    return sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
