"""A lab's containers in Docker: made, started, mended, asked."""

from __future__ import annotations

import io
import tarfile
import time
from typing import TYPE_CHECKING, Any, Final

from docker.errors import APIError, NotFound

from collab_stack.lab.containers import SYSTEMD_CAPABILITIES, SYSTEMD_SECURITY
from collab_stack.lab.errors import LabError
from collab_stack.lab.network import LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient
    from docker.models.containers import Container

    from collab_stack.lab.containers import Spec
    from collab_stack.lab.infra import File
    from collab_stack.lab.layout import Layout
    from collab_stack.lab.progress import Progress

READY_SECONDS: Final = 90.0
_SPEC_LABEL: Final = f"{LABEL}.spec"


def find(client: DockerClient, layout: Layout, short: str) -> Container | None:
    """Return a container of the lab, or None."""
    try:
        return client.containers.get(layout.container(short))
    except NotFound:
        return None


def ensure(client: DockerClient, layout: Layout, spec: Spec, progress: Progress) -> bool:
    """Make a container as its specification says, and start it.

    A running one that fits is left alone; a stopped one is started with its data; one that was made from another
    specification is replaced, unless it keeps data. Returns whether anything was done.
    """
    found = find(client, layout, spec.short)
    if found is not None and found.labels.get(_SPEC_LABEL) != spec.digest():
        if spec.keeps_data:
            progress.line(f"  note: {spec.short} was made by another version of the lab and stays as it is")
        else:
            found.remove(force=True, v=True)
            found = None
    if found is not None and found.status == "running":
        return False
    with progress.step(f"start {spec.short}"):
        container = found or _create(client, layout, spec)
        _start(container, spec, carries_something=found is not None and spec.keeps_data)
    return True


def _start(container: Container, spec: Spec, *, carries_something: bool) -> None:
    try:
        container.start()
    except APIError as error:
        raise LabError(
            f"container {container.name} does not start: {error.explanation}",
            mend=f"docker logs {container.name}; then the same command again",
            code="lab-container",
        ) from error
    if carries_something:
        wait_for_ssh(container)  # what was deployed there may take longer, or be what somebody wants to look at
    elif spec.systemd:
        wait_for_systemd(container)


def _create(client: DockerClient, layout: Layout, spec: Spec) -> Container:
    api = client.api
    settings = _host_config(client, spec)
    first = spec.legs[0]
    endpoint = api.create_endpoint_config(ipv4_address=first.ipv4, ipv6_address=first.ipv6)
    # The stubs of the SDK want one endpoint here; the SDK itself wants them by network.
    networking = api.create_networking_config({first.network: endpoint})  # type: ignore[arg-type]
    for name in spec.volumes:
        client.volumes.create(name, labels={LABEL: layout.name})
    made = api.create_container(
        spec.image,
        command=list(spec.command) or None,
        name=layout.container(spec.short),
        hostname=spec.short,
        environment=dict(spec.environment),
        labels={LABEL: layout.name, _SPEC_LABEL: spec.digest()},
        ports=list(spec.loopback_ports),
        host_config=settings,
        networking_config=networking,
    )
    container = client.containers.get(made["Id"])
    try:
        for leg in spec.legs[1:]:
            api.connect_container_to_network(made["Id"], leg.network, ipv4_address=leg.ipv4, ipv6_address=leg.ipv6)
        if spec.files:
            container.put_archive("/", pack(spec.files))
    except BaseException:
        container.remove(force=True, v=True)  # a half made one would be taken for a good one the next time
        raise
    return container


def _host_config(client: DockerClient, spec: Spec) -> dict[str, Any]:
    """Return what the engine allows a machine; docs/lab.md says why each of these is needed."""
    systemd = spec.systemd
    binds: dict[str, Mapping[str, str]] = {name: {"bind": path, "mode": "rw"} for name, path in spec.volumes.items()}
    if systemd:
        binds["/sys/fs/cgroup"] = {"bind": "/sys/fs/cgroup", "mode": "rw"}
    settings: dict[str, Any] = client.api.create_host_config(
        cap_add=[*(SYSTEMD_CAPABILITIES if systemd else ()), *spec.capabilities],
        security_opt=list(SYSTEMD_SECURITY) if systemd else [],
        tmpfs={"/run": "", "/run/lock": ""} if systemd else {},
        binds=binds,
        sysctls=dict(spec.sysctls),
        extra_hosts=dict(spec.extra_hosts),
        port_bindings=dict.fromkeys(spec.loopback_ports, ("127.0.0.1", None)),
    )
    if systemd:
        settings["CgroupnsMode"] = "host"
        # What the command line calls systempaths=unconfined: with /proc/sys read-only, the inner Docker could not
        # configure its interfaces.
        settings["MaskedPaths"] = settings["ReadonlyPaths"] = []
    return settings


def pack(files: Mapping[str, File]) -> bytes:
    """Return a tar archive of files, with their folders' modes left to what is there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, file in sorted(files.items()):
            content = file.content.encode() if isinstance(file.content, str) else file.content
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size, info.mode, info.uid, info.gid = len(content), file.mode, file.uid, file.gid
            info.mtime = int(time.time())
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def wait_for_ssh(container: Container) -> None:
    """Wait until a machine lets operators in.

    :raises LabError: when it does not in :data:`READY_SECONDS`.
    """
    end = time.monotonic() + READY_SECONDS
    while _execute(container, ["systemctl", "is-active", "--quiet", "ssh"])[0] != 0:
        if time.monotonic() > end:
            raise LabError(
                f"{container.name}: sshd does not start",
                mend=f"docker exec {container.name} journalctl -b -u ssh",
                code="lab-container",
            )
        time.sleep(0.2)


def wait_for_systemd(container: Container) -> str:
    """Wait until systemd has started everything; return its state.

    :raises LabError: when it has not in :data:`READY_SECONDS`, or a unit failed; the message names it.
    """
    end = time.monotonic() + READY_SECONDS
    answer = ""
    while time.monotonic() < end:
        code, output = _execute(container, ["systemctl", "is-system-running"])
        answer = output.strip()
        if code == 0:
            return answer
        if answer == "degraded":
            break
        time.sleep(0.2)
    _, failed = _execute(container, ["systemctl", "--failed", "--plain", "--no-legend", "--no-pager"])
    units = ", ".join(line.split()[0] for line in failed.splitlines() if line.split())
    raise LabError(
        f"{container.name}: systemd is '{answer}'" + (f", failed: {units}" if units else ""),
        mend=f"docker exec {container.name} journalctl -b -p warning",
        code="lab-container",
    )


def _execute(container: Container, command: list[str]) -> tuple[int, str]:
    try:
        code, output = container.exec_run(command)
    except APIError as error:
        return 1, str(error.explanation)
    return read_exec(code, output)


def read_exec(code: int | None, output: object) -> tuple[int, str]:
    """Return an exec's exit code and text, from what the SDK gives without streaming."""
    return code or 0, output.decode(errors="replace") if isinstance(output, bytes) else ""


def execute(client: DockerClient, layout: Layout, short: str, *command: str, user: str = "root") -> tuple[int, str]:
    """Run a command in a container; return its exit code and its output (both streams).

    :raises LabError: when the container is not there or does not run.
    """
    container = find(client, layout, short)
    if container is None or container.status != "running":
        raise LabError(
            f"{short} does not run",
            mend=f"collab-stack lab up --name {layout.name}",
            code="lab-container",
        )
    code, output = container.exec_run(list(command), user=user)
    return read_exec(code, output)
