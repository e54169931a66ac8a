"""Drawing of a data-flow graph as SVG: columns from left to right, each arrow labelled where it arrives."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from collab_stack.plan.layout import LANE, Layout, Placed, arrange

if TYPE_CHECKING:
    from collab_stack.plan.graph import Arrow, Graph, Node

_NODE_WIDTH: Final = 168.0
_NODE_HEIGHT: Final = 46.0
_GAP: Final = 244.0
"""Between two columns: room for a label on both sides and the bend between."""
_LABEL: Final = 118.0
"""How long an arrow runs straight before the node where it arrives, under its label."""
_BACK: Final = 66.0
"""The same on the right side of a node, where arrows that run right to left arrive; theirs are short."""
_STUB: Final = 8.0
_MARGIN: Final = 28.0
_HEAD: Final = 64.0
_LEGEND: Final = 64.0
_ABOVE: Final = 3.0  # a label stands this far above its arrow
_CHARACTERS: Final = 25
"""Of the place's text that fit into a node."""

_STYLE: Final = """
text{font-family:system-ui,"Segoe UI","DejaVu Sans",sans-serif;fill:#1d2733}
.h{font-size:19px;font-weight:600}.t{font-size:14px;font-weight:600}.p{font-size:11px;fill:#4a5562}
.l{font-size:11px;paint-order:stroke;stroke:#fff;stroke-width:3px}
rect{stroke-width:1.4}.ours{fill:#e8f0fe;stroke:#1a4f8b}.external{fill:#f3ecfb;stroke:#6b3fa0}
.outside{fill:#f4f4f2;stroke:#6b6b66}
path.a{fill:none;stroke-width:1.4;stroke:#33577f}path.local{stroke:#7b8794;stroke-dasharray:3 4}
path.clear{stroke:#b26a00;stroke-dasharray:9 4}path.leaves{stroke:#b3261e;stroke-width:2.2}
.m{fill:#33577f}.m-local{fill:#7b8794}.m-clear{fill:#b26a00}.m-leaves{fill:#b3261e}
"""

_MARKS: Final = {
    "": "encrypted or signed, within the house",
    "clear": "partly without protection",
    "local": "within one host",
    "leaves": "may leave the house",
}

_BOXES: Final = {
    "ours": "carried by this stack",
    "external": "the agency's own instance",
    "outside": "other parties",
}


def draw(picture: Graph, title: str) -> str:
    """Return the SVG of a graph; the same graph gives the same text.

    :param title: above the picture, and its accessible name.
    """
    names = [node.name for node in picture.nodes]
    sinks = frozenset(node.name for node in picture.nodes if node.kind == "outside") - {
        arrow.source for arrow in picture.arrows
    }
    layout = arrange(names, [(arrow.source, arrow.destination) for arrow in picture.arrows], sinks, _NODE_HEIGHT)
    columns = max((place.layer for place in layout.nodes.values()), default=0) + 1
    width = max(2 * _MARGIN + columns * _NODE_WIDTH + (columns - 1) * _GAP, 900.0)
    height = _HEAD + layout.height + _LEGEND + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:.0f}" '
        f'viewBox="0 0 {width:g} {height:.0f}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{_STYLE.strip()}</style>",
        "<defs>" + "".join(_marker(kind) for kind in _MARKS) + "</defs>",
        f'<rect width="{width:g}" height="{height:.0f}" fill="#fff"/>',
        f'<text class="h" x="{_MARGIN:g}" y="{_MARGIN + 12:g}">{escape(title)}</text>',
        *(_arrow(arrow, layout) for arrow in picture.arrows),
        *(_node(node, layout.nodes[node.name]) for node in picture.nodes),
        *(_label(arrow, layout) for arrow in picture.arrows),
        *_legend(height - _LEGEND + 16),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _kind(arrow: Arrow) -> str:
    if arrow.leaves:
        return "leaves"
    if arrow.local:
        return "local"
    return "clear" if arrow.clear else ""


def _marker(kind: str) -> str:
    name = f"m-{kind}" if kind else "m"
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9.5" refY="5" markerWidth="9" markerHeight="9" '
        f'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="{name}" d="M0 0 10 5 0 10z"/></marker>'
    )


def _left(layer: int) -> float:
    return _MARGIN + layer * (_NODE_WIDTH + _GAP)


def _node(node: Node, place: Placed) -> str:
    x, y = _left(place.layer), _HEAD + place.top
    middle = y + place.height / 2
    shown = node.place if len(node.place) <= _CHARACTERS else node.place[: _CHARACTERS - 1] + "…"
    return (
        f"<g><title>{escape(f'{node.title}: {node.place}')}</title>"
        f'<rect class="{node.kind}" x="{x:g}" y="{y:.1f}" width="{_NODE_WIDTH:g}" height="{place.height:.1f}" rx="7"/>'
        f'<text class="t" x="{x + 12:g}" y="{middle - 3:.1f}">{escape(node.title)}</text>'
        f'<text class="p" x="{x + 12:g}" y="{middle + 13:.1f}">{escape(shown)}</text></g>'
    )


def _arrow(arrow: Arrow, layout: Layout) -> str:
    kind = _kind(arrow)
    turned = (arrow.source, arrow.destination) in layout.turned
    end = f'marker-{"start" if turned else "end"}="url(#{f"m-{kind}" if kind else "m"})"'
    reasons = escape(f"{arrow.source} to {arrow.destination}\n" + "\n".join(arrow.reasons))
    return f'<g><title>{reasons}</title><path class="a {kind}" d="{_curve(arrow, layout)}" {end}/></g>'


def _curve(arrow: Arrow, layout: Layout) -> str:
    """Return a path that is straight beside both nodes and through lanes, and bends in the middle of each gap."""
    path = layout.paths[arrow.source, arrow.destination]
    turned = (arrow.source, arrow.destination) in layout.turned
    begins_at = arrow.destination if turned else arrow.source
    arrivals = {destination for _, destination in layout.turned}  # a passing bend would cross their labels
    steps = [f"M{_left(path[0][0]) + _NODE_WIDTH:g} {_HEAD + path[0][1]:.1f}"]
    for (near, from_y), (far, to_y) in pairwise(path):
        from_x, to_x = _left(near) + _NODE_WIDTH, _left(far)
        bend = from_x + (_BACK if near == path[0][0] and begins_at in arrivals else _STUB)
        straight = to_x - (_LABEL if not turned and far == path[-1][0] else _STUB)
        half, above, below = (bend + straight) / 2, f"{_HEAD + from_y:.1f}", f"{_HEAD + to_y:.1f}"
        steps.append(f"L{bend:g} {above}C{half:g} {above} {half:g} {below} {straight:g} {below}L{to_x:g} {below}")
        if far != path[-1][0]:
            steps.append(f"L{to_x + _NODE_WIDTH:g} {_HEAD + to_y:.1f}")
    return "".join(steps)


def _label(arrow: Arrow, layout: Layout) -> str:
    """Return the label, above the arrow's straight end at its destination."""
    path = layout.paths[arrow.source, arrow.destination]
    if (arrow.source, arrow.destination) in layout.turned:
        layer, y = path[0]
        x, anchor = _left(layer) + _NODE_WIDTH + 12, "start"
    else:
        layer, y = path[-1]
        x, anchor = _left(layer) - 12, "end"
    y += _HEAD - _ABOVE
    return f'<text class="l" x="{x:g}" y="{y:.1f}" text-anchor="{anchor}">{escape(arrow.label)}</text>'


def _legend(y: float) -> list[str]:
    parts, x = [], _MARGIN
    for kind, text in _BOXES.items():
        parts.append(f'<rect class="{kind}" x="{x:g}" y="{y - 10:g}" width="22" height="13" rx="3"/>')
        parts.append(f'<text class="p" x="{x + 29:g}" y="{y:g}">{escape(text)}</text>')
        x += 52 + 6.2 * len(text)
    x = _MARGIN
    for kind, text in _MARKS.items():
        name = f"m-{kind}" if kind else "m"
        parts.append(
            f'<path class="a {kind}" d="M{x:g} {y + LANE:g}H{x + 30:g}" marker-end="url(#{name})"/>'
            f'<text class="p" x="{x + 38:g}" y="{y + LANE + 4:g}">{escape(text)}</text>'
        )
        x += 60 + 6.2 * len(text)
    return parts
