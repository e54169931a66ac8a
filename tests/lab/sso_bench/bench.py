"""A real Keycloak with a real database and directory, and the role `sso` against it."""

from __future__ import annotations

import io
import json
import os
import secrets
import socket
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.collab.keycloak_api import Api, KeycloakError
from ansible.module_utils.collab.keycloak_bootstrap import SECRET_VARIABLE

from collab_stack import paths
from collab_stack.lab import applications, ca, engine, images
from collab_stack.lab.machines import read_exec
from tests.conftest import progress

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

HERE = Path(__file__).resolve().parent
REALM = "agency"
SECRETS = {
    "sso_reconciler_secret": "reconciler-secret-0123456789",
    "sso_bootstrap_secret": "bootstrap-secret-0123456789",
    "sso_probe_password": "probe-password-0123456789",
}
NEXTCLOUD: dict[str, Any] = {
    "url": "https://files.agency.example",
    "secret": "nextcloud-secret-0123456789",
    "redirect_uris": [
        "https://files.agency.example/apps/user_oidc/code",
        "https://files.agency.example/index.php/apps/user_oidc/code",
    ],
    "logout_uris": ["https://files.agency.example/", "https://files.agency.example/apps/user_oidc/sls"],
    "backchannel_url": "https://files.agency.example/index.php/apps/user_oidc/backchannel-logout/keycloak",
}
DIRECTORY = {
    "url": "ldaps://services.bench",
    "vendor": "openldap",
    "bind_dn": "cn=reader,dc=agency,dc=example",
    "users_dn": "ou=people,dc=agency,dc=example",
    "groups_dn": "ou=groups,dc=agency,dc=example",
    "username": "uid",
    "identity": "entryUUID",
    "group_member": "member",
    "sync_minutes": 60,
}
VAULT = {"directory": "reader-password", "mail": "mail-password-0123456789"}


@dataclass
class Answer:
    """What a run of the role said.

    :param seconds: of the whole ansible-playbook.
    """

    ok: bool
    result: dict[str, Any]
    wanted: dict[str, Any]
    output: str
    seconds: float

    @property
    def actions(self) -> list[str]:
        """What was changed, in words."""
        return list(self.result.get("actions", []))


class Bench:
    """One network with the services and Keycloak, for a module's tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client: DockerClient = engine.connect()
        told = progress()
        base = images.base(self.client, told)
        around = images.build(self.client, images.Recipe("sso-bench", HERE, {"BASE": base}), told)
        image = next(one for one in applications.images() if one.component == "keycloak")
        recipe = applications.recipe(image, base, told)
        assert recipe is not None
        self.name = f"collab-bench-{secrets.token_hex(3)}"
        self.port, self.health_port = free_port(), free_port()
        self.url = f"https://localhost:{self.port}"
        self._certificates()
        self.network = self.client.networks.create(self.name)
        self.services = self._start(around, "services", {"pki": self.pki}, {})
        self._wait(lambda: b"bench is ready" in self.services.logs(), self.services)
        self.keycloak = self._start_keycloak(images.build(self.client, recipe, told))

    def _certificates(self) -> None:
        authority, key = ca.make_ca("Bench CA")
        certificate, private = ca.make_leaf(authority, key, ["localhost", "services.bench"])
        self.pki = {"ca.pem": authority, "cert.pem": certificate, "key.pem": private}
        self.ca_file = self.folder / "ca.pem"
        self.ca_file.write_text(authority, encoding="utf-8")

    def _start(self, image: str, alias: str, folders: dict[str, dict[str, str]], options: dict[str, Any]) -> Container:
        container: Container = self.client.containers.create(image, name=f"{self.name}-{alias}", **options)
        self.network.connect(container, aliases=[f"{alias}.bench"])
        for name, files in folders.items():
            container.put_archive("/", tarball({f"{name}/{file}": text for file, text in files.items()}))
        container.start()
        return container

    def _start_keycloak(self, image: str) -> Container:
        environment = {
            "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx448m",
            "KC_DB": "postgres",
            "KC_DB_URL": "jdbc:postgresql://services.bench:5432/keycloak",
            "KC_DB_USERNAME": "keycloak",
            "KC_DB_PASSWORD": "database",
            "KC_CACHE": "local",
            "KC_HEALTH_ENABLED": "true",
            "KC_VAULT": "file",
            "KC_VAULT_DIR": "/vault",
            "KC_FEATURES_DISABLED": "ciba,device-flow,impersonation",
            "KC_HOSTNAME": self.url,
            "KC_HTTPS_CERTIFICATE_FILE": "/pki/cert.pem",
            "KC_HTTPS_CERTIFICATE_KEY_FILE": "/pki/key.pem",
            "KC_HTTP_MANAGEMENT_SCHEME": "http",
            "KC_TRUSTSTORE_PATHS": "/pki/ca.pem",
        }
        options = {
            "command": ["start"],
            "environment": environment,
            "ports": {"8443/tcp": ("127.0.0.1", self.port), "9000/tcp": ("127.0.0.1", self.health_port)},
            "mem_limit": "1200m",
        }
        vault = {f"{REALM}_{name}": text for name, text in VAULT.items()}
        container = self._start(image, "keycloak", {"pki": self.pki, "vault": vault}, options)
        self._wait(self._ready, container)
        return container

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.health_port), 5) as connection:
                connection.sendall(b"GET /health/ready HTTP/1.0\r\n\r\n")
                return connection.recv(100).startswith(b"HTTP/1.0 200")
        except OSError:
            return False

    def _wait(self, ready: Any, container: Container) -> None:  # noqa: ANN401 - a condition
        deadline = time.monotonic() + 400
        while not ready():
            container.reload()
            assert container.status == "running", container.logs().decode()[-3000:]
            assert time.monotonic() < deadline, container.logs().decode()[-3000:]
            time.sleep(1)

    def close(self) -> None:
        """Remove everything."""
        for container in (self.keycloak, self.services):
            container.remove(force=True, v=True)
        self.network.remove()

    def bootstrap_command(self) -> list[str]:
        """Return the role's own command, for the bench's container."""
        return [
            *("docker", "exec", f"--env={SECRET_VARIABLE}", "--env=KC_HTTP_MANAGEMENT_PORT=9099"),
            *("--env=JAVA_OPTS_KC_HEAP=-Xms32m -Xmx192m", f"{self.name}-keycloak", "/opt/keycloak/bin/kc.sh"),
            *("bootstrap-admin", "service", "--optimized", "--client-id={client}"),
            *(f"--client-secret:env={SECRET_VARIABLE}", "--no-prompt"),
        ]

    def variables(self) -> dict[str, Any]:
        """Return the role's variables."""
        return {
            **SECRETS,
            "ansible_python_interpreter": sys.executable,
            "bench_answer": str(self.folder / "answer.json"),
            "sso_url": self.url,
            "sso_ca_file": str(self.ca_file),
            "sso_installed_path": str(self.ca_file),
            "sso_bootstrap_command": self.bootstrap_command(),
            "sso_realm": REALM,
            "sso_organisation": "Exempelmyndigheten",
            "sso_contact": "it@agency.example",
            "sso_smtp_host": "mail.agency.example",
            "sso_smtp_sender": "noreply@agency.example",
            "sso_smtp_user": "relay",
            "sso_user_groups": ["staff"],
            "sso_admin_groups": ["it-admins"],
            "sso_nextcloud": NEXTCLOUD,
            "sso_directory": DIRECTORY,
            "sso_probe_redirect_uri": f"{self.url}/realms/{REALM}/collab-probe/callback",
            "sso_probe_mail_domain": "agency.example",
        }

    def run(self, *arguments: str, **changed: object) -> Answer:
        """Run the role; ``--check`` predicts."""
        given, answer = self.folder / "variables.json", self.folder / "answer.json"
        given.write_text(json.dumps(self.variables() | changed), encoding="utf-8")
        answer.unlink(missing_ok=True)
        content = paths.ansible_content()
        environment = {
            **os.environ,
            "ANSIBLE_LIBRARY": str(content / "modules"),
            "ANSIBLE_MODULE_UTILS": str(content / "module_utils"),
            "ANSIBLE_ROLES_PATH": str(paths.roles()),
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "ANSIBLE_NOCOLOR": "1",
        }
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(HERE / "realm.yml")]
        started = time.monotonic()
        done = subprocess.run(
            [*command, "--extra-vars", f"@{given}", *arguments],
            env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        seconds = time.monotonic() - started
        output = done.stdout + done.stderr
        said = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else {"result": {}, "wanted": {}}
        return Answer(done.returncode == 0, said["result"], said["wanted"], output, seconds)

    def api(self) -> Api:
        """Return the API as the reconciler."""
        made = Api(self.url, str(self.ca_file))
        if not made.login("collab-reconciler", SECRETS["sso_reconciler_secret"]):
            raise KeycloakError("the reconciler's account does not work")
        return made

    def ldap(self, *command: str, change: str = "") -> None:
        """Change the directory as its administrator does, by LDIF or another of ldap-utils' commands."""
        self.services.put_archive("/", tarball({"change.ldif": change}))
        words = [*command, "-x", "-H", "ldapi:///", "-D", "cn=admin,dc=agency,dc=example", "-w", "admin"]
        if change:
            words += ["-f", "/change.ldif"]
        code, output = read_exec(*self.services.exec_run(words))
        assert code == 0, output


def free_port() -> int:
    """Return a TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tarball(files: dict[str, str]) -> bytes:
    """Return a tar of files that everyone may read."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            raw = content.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(raw), 0o644
            tar.addfile(member, io.BytesIO(raw))
    return buffer.getvalue()
