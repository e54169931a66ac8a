"""The JSON Schema of what people write, for editors that complete and check while typing."""

from __future__ import annotations

from typing import Any, Final

from collab_stack.catalogue.layout import GROUPS
from collab_stack.site.model import SiteConfig
from collab_stack.site.model.inventory import HostsFile

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def site() -> dict[str, Any]:
    """Return the schema of site.yml."""
    return {"$schema": _DIALECT, **SiteConfig.model_json_schema(), "title": "collab-stack site.yml"}


def hosts() -> dict[str, Any]:
    """Return the schema of hosts.yml."""
    schema = {"$schema": _DIALECT, **HostsFile.model_json_schema(), "title": "collab-stack hosts.yml"}
    schema["$defs"]["All"]["properties"]["children"]["propertyNames"] = {"enum": list(GROUPS)}
    return schema
