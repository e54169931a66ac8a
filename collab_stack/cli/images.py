"""`collab-stack images`: the container images of the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from collab_stack.cli.options import common_options
from collab_stack.cli.output import emit_json, say

if TYPE_CHECKING:
    from collab_stack.cli.options import Common
    from collab_stack.operations.images import Image


@click.group(epilog="Example: collab-stack images lock --site my-site")
def command() -> None:
    """List, lock or pull the container images.

    With registry.address in site.yml, images come from there, under the path that they have upstream:
    docker.io/library/nextcloud is REGISTRY/library/nextcloud.
    """


@command.command("list", epilog="Example: collab-stack images list --site my-site")
@common_options
def list_(common: Common) -> None:
    """List the images that the site needs, where they come from, and their locked digests."""
    from collab_stack.operations import images, typed

    site = typed.typed_site(common.site)
    needed = images.needed(site.site, site.catalogue, site.plan)
    if common.json:
        emit_json({"ok": True, "images": [_entry(image) for image in needed]})
        return
    for image in needed:
        click.echo(f"{image.component}  {image.reference}  {image.locked.digest if image.locked else 'not locked'}")


@command.command(epilog="Example: collab-stack images lock --site my-site")
@common_options
def lock(common: Common) -> None:
    """Read the digest of each image from the registry, and write images.lock: a deploy uses these and no others."""
    from collab_stack.operations import images, typed
    from collab_stack.runner.lock import site_lock

    site = typed.typed_site(common.site)
    with site_lock(common.site, "images lock"):
        read, changed = images.lock(site.site, images.needed(site.site, site.catalogue, site.plan))
    if common.json:
        locked = [{"component": name, **entry.model_dump(mode="json")} for name, entry in read.items()]
        emit_json({"ok": True, "changed": changed, "images": locked})
        return
    for name, entry in read.items():
        click.echo(f"{name}  {entry.reference}  {entry.digest}")
    say("images.lock is written; commit it." if changed else "images.lock is as it was.")


@command.command(epilog="Example: collab-stack images pull --site my-site --limit host1")
@click.option("--limit", multiple=True, metavar="HOST|GROUP", help="Only these hosts (comma, or given several times).")
@common_options
def pull(common: Common, limit: tuple[str, ...]) -> int:
    """Let the hosts pull the locked images now, so that a later deploy does not wait for them.

    Runs the role docker, which also brings Docker itself to what the site says.
    """
    from collab_stack.cli.deploy import interruptible, run
    from collab_stack.operations.deploy import Options

    words = tuple(word for value in limit for word in value.split(",") if word)
    options = Options(
        limit=words, roles=("base", "docker"), verbosity=common.verbosity, probe=False, verb="images pull"
    )
    with interruptible():
        return run(common, options)


def _entry(image: Image) -> dict[str, object]:
    return {
        "component": image.component,
        "version": image.version,
        "source": str(image.source),
        "reference": str(image.reference),
        "digest": image.locked.digest if image.locked else None,
    }
