"""The data-flow diagram of a plan, as Mermaid text and as a self-contained SVG.

Both draw the same graph: parties as nodes, and one arrow per pair of parties that names every port between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from collab_stack.plan.definitions import HOSTS, OUTSIDE, SERVICES
from collab_stack.plan.flows import LEAVES
from collab_stack.plan.svg import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collab_stack.plan.model import Flow, Plan

_SOURCES: Final = ("clients", "management")

_TITLES: Final = {
    "clients": "Clients",
    "management": "Management",
    "directory": "Directory",
    "mail": "Mail relay",
    "time": "Time servers",
    "dns": "DNS resolvers",
    "packages": "Debian packages",
    "registry": "Image registry",
    HOSTS: "Operating systems",
}

_TRANSPORTS: Final = {
    "tls": "TLS",
    "ssh": "SSH",
    "clear": "clear",
    "dns": "DNS",
    "ntp": "NTP",
    "signed": "signed",
}
