"""The containers of the bench, and what a test does with them."""

from __future__ import annotations

import io
import secrets
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import requests

from collab_stack.lab import ca, engine, images
from collab_stack.lab.machines import read_exec
from tests.conftest import progress
from tests.lab.nextcloud_standin.provider import Provider

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

HERE = Path(__file__).resolve().parent
STANDIN = HERE.parents[1] / "standins" / "nextcloud"
HOST = "files.bench.example"
#: what a hardened deployment gives the container
HARDENED: dict[str, Any] = {
    "user": "33:33",
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "read_only": True,
    "tmpfs": {"/tmp": ""},
}
#: what replaces the image's own Redis snippet and session ini, for TLS
SETTINGS = """<?php
$CONFIG = [
    'pgsql_ssl' => ['mode' => 'verify-full', 'rootcert' => '/pki/ca.pem', 'cert' => '', 'key' => '', 'crl' => ''],
    'memcache.distributed' => '\\OC\\Memcache\\Redis',
    'memcache.locking' => '\\OC\\Memcache\\Redis',
    'redis' => ['host' => 'tls://services.bench', 'port' => 6380, 'user' => 'nextcloud', 'password' => 'cache-password',
        'timeout' => 1.5, 'read_timeout' => 1.5,
        'ssl_context' => ['cafile' => '/pki/ca.pem', 'verify_peer' => true, 'verify_peer_name' => true]],
    'trusted_domains' => ['files.bench.example'],
    'log_type' => 'errorlog',
];
"""
SESSION_INI = """session.save_handler = redis
session.save_path = "tls://services.bench:6380?auth[]=nextcloud&auth[]=cache-password&timeout=1.5&read_timeout=10\
&prefix=PHPREDIS_SESSION:&stream[cafile]=/pki/ca.pem&stream[verify_peer]=1&stream[verify_peer_name]=1"
redis.session.locking_enabled = 1
redis.session.lock_retries = -1
redis.session.lock_wait_time = 10000
"""


def tarball(files: dict[str, str | bytes], uid: int = 33) -> bytes:
    """Return a tar of files, readable by everyone and owned by ``uid``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid, member.gid = len(raw), 0o644, uid, uid
            tar.addfile(member, io.BytesIO(raw))
    return buffer.getvalue()


class Bench:
    """One network with the services; each test gets its own Nextcloud container and an empty database."""

    def __init__(self, folder: Path) -> None:
        self.client: DockerClient = engine.connect()
        told = progress()
        base = images.base(self.client, told)
        self.image = images.build(self.client, images.Recipe("nextcloud", STANDIN, {"BASE": base}), told)
        around = images.build(self.client, images.Recipe("nextcloud-bench", HERE, {"BASE": base}), told)
        self.name = f"collab-bench-{secrets.token_hex(3)}"
        self.network = self.client.networks.create(self.name)
        self.network.reload()
        self.gateway = self.network.attrs["IPAM"]["Config"][0]["Gateway"]
        self.volume = self.client.volumes.create(self.name)
        self.ca_pem = self._certificates(folder)
        self.services = self._services(around)
        self.provider = Provider(self.gateway, "id.bench.internal", (folder / "cert.pem", folder / "key.pem"))
        self.nextcloud: Container | None = None

    def _certificates(self, folder: Path) -> str:
        authority, key = ca.make_ca("Bench CA")
        names = ["services.bench", "id.bench.internal", HOST]
        certificate, private = ca.make_leaf(authority, key, names)
        self.pki = {"ca.pem": authority, "cert.pem": certificate, "key.pem": private}
        for name, text in self.pki.items():
            (folder / name).write_text(text, encoding="utf-8")
        self.ca_file = folder / "ca.pem"
        return authority

    def _services(self, image: str) -> Container:
        container = self.client.containers.create(
            image, name=f"{self.name}-services", volumes={self.name: {"bind": "/var/www/html", "mode": "ro"}}
        )
        self.network.connect(container, aliases=["services.bench"])
        container.put_archive("/", tarball({f"pki/{name}": text for name, text in self.pki.items()}, uid=0))
        container.start()
        container.reload()
        self.address = container.attrs["NetworkSettings"]["Networks"][self.name]["IPAddress"]
        deadline = time.monotonic() + 60
        while b"Ready to accept connections" not in container.logs():  # Valkey is the last thing that starts
            assert time.monotonic() < deadline, container.logs().decode()
            time.sleep(0.2)
        return container

    def close(self) -> None:
        """Remove everything."""
        self.provider.close()
        self.remove_nextcloud()
        self.services.remove(force=True)
        self.volume.remove(force=True)
        self.network.remove()

    def remove_nextcloud(self) -> None:
        """Remove the Nextcloud container, if there is one."""
        if self.nextcloud is not None:
            self.nextcloud.remove(force=True, v=True)
            self.nextcloud = None

    def fresh(self) -> None:
        """Empty the code volume and the database."""
        self.remove_nextcloud()
        self.services.exec_run(["valkey-cli", "--no-auth-warning", "FLUSHALL"])
        self.empty_database()
        self.in_volume("find /html -mindepth 1 -delete; chown 33:33 /html; chmod 750 /html")

    def empty_database(self) -> None:
        """Drop the database and create it again."""
        for sql in ("DROP DATABASE IF EXISTS nextcloud WITH (FORCE)", "CREATE DATABASE nextcloud OWNER nextcloud"):
            code, output = read_exec(*self.services.exec_run(["psql", "-qc", sql], user="postgres"))
            assert code == 0, output

    def in_volume(self, script: str, files: dict[str, str | bytes] | None = None) -> str:
        """Run a shell script as root with the code volume at /html, after putting ``files`` there."""
        container = self.client.containers.create(
            self.image,
            ["-c", script],
            entrypoint=["/bin/sh"],
            volumes={self.name: {"bind": "/html", "mode": "rw"}},
        )
        try:
            if files:
                container.put_archive("/html", tarball(files))
            container.start()
            assert container.wait(timeout=60)["StatusCode"] == 0
            return str(container.logs().decode())
        finally:
            container.remove(force=True, v=True)

    def run(self, environment: dict[str, str] | None = None, *, ini: bool = True, **options: object) -> Container:
        """Start Nextcloud, hardened unless ``options`` say otherwise; do not wait for it."""
        self.remove_nextcloud()
        arguments: dict[str, Any] = {**HARDENED, **options}
        container = self.client.containers.create(
            self.image,
            name=f"{self.name}-nextcloud",
            environment=environment or {},
            volumes={self.name: {"bind": "/var/www/html", "mode": "rw"}, **self._files(ini=ini)},
            extra_hosts={"id.bench.internal": self.gateway},
            **arguments,
        )
        self.network.connect(container, aliases=["nextcloud.bench"])
        container.start()
        self.nextcloud = container
        return container

    def _files(self, *, ini: bool) -> dict[str, dict[str, str]]:
        files = {str(self.ca_file): {"bind": "/pki/ca.pem", "mode": "ro"}}
        if ini:
            path = self.ca_file.parent / "session.ini"
            path.write_text(SESSION_INI, encoding="utf-8")
            files[str(path)] = {"bind": "/usr/local/etc/php/conf.d/redis-session.ini", "mode": "ro"}
        return files

    def refusal(
        self, environment: dict[str, str] | None = None, *, ini: bool = True, **options: object
    ) -> tuple[int, str]:
        """Start Nextcloud where it must not start; return exit code and log."""
        container = self.run(environment, ini=ini, **options)
        code = int(container.wait(timeout=60)["StatusCode"])
        return code, container.logs().decode()

    def wait_for_fpm(self, seconds: float = 60) -> None:
        """Wait until php-fpm says that it takes connections."""
        assert self.nextcloud is not None
        deadline = time.monotonic() + seconds
        while b"ready to handle connections" not in self.nextcloud.logs():
            self.nextcloud.reload()
            assert self.nextcloud.status == "running", self.nextcloud.logs().decode()
            assert time.monotonic() < deadline, self.nextcloud.logs().decode()
            time.sleep(0.2)

    def occ(self, *words: str, stdin: str = "", user: str = "33", check: bool = True) -> Result:
        """Run occ in the container."""
        result = self.execute(["php", "/var/www/html/occ", *words], stdin=stdin, user=user)
        assert not check or result.code == 0, f"occ {' '.join(words)}: {result}"
        return result

    def execute(self, command: list[str], *, stdin: str = "", user: str = "33", **environment: str) -> Result:
        """Run a command in the container, fed with ``stdin``; stdout and stderr apart."""
        assert self.nextcloud is not None
        script = 'printf %s "$BENCH_STDIN" | "$0" "$@"'
        done = self.nextcloud.exec_run(
            ["sh", "-c", script, *command], user=user, demux=True, environment={"BENCH_STDIN": stdin, **environment}
        )
        out, err = cast("tuple[bytes | None, bytes | None]", done.output)  # demux: the two streams apart
        return Result(done.exit_code or 0, (out or b"").decode(), (err or b"").decode())

    def install(self) -> None:
        """Start and install, with our own settings beside the image's snippets."""
        self.fresh()
        self.run()
        self.wait_for_fpm()
        self.put("config/zz-bench.config.php", SETTINGS)
        self.occ(*INSTALL, stdin="database-password\nBreakGlass-2026\n")

    def put(self, path: str, content: str | bytes) -> None:
        """Write a file below /var/www/html."""
        self.in_volume("true", {path: content})

    def browser(self) -> Browser:
        """Return a browser without cookies."""
        return Browser(self.address, self.ca_file)


INSTALL = ["maintenance:install", "--database", "pgsql", "--database-name", "nextcloud", "--database-user", "nextcloud"]
INSTALL += ["--database-host", "services.bench", "--admin-user", "breakglass"]


class Result:
    """What a command said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


class Browser(requests.Session):
    """Speaks to the bench's nginx under Nextcloud's public name; follows no redirect by itself."""

    def __init__(self, address: str, ca_file: Path) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = str(ca_file)
        self.mount("https://", Pinned(address))

    def send_to(self, path: str, method: str = "GET", **options: object) -> requests.Response:
        """Request a path, or the path of a URL below the public name."""
        url = path if path.startswith("https://") else f"https://{HOST}{path}"
        options.setdefault("timeout", 30)
        return self.request(method, url, allow_redirects=False, **options)  # type: ignore[arg-type]


class Pinned(requests.adapters.HTTPAdapter):
    """Connects to one address whatever the name, and still verifies the name."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: object, **options: object) -> requests.Response:
        """Send with the public name as Host and as the name to verify."""
        request.headers.setdefault("Host", HOST)
        request.url = str(request.url).replace(f"https://{HOST}", f"https://{self._address}:8444", 1)
        response = super().send(request, *args, **options)  # type: ignore[arg-type]
        response.url = response.url.replace(f"https://{self._address}:8444", f"https://{HOST}", 1)
        return response

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: object) -> None:
        """Verify the public name."""
        super().init_poolmanager(connections, maxsize, block, assert_hostname=HOST, server_hostname=HOST, **options)
