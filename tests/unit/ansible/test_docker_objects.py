"""What the module asks of Docker, against a server that plays the few calls; the lab's tests ask a real engine."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from ansible.module_utils.collab import docker
from ansible.module_utils.collab.docker import DockerError, Engine, Network, differences, split
from ansible.modules import docker_objects

WANTED = {"name": "collab-app", "interface": "br-app", "subnet": "172.30.1.0/24", "gateway": "172.30.1.1"}
IMAGE = "registry.example:5000/app/server:1.0@sha256:" + "0" * 64


class Server(socketserver.ThreadingUnixStreamServer):
    """A Docker Engine of one network and one image."""

    def __init__(self, path: str) -> None:
        super().__init__(path, Handler)
        self.network: dict[str, Any] | None = None
        self.images: set[str] = set()
        self.calls: list[str] = []
        self.pull_error = ""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""

    def answer(self, status: int, value: object) -> None:
        self.send_response(status)
        self.end_headers()
        lines = value if isinstance(value, list) else [value]
        self.wfile.write("".join(json.dumps(line) + "\r\n" for line in lines).encode())

    def do_GET(self) -> None:
        path = unquote(self.path).removeprefix(docker.API)
        if path == "/_ping":
            self.answer(200, "OK")
        elif path.startswith("/networks/"):
            found = self.server.network
            self.answer(200, found) if found else self.answer(404, {"message": "no such network"})
        else:
            name = path.removeprefix("/images/").removesuffix("/json")
            known = name in self.server.images
            self.answer(200 if known else 404, {"Id": "x"} if known else {"message": "No such image"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path.removeprefix(docker.API))
        self.server.calls.append(f"POST {parts.path}")
        if parts.path == "/networks/create":
            given = json.loads(body)
            self.server.network = {**given, "Containers": {}, "Internal": False}
            self.answer(201, {"Id": "x"})
        elif parts.path == "/images/create":
            query = parse_qs(parts.query)
            self.server.calls[-1] += f" {query['fromImage'][0]} {query['tag'][0]}"
            if self.server.pull_error:
                self.answer(200, [{"status": "Pulling"}, {"error": self.server.pull_error}])
            else:
                self.server.images.add(IMAGE)
                self.answer(200, [{"status": "Pulling"}, {"status": "Done"}])
        else:
            self.answer(204, [])  # the status of an answer without a body

    def do_DELETE(self) -> None:
        self.server.calls.append(f"DELETE {self.path.removeprefix(docker.API)}")
        self.server.network = None
        self.answer(204, [])  # the status of an answer without a body


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(str(tmp_path / "docker.sock"))
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setattr(docker_objects, "host_interfaces", lambda: ["lo", "br-app"])
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def run(server: Server, *, check: bool = False, images: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    params = {"networks": [WANTED], "images": list(images), "socket": server.server_address}
    objects = docker_objects.Objects(params, check)
    assert objects.converge(engine_starts=False) == ""
    changes: list[dict[str, Any]] = objects.changes
    return changes


def test_makes_a_network_once(server: Server) -> None:
    assert run(server, check=True) == [{"object": "network collab-app", "action": "create", "differs": []}]
    assert server.calls == []
    assert run(server)[0]["action"] == "create"
    assert run(server) == []
    assert server.calls == ["POST /networks/create"]


def test_makes_an_altered_network_anew_and_ends_its_containers(server: Server) -> None:
    run(server)
    assert server.network is not None
    server.network["IPAM"]["Config"][0]["Subnet"] = "10.0.0.0/24"
    server.network["Containers"] = {"abc": {}}
    predicted = run(server, check=True)
    assert predicted == [{"object": "network collab-app", "action": "replace", "differs": ["subnet"]}]
    server.calls.clear()
    assert run(server) == predicted
    assert server.calls == [
        "POST /networks/collab-app/disconnect",
        "DELETE /networks/collab-app",
        "POST /networks/create",
        "POST /containers/abc/stop",
    ]


def test_fetches_a_missing_image_by_digest(server: Server) -> None:
    run(server)
    assert run(server, check=True, images=(IMAGE,)) == [{"object": f"image {IMAGE}", "action": "pull", "differs": []}]
    server.calls.clear()
    run(server, images=(IMAGE, IMAGE))
    assert server.calls == [f"POST /images/create registry.example:5000/app/server sha256:{'0' * 64}"]
    assert run(server, images=(IMAGE,)) == []


def test_sees_an_error_in_the_middle_of_a_pull(server: Server) -> None:
    server.pull_error = "manifest unknown"
    with pytest.raises(DockerError, match=r"image registry\.example.*: manifest unknown"):
        run(server, images=(IMAGE,))


class TestEngineDown:
    def params(self, tmp_path: Path) -> dict[str, Any]:
        return {"networks": [WANTED], "images": [IMAGE], "socket": str(tmp_path / "none.sock")}

    def test_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(DockerError, match="journalctl -u docker"):
            docker_objects.Objects(self.params(tmp_path), check=False).converge(engine_starts=False)

    def test_that_never_ran_would_get_everything(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(docker_objects, "NETWORKS", str(tmp_path / "never"))
        objects = docker_objects.Objects(self.params(tmp_path), check=True)
        assert objects.converge(engine_starts=True) == ""
        assert [change["action"] for change in objects.changes] == ["create", "pull"]

    def test_and_to_be_started_is_a_warning(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(docker_objects, "NETWORKS", str(tmp_path))
        monkeypatch.setattr(docker_objects.shutil, "which", lambda _name: "/usr/sbin/dockerd")
        objects = docker_objects.Objects(self.params(tmp_path), check=True)
        assert "not known yet" in objects.converge(engine_starts=True)
        assert objects.changes == []
        with pytest.raises(DockerError):
            docker_objects.Objects(self.params(tmp_path), check=True).converge(engine_starts=False)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("app", ("app", "latest")),
        ("registry:5000/app", ("registry:5000/app", "latest")),
        ("registry:5000/a/b:1.2", ("registry:5000/a/b", "1.2")),
        ("registry:5000/a/b:1.2@sha256:ab", ("registry:5000/a/b", "sha256:ab")),
        ("quay.io/a@sha256:ab", ("quay.io/a", "sha256:ab")),
    ],
)
def test_splits_a_reference(reference: str, parts: tuple[str, str]) -> None:
    assert split(reference) == parts


@pytest.mark.parametrize(
    ("alter", "differs"),
    [
        ({}, []),
        ({"Driver": "macvlan"}, ["driver"]),
        ({"IPAM": {"Config": [{"Subnet": "172.30.1.0/24", "Gateway": "172.30.1.254"}]}}, ["subnet"]),
        ({"IPAM": None}, ["subnet"]),
        ({"Options": {docker.BRIDGE_NAME: "br-other"}}, ["interface"]),
        ({"Options": {docker.BRIDGE_NAME: "br-app", "com.docker.network.bridge.enable_icc": "false"}}, ["options"]),
        ({"Internal": True}, ["internal"]),
        ({"EnableIPv6": True}, ["ipv6"]),
    ],
)
def test_finds_in_what_a_network_differs(alter: dict[str, Any], differs: list[str]) -> None:
    found = {
        "Driver": "bridge",
        "IPAM": {"Config": [{"Subnet": "172.30.1.0/24", "Gateway": "172.30.1.1"}]},
        "Options": {docker.BRIDGE_NAME: "br-app"},
        "Internal": False,
        "EnableIPv6": False,
    }
    assert differences(Network(**WANTED), found | alter, ["br-app"]) == differs


def test_finds_a_bridge_that_somebody_removed() -> None:
    found = {
        "Driver": "bridge",
        "IPAM": {"Config": [{"Subnet": WANTED["subnet"], "Gateway": WANTED["gateway"]}]},
        "Options": {docker.BRIDGE_NAME: "br-app"},
    }
    assert differences(Network(**WANTED), found, ["lo"]) == ["interface"]


def test_nobody_answers_at_a_missing_socket(tmp_path: Path) -> None:
    assert not Engine(str(tmp_path / "none")).answers()
