"""`collab-stack artifacts`: application archives, such as Nextcloud's apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import emit_json, say

if TYPE_CHECKING:
    from collab_stack.cli.options import Common


@click.group(epilog="Example: collab-stack artifacts lock --site my-site")
def command() -> None:
    """List, lock or pull the application archives.

    With artifacts.mirror in site.yml, archives come from there, under upstream's file names.
    """


@command.command("list", epilog="Example: collab-stack artifacts list --site my-site")
@common_options
def list_(common: Common) -> None:
    """List the archives that the site needs, where they come from, and their locked checksums."""
    from collab_stack.operations import artifacts, typed

    site = typed.typed_site(common.site)
    needed = artifacts.needed(site.site, site.catalogue, site.plan)
    entries = [
        {
            "component": artifact.component,
            "version": artifact.version,
            "url": artifact.url,
            "sha512": artifact.locked.sha512 if artifact.locked else None,
            "cached": bool(artifact.locked and artifacts.cached(artifact.locked.sha512)),
        }
        for artifact in needed
    ]
    if common.json:
        emit_json({"ok": True, "artifacts": entries})
        return
    for entry in entries:
        state = f"{str(entry['sha512'])[:16]}…" if entry["sha512"] else "not locked"
        click.echo(f"{entry['component']}  {entry['version']}  {entry['url']}  {state}")


@command.command(epilog="Example: collab-stack artifacts lock --site my-site")
@common_options
def lock(common: Common) -> None:
    """Fetch each archive, and write its SHA-512 to images.lock: a deploy uses these and no others."""
    from collab_stack.operations import artifacts, typed
    from collab_stack.runner.lock import site_lock

    site = typed.typed_site(common.site)
    with site_lock(common.site, "artifacts lock"):
        read, changed = artifacts.lock(site.site, artifacts.needed(site.site, site.catalogue, site.plan))
    if common.json:
        locked = [{"component": name, **entry.model_dump(mode="json")} for name, entry in read.items()]
        emit_json({"ok": True, "changed": changed, "artifacts": locked})
        return
    for name, entry in read.items():
        click.echo(f"{name}  {entry.url}  {entry.sha512}")
    say("images.lock is written; commit it." if changed else "images.lock is as it was.")


@command.command(epilog="Example: collab-stack artifacts pull --site my-site")
@common_options
def pull(common: Common) -> None:
    """Fetch the locked archives into this machine's cache, from where a deploy takes them to the hosts."""
    from collab_stack.operations import artifacts, typed

    site = typed.typed_site(common.site).site
    fetched = artifacts.pull(site.lock.artifacts, artifacts.ca_of(site))
    if common.json:
        emit_json({"ok": True, "fetched": fetched, "cache": str(artifacts.cache())})
        return
    for name in site.lock.artifacts:
        click.echo(f"{name}  {'fetched' if name in fetched else 'in the cache already'}")
