"""The data-flow diagram: complete, well-formed, stable, and nothing drawn over anything else."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab_stack.plan import diagram
from collab_stack.plan.graph import graph
from collab_stack.plan.layout import arrange

if TYPE_CHECKING:
    from tests.unit.plan.conftest import MakePlan

SVG = "{http://www.w3.org/2000/svg}"

SITES: list[dict[str, Any]] = [
    {},
    {"registry": None},
    {"services.postgresql.external": {"address": "db.agency.example", "port": 5432}, "sso.directory": None},
    {"services.nextcloud.enabled": False},
]


@pytest.mark.parametrize("changes", SITES)
def test_every_pair_of_parties_is_one_arrow(make_plan: MakePlan, changes: dict[str, Any]) -> None:
    plan = make_plan(changes)
    pairs = {(flow.source, flow.destination) for flow in plan.flows if flow.source != flow.destination}
    picture = graph(plan)
    assert [(arrow.source, arrow.destination) for arrow in picture.arrows] == list(
        dict.fromkeys((f.source, f.destination) for f in plan.flows if f.source != f.destination)
    )
    assert {node.name for node in picture.nodes} == {name for pair in pairs for name in pair}
    for flow in plan.flows:
        arrow = next(a for a in picture.arrows if (a.source, a.destination) == (flow.source, flow.destination))
        assert str(flow.port) in arrow.label
        assert any(flow.reason in reason for reason in arrow.reasons)


@pytest.mark.parametrize("changes", SITES)
def test_the_svg_is_whole_and_needs_nothing_else(make_plan: MakePlan, changes: dict[str, Any]) -> None:
    plan = make_plan(changes)
    text = diagram.svg(plan, 'Data flows of "Räksmörgås & Co <1>"')
    assert text == diagram.svg(plan, 'Data flows of "Räksmörgås & Co <1>"')
    root = ET.fromstring(text)
    assert root.findtext(f"{SVG}title") == 'Data flows of "Räksmörgås & Co <1>"'
    picture = graph(plan)
    arrows = [path for path in root.iter(f"{SVG}path") if path.get("class", "").split()[:1] == ["a"]]
    assert len(arrows) == len(picture.arrows) + 4, "one path per arrow, and four in the legend"
    assert not re.findall(r"(?:href|src|url)\s*[=(]\s*[\"']?(?!#)", text), "refers to something outside the file"
    titles = {element.text for element in root.iter(f"{SVG}text")}
    assert {node.title for node in picture.nodes} <= titles
    assert {arrow.label for arrow in picture.arrows} <= titles


def test_what_leaves_the_house_is_red(make_plan: MakePlan) -> None:
    root = ET.fromstring(diagram.svg(make_plan({"registry": None}), "x"))
    red = [
        group.findtext(f"{SVG}title")
        for group in root.iter(f"{SVG}g")
        if any("leaves" in path.get("class", "") for path in group.iter(f"{SVG}path"))
    ]
    assert [text.splitlines()[0] for text in red if text] == ["hosts to registry"]


def test_mermaid_has_every_arrow_and_marks_what_leaves(make_plan: MakePlan) -> None:
    plan = make_plan({"registry": None})
    text = diagram.mermaid(plan)
    assert text.startswith("flowchart LR\n")
    arrows = re.findall(r"^  (\w+) (-->|-\.->)\|\"([^\"]*)\"\| (\w+)$", text, re.MULTILINE)
    assert [(a, d) for a, _, _, d in arrows] == [(arrow.source, arrow.destination) for arrow in graph(plan).arrows]
    styled = re.search(r"linkStyle ([\d,]+) stroke:#b3261e", text)
    assert styled
    assert [arrows[int(index)][3] for index in styled[1].split(",")] == ["registry"]


def test_mermaid_keeps_to_its_quotes(make_plan: MakePlan) -> None:
    plan = make_plan({"services.postgresql.external": {"address": "db.agency.example", "port": 5432}})
    assert 'postgresql["postgresql<br/>db.agency.example:5432"]' in diagram.mermaid(plan)
    assert diagram._text('a "b" <c> #') == "a #quot;b#quot; #lt;c#gt; #35;"


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 9).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.sets(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda p: p[0] != p[1])),
        )
    )
)
def test_no_node_is_drawn_over_another(drawn: tuple[int, set[tuple[int, int]]]) -> None:
    count, pairs = drawn
    nodes = [f"n{index}" for index in range(count)]
    arrows = [(f"n{a}", f"n{b}") for a, b in sorted(pairs)]
    layout = arrange(nodes, arrows, frozenset(), 46)
    placed = sorted(layout.nodes.values(), key=lambda place: (place.layer, place.top))
    for above, below in pairwise(placed):
        assert above.layer != below.layer or above.top + above.height <= below.top + 0.01
    assert set(layout.paths) == set(arrows)
    for (source, destination), path in layout.paths.items():
        ends = (layout.nodes[source], layout.nodes[destination])
        left, right = ends[::-1] if (source, destination) in layout.turned else ends
        assert (path[0][0], path[-1][0]) == (left.layer, right.layer)
        assert left.layer < right.layer
        for (_, y), node in ((path[0], left), (path[-1], right)):
            assert node.top <= y <= node.top + node.height
