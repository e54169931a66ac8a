"""The data-flow diagram of a plan, as Mermaid text and as a self-contained SVG, from :mod:`collab_stack.plan.graph`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.plan.graph import graph
from collab_stack.plan.svg import draw

if TYPE_CHECKING:
    from collab_stack.plan.graph import Arrow, Graph
    from collab_stack.plan.model import Plan

_GROUPS: Final = (("ours", "stack", "This stack"), ("external", "agency", "The agency's own services"))

_CLASSES: Final = (
    "classDef ours fill:#e8f0fe,stroke:#1a4f8b,color:#10233d",
    "classDef external fill:#f3ecfb,stroke:#6b3fa0,color:#2a1740",
    "classDef outside fill:#f4f4f2,stroke:#6b6b66,color:#22221f",
)


def svg(plan: Plan, title: str) -> str:
    """Return the diagram as one SVG file that needs nothing else: no font, script or style from elsewhere.

    :param title: stands above it and names the picture to a screen reader.
    """
    return draw(graph(plan), title)


def mermaid(plan: Plan) -> str:
    """Return the diagram as Mermaid flowchart text, as wikis and forges draw it."""
    picture = graph(plan)
    lines = ["flowchart LR"]
    for kind, identifier, title in _GROUPS:
        inside = [node for node in picture.nodes if node.kind == kind]
        if inside:
            lines += [f'  subgraph {identifier}["{title}"]']
            lines += [f'    {node.name}["{_text(node.title)}<br/>{_text(node.place)}"]' for node in inside]
            lines += ["  end"]
    lines += [
        f'  {node.name}(["{_text(node.title)}<br/>{_text(node.place)}"])'
        for node in picture.nodes
        if node.kind == "outside"
    ]
    lines += [
        f"  {arrow.source} {_line(arrow)}|{_quoted(arrow.label)}| {arrow.destination}" for arrow in picture.arrows
    ]
    lines += [f"  {text}" for text in _CLASSES]
    lines += [f"  class {','.join(names)} {kind}" for kind, names in _by_kind(picture).items()]
    leaving = [str(index) for index, arrow in enumerate(picture.arrows) if arrow.leaves]
    if leaving:
        lines.append(f"  linkStyle {','.join(leaving)} stroke:#b3261e,stroke-width:2px")
    return "\n".join(lines) + "\n"


def _line(arrow: Arrow) -> str:
    return "-.->" if arrow.local else "-->"


def _by_kind(picture: Graph) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for node in picture.nodes:
        kinds.setdefault(node.kind, []).append(node.name)
    return kinds


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'


def _text(text: str) -> str:
    """Return a text that ends neither Mermaid's quotes nor is read as one of its entities."""
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
