"""The agency's own additions (`extra`) and versions, held against what upstream and the catalogue know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack import catalogue
from collab_stack.catalogue import contract
from collab_stack.catalogue.layout import COMPONENTS
from collab_stack.site.document import dotted
from collab_stack.site.findings import Finding, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.site.document import Node, Path
    from collab_stack.site.model import SiteConfig

_TYPES: Final[dict[str, type | tuple[type, ...]]] = {"string": str, "boolean": bool, "integer": int, "array": list}
_NAMES: Final = {"string": "text", "boolean": "true or false", "integer": "a whole number", "array": "a list"}
_PUBLIC: Final = "site.yml is in clear and in version control: a secret has no place in it"


def check(config: SiteConfig, tree: Node) -> list[Finding]:
    """Return the versions that the catalogue does not know, and the names that upstream does not."""
    return [
        *_versions(config, tree),
        *_environments(config, tree),
        *_servers(config, tree),
        *_settings(config, tree),
    ]


def _finding(tree: Node, path: Path, message: str, mend: str) -> Finding:
    return Finding("site.yml", tree.at(path)[0].line, dotted(path), message, mend)


def _versions(config: SiteConfig, tree: Node) -> Iterator[Finding]:
    components = catalogue.load().components
    for service, name in COMPONENTS.items():
        wanted = getattr(config.services, service).version
        component = components[name]
        if wanted is not None and not component.known(wanted):
            known = ", ".join((component.version, *component.versions))
            yield _finding(
                tree,
                ("services", service, "version"),
                f"the catalogue does not know {name} {wanted}",
                f"known: {known}; leave the key out for the default, {component.version}",
            )


def _environments(config: SiteConfig, tree: Node) -> Iterator[Finding]:
    environments = {
        "keycloak": config.services.keycloak.extra.environment,
        "nextcloud": config.services.nextcloud.extra.environment,
    }
    for service, environment in environments.items():
        known = contract.environment(service)
        for name in environment:
            path = ("services", service, "extra", "environment", name)
            if name in known.secret or (name.endswith(("_PASSWORD", "_SECRET")) and known.knows(name)):
                yield _finding(tree, path, f"`{name}` is a secret", _PUBLIC)
            elif service == "nextcloud" and name.startswith("NC_"):
                yield from _setting(tree, path, name.removeprefix("NC_"), None)
            elif not known.knows(name):
                mend = suggestion(name, known.names)
                yield _finding(tree, path, f"the image of {service} does not read `{name}`", mend)


def _servers(config: SiteConfig, tree: Node) -> Iterator[Finding]:
    servers = {
        "postgresql": config.services.postgresql.extra.settings,
        "valkey": config.services.valkey.extra.settings,
    }
    for service, settings in servers.items():
        for name in settings:
            known = contract.server_settings(service)
            path = ("services", service, "extra", "settings", name)
            if name in known.decided:
                yield _finding(tree, path, f"the stack decides `{name}` itself", "remove it")
            elif name in known.secret:
                yield _finding(tree, path, f"`{name}` is a secret", _PUBLIC)
            elif not known.knows(name):
                yield _finding(tree, path, f"{service} has no setting `{name}`", suggestion(name, known.names))


def _settings(config: SiteConfig, tree: Node) -> Iterator[Finding]:
    for name, value in config.services.nextcloud.extra.settings.items():
        yield from _setting(tree, ("services", "nextcloud", "extra", "settings", name), name, value)


def _setting(tree: Node, path: Path, name: str, value: object) -> Iterator[Finding]:
    known = contract.nextcloud_settings()
    if name in known.secret:
        yield _finding(tree, path, f"`{name}` is a secret", _PUBLIC)
        return
    if name not in known.types:
        yield _finding(tree, path, f"Nextcloud has no system setting `{name}`", suggestion(name, known.types))
        return
    kind = known.types[name]
    if value is None or kind is None:
        return
    if not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
        yield _finding(tree, path, f"`{name}` is not {_NAMES[kind]}", f"give {_NAMES[kind]}")
