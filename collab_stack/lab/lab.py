"""The lab as a whole: up, down, status."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from docker.errors import APIError, NotFound

from collab_stack import catalogue
from collab_stack.lab import (
    applications,
    cgroups,
    containers,
    debian,
    directory,
    engine,
    example,
    images,
    infra,
    kernel,
    machines,
    network,
    ops,
    people,
    registry,
    state,
    status,
)
from collab_stack.lab.errors import LabError
from collab_stack.lab.layout import MOST_HOSTS, valid_name
from collab_stack.plan.packages import ROLE_PACKAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

    from collab_stack.lab.applications import Choice
    from collab_stack.lab.containers import Spec
    from collab_stack.lab.progress import Progress
    from collab_stack.lab.state import State

_WORKERS: Final = 6
_KEPT_VOLUMES: Final = ("packages", "registry")
"""What --keep-cache keeps of a lab: what took a download or a push."""


class Lab:
    """One lab of this machine.

    :param name: its name; several labs run side by side.
    :param progress: where steps are told.
    :param client: the engine; found when not given.
    """

    def __init__(self, name: str, progress: Progress, client: DockerClient | None = None) -> None:
        if not valid_name(name):
            raise LabError(
                f"{name!r} cannot name a lab: lower-case letters, digits and hyphens, a letter first, 20 at most",
                mend="choose another --name",
                code="lab-name",
            )
        self.name = name
        self._progress = progress
        self._client = client

    @property
    def client(self) -> DockerClient:
        """The engine's client."""
        if self._client is None:
            self._client = engine.connect()
        return self._client

    @property
    def state(self) -> State:
        """The lab's memory.

        :raises LabError: when there is no such lab.
        """
        found = state.load(self.name)
        if found is None:
            raise LabError(
                f"there is no lab called {self.name}",
                mend=f"collab-stack lab up --name {self.name}",
                code="lab-missing",
            )
        return found

    def exists(self) -> bool:
        """Say whether the lab was made and not taken down."""
        return state.load(self.name) is not None

    def up(
        self,
        *,
        hosts: int | None = None,
        choice: Choice = "auto",
        site: Path | None = None,
        packages: bool = False,
        applications_too: bool = True,
    ) -> State:
        """Make the lab, or mend it; what is as it should be is left alone.

        :param hosts: how many; None keeps what the lab has (one, for a new one). Hosts are added, never removed.
        :param choice: where the applications' images come from.
        :param site: a site whose public names the lab's resolver shall know, in place of the example's.
        :param packages: make new hosts from the snapshot that has all packages installed.
        :param applications_too: fill the registry and the archive server.
        :raises LabError: with what is missing.
        """
        with state.locked(self.name):
            memory = self._remember(hosts, site, packages)
            kernel.prepare(self._progress)
            with ThreadPoolExecutor(_WORKERS) as pool:
                base = images.base(self.client, self._progress)
                chosen = self._decide(memory, choice) if applications_too else "standins"
                wanted = applications.images() if applications_too else ()
                obtaining = {
                    image: pool.submit(registry.obtain, self.client, image, chosen, base, self._progress)
                    for image in wanted
                }
                self._machines(memory, base, pool)
                tags = {image: future.result() for image, future in obtaining.items()}
            if applications_too:
                self._fill(memory, chosen, tags)
            memory.save()
        return memory

    def _decide(self, memory: State, choice: Choice) -> Literal["standins", "upstream"]:
        """Return which images the lab takes: with ``auto`` those that it has, once it has any."""
        if choice == "auto" and memory.images in {"standins", "upstream"}:
            return "upstream" if memory.images == "upstream" else "standins"
        chosen = applications.decide(choice)
        where = "upstream's" if chosen == "upstream" else "built from this checkout, with stand-ins"
        self._progress.line(f"  images of the applications: {where}")
        return chosen

    def _remember(self, hosts: int | None, site: Path | None, packages: bool) -> State:
        memory = state.load(self.name) or state.create(self.name, hosts or 1, network.indexes_in_use(self.client))
        count = hosts or memory.host_count
        if not 1 <= count <= MOST_HOSTS:
            raise LabError(f"a lab has 1 to {MOST_HOSTS} hosts", mend="choose another --hosts", code="lab-hosts")
        if count < memory.host_count:
            raise LabError(
                f"the lab {self.name} has {memory.host_count} hosts, and hosts are never removed alone",
                mend=f"collab-stack lab down --name {self.name}, then up with --hosts {count}",
                code="lab-hosts",
            )
        memory.host_count = count
        memory.site = str(site.absolute()) if site else memory.site
        memory.hosts_image = "host-packages" if packages else memory.hosts_image
        memory.write_known_hosts()
        memory.save()
        return memory

    def _machines(self, memory: State, base: str, pool: ThreadPoolExecutor) -> None:
        """Build the lab's own images, then make networks and containers; independent ones at the same time."""
        outside = pool.submit(images.build, self.client, images.shipped("outside", BASE=base), self._progress)
        host = images.build(self.client, images.shipped("host", BASE=base), self._progress)
        own = {
            name: pool.submit(images.build, self.client, images.shipped(name, BASE=host), self._progress)
            for name in ("infra", "ops")
        }
        machine = host
        if memory.hosts_image == "host-packages":
            names = " ".join(sorted({name for names in ROLE_PACKAGES.values() for name in names}))
            recipe = images.shipped("host-packages", BASE=host, PACKAGES=names)
            machine = images.build(self.client, recipe, self._progress)
        network.ensure(self.client, memory.layout)
        files = infra.files(
            memory.layout,
            tls=(*memory.kept_leaf("infra", *infra.tls_names(memory.layout)), memory.ca_file.read_text()),
            ldif=people.ldif(memory.people, memory.reader_password),
            public=self._public_names(memory),
            mirror=debian.mirror(),
            registry_secret=memory.reader_password,
        )
        specs: list[Callable[[], Spec]] = [
            lambda: containers.gateway(memory, outside.result()),
            lambda: containers.outside(memory, outside.result()),
            lambda: containers.infra(memory, own["infra"].result(), files, debian.extra_hosts()),
            lambda: containers.ops(memory, own["ops"].result()),
            *(partial(containers.host, memory, short, machine) for short in memory.layout.hosts),
        ]
        for future in [pool.submit(self._ensure, memory, make) for make in specs]:
            future.result()

    def _ensure(self, memory: State, make: Callable[[], Spec]) -> None:
        machines.ensure(self.client, memory.layout, make(), self._progress)

    def _public_names(self, memory: State) -> dict[str, str]:
        """Return public name -> host: of the site that was given, else of the example."""
        if memory.site is None:
            return infra.default_public(memory.layout)
        from collab_stack import plan  # noqa: PLC0415 - reads a whole site; only with --site
        from collab_stack import site as sites  # noqa: PLC0415

        layout = memory.layout
        shorts = {str(layout.address(short)): short for short in layout.hosts}
        records = plan.build(sites.load(Path(memory.site)), catalogue.load()).dns
        return {record.name: shorts[record.value] for record in records if record.value in shorts}

    def _fill(
        self,
        memory: State,
        chosen: Literal["standins", "upstream"],
        tags: dict[applications.Image, str | None],
    ) -> None:
        """Fill registry and archive server, and say what is not upstream's own."""
        memory.images = chosen
        wanted = {image.path: tag for image, tag in tags.items() if tag is not None}
        for image, tag in tags.items():
            if tag is None:
                self._progress.line(f"  note: the checkout has no recipe for {image.component} {image.version}")
        registry.load(self.client, memory, wanted, self._progress)
        registry.serve_archives(self.client, memory, chosen, self._progress)

    def down(self, *, keep_cache: bool = False) -> None:
        """Remove every trace of the lab.

        :param keep_cache: keep images, and the volumes that hold downloaded packages and pushed images.
        """
        with state.locked(self.name):
            self._remove_containers()
            network.remove(self.client, self.name)
            self._remove_volumes(keep_cache)
            state.forget(self.name)
        if not keep_cache and not network.indexes_in_use(self.client) and not state.names():
            with self._progress.step("remove the lab's images"):
                images.remove_all(self.client)

    def _remove_containers(self) -> None:
        mine = self.client.containers.list(all=True, filters={"label": f"{network.LABEL}={self.name}"})
        if not mine:
            return
        with self._progress.step(f"remove {len(mine)} containers of the lab {self.name}"):
            ids = {str(container.id) for container in mine}
            for container in mine:
                volume = f"{container.name}-docker"
                try:
                    self.client.volumes.get(volume)
                except NotFound:
                    continue
                ids |= cgroups.inner_ids(self.client, container, volume)
            with ThreadPoolExecutor(_WORKERS) as pool:
                list(pool.map(lambda container: container.remove(force=True, v=True), mine))
            cgroups.remove(ids)

    def _remove_volumes(self, keep_cache: bool) -> None:
        kept = {f"collab-lab-{self.name}-{short}" for short in _KEPT_VOLUMES} if keep_cache else set()
        for volume in self.client.volumes.list(filters={"label": f"{network.LABEL}={self.name}"}):
            if volume.name not in kept:
                try:
                    volume.remove(force=True)
                except APIError as error:
                    raise LabError(
                        f"the volume {volume.name} cannot be removed: {error.explanation}",
                        mend=f"docker ps -a --filter volume={volume.name}, then lab down again",
                        code="lab-volume",
                    ) from error

    def status(self) -> dict[str, Any]:
        """Return what `lab status --json` prints, by docs/cli.md: addresses, URLs, the CA, people, what is real."""
        return status.status(self.client, self.state)

    def write_site(self, target: Path) -> Path:
        """Write the lab's example site into a folder, for `collab-stack init --from`."""
        return example.write(self.state, target)

    def site_secrets(self) -> dict[str, str]:
        """Return the secrets that a human gives to the example site."""
        return example.secrets(self.state)

    def install_on_ops(self, wheel: Path) -> str:
        """Install a wheel of collab-stack on ops, with ansible-core 2.21; return the path of its command there."""
        return ops.install(self.client, self.state, wheel, self._progress)

    def execute(self, short: str, *command: str, user: str = "root") -> tuple[int, str]:
        """Run a command in a container of the lab; return its exit code and output."""
        return machines.execute(self.client, self.state.layout, short, *command, user=user)

    def packets(self) -> list[dict[str, Any]]:
        """Return every packet that arrived outside: time, source, destination, protocol, port."""
        code, output = self.execute("outside", "cat", "/var/log/packets.jsonl")
        return [json.loads(line) for line in output.splitlines()] if code == 0 else []

    def mails(self) -> list[str]:
        """Return every mail that the agency's relay took, as text."""
        code, output = self.execute(
            "infra", "sh", "-c", "for mail in /var/mail/sink/Maildir/new/*; do cat \"$mail\"; printf '\\0'; done"
        )
        return [mail for mail in output.split("\0") if mail.strip()] if code == 0 else []

    def directory(self, ldif: str) -> None:
        """Change the directory by LDIF, as its administrator; ``LabError`` when slapd refuses."""
        directory.change(self.client, self.state.layout, ldif)
