"""A small layered layout for directed graphs, left to right: who is drawn where, and through which points arrows run.

The usual four steps (Sugiyama, Tagawa, Toda 1981): turn arrows that close a cycle, put nodes into layers by longest
path, order each layer by the barycentre of its neighbours, place along the layer as near to the neighbours as the
spacing allows. An arrow over several layers takes a lane of its own in each layer between, so it crosses no node.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LANE: Final = 20.0
"""Distance between two arrows at a node, and height of a lane, in pixels."""

_NODE_GAP: Final = 34.0
_SWEEPS: Final = 12

Arrow = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a node or a lane is: its layer, and the top and height along the layer in pixels."""

    layer: int
    top: float
    height: float

    @property
    def middle(self) -> float:
        """Centre along the layer."""
        return self.top + self.height / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """The result.

    :param nodes: node -> place.
    :param paths: arrow -> for each layer that it touches, from left to right, (layer, y).
    :param turned: arrows that run right to left.
    """

    nodes: Mapping[str, Placed]
    paths: Mapping[Arrow, tuple[tuple[int, float], ...]]
    turned: frozenset[Arrow]
    height: float


def arrange(nodes: Sequence[str], arrows: Sequence[Arrow], last: frozenset[str], least_height: float) -> Layout:
    """Return a layout; the same input gives the same one.

    :param nodes: every node, those where reading starts first.
    :param arrows: at most one per (source, destination), no arrow from a node to itself.
    :param last: nodes to put into the rightmost layer, whatever their distance.
    :param least_height: of a node, in pixels.
    """
    turned = _cycles(nodes, arrows)
    forward = {arrow: (arrow[1], arrow[0]) if arrow in turned else arrow for arrow in arrows}
    layers = _layers(nodes, list(forward.values()), last)
    chains = {arrow: _chain(ends, layers) for arrow, ends in forward.items()}
    order, neighbours = _ordered(nodes, chains, layers)
    heights = {item: LANE for item in neighbours if item not in layers}
    for node in nodes:
        busiest = max(sum(ends[side] == node for ends in forward.values()) for side in (0, 1))
        heights[node] = max(least_height, busiest * LANE + LANE / 2)
    tops = _positions(order, neighbours, heights)
    placed = {item: Placed(layer, tops[item], heights[item]) for layer, items in enumerate(order) for item in items}
    return Layout(
        nodes={node: placed[node] for node in nodes},
        paths=_paths(chains, placed, layers),
        turned=turned,
        height=max((place.top + place.height for place in placed.values()), default=0.0),
    )


def _cycles(nodes: Sequence[str], arrows: Sequence[Arrow]) -> frozenset[Arrow]:
    """Return the arrows that lead back to a node on the way to them (depth first, in the given order)."""
    found: set[Arrow] = set()
    done: set[str] = set()

    def visit(node: str, way: frozenset[str]) -> None:
        for source, destination in arrows:
            if source == node and destination in way:
                found.add((source, destination))
            elif source == node and destination not in done:
                visit(destination, way | {destination})
        done.add(node)

    for node in nodes:
        if node not in done:
            visit(node, frozenset({node}))
    return frozenset(found)


def _layers(nodes: Sequence[str], arrows: Sequence[Arrow], last: frozenset[str]) -> dict[str, int]:
    layers = dict.fromkeys(nodes, 0)
    for _ in nodes:  # the longest path has at most this many steps
        for source, destination in arrows:
            layers[destination] = max(layers[destination], layers[source] + 1)
    inner = max((layer for node, layer in layers.items() if node not in last), default=0)
    return {node: inner + 1 if node in last else layer for node, layer in layers.items()}


def _chain(ends: Arrow, layers: Mapping[str, int]) -> tuple[str, ...]:
    """Return what an arrow runs through from left to right: its ends, and a lane in each layer between."""
    source, destination = ends
    lanes = [f"{source}>{destination}>{layer}" for layer in range(layers[source] + 1, layers[destination])]
    return (source, *lanes, destination)


def _ordered(
    nodes: Sequence[str], chains: Mapping[Arrow, tuple[str, ...]], layers: Mapping[str, int]
) -> tuple[list[list[str]], dict[str, list[str]]]:
    order: list[list[str]] = [[] for _ in range(max(layers.values(), default=0) + 1)]
    for node in nodes:
        order[layers[node]].append(node)
    neighbours: dict[str, list[str]] = {node: [] for node in nodes}
    for chain in chains.values():
        for step, lane in enumerate(chain[1:-1], start=1):
            order[layers[chain[0]] + step].append(lane)
            neighbours[lane] = []
        for left, right in pairwise(chain):
            neighbours[left].append(right)
            neighbours[right].append(left)
    best = [list(layer) for layer in order]
    fewest = _crossings(order, chains)
    for sweep in range(_SWEEPS):
        for layer in order if sweep % 2 == 0 else order[::-1]:
            rank = {item: index / max(len(items), 1) for items in order for index, item in enumerate(items)}
            layer.sort(key=lambda item: _mean([rank[near] for near in neighbours[item]], rank[item]))
        crossings = _crossings(order, chains)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in order], crossings
    return best, neighbours


def _crossings(order: Sequence[Sequence[str]], chains: Mapping[Arrow, tuple[str, ...]]) -> int:
    rank = {item: (layer, index) for layer, items in enumerate(order) for index, item in enumerate(items)}
    steps = [(rank[a], rank[b]) for chain in chains.values() for a, b in pairwise(chain)]
    return sum(
        one[0][0] == other[0][0] and (one[0][1] - other[0][1]) * (one[1][1] - other[1][1]) < 0
        for index, one in enumerate(steps)
        for other in steps[:index]
    )


def _positions(
    order: Sequence[Sequence[str]], neighbours: Mapping[str, Sequence[str]], heights: Mapping[str, float]
) -> dict[str, float]:
    middles = {item: index * 3 * LANE for items in order for index, item in enumerate(items)}
    for sweep in range(_SWEEPS):
        for items in order if sweep % 2 == 0 else order[::-1]:
            wanted = [_mean([middles[near] for near in neighbours[item]], middles[item]) for item in items]
            middles.update(zip(items, _spread(wanted, _distances(items, heights)), strict=True))
    tops = {item: middle - heights[item] / 2 for item, middle in middles.items()}
    least = min(tops.values(), default=0.0)
    return {item: top - least for item, top in tops.items()}


def _distances(items: Sequence[str], heights: Mapping[str, float]) -> list[float]:
    """Return the least distance between the middles of each item and the next."""
    distances = []
    for above, below in pairwise(items):
        lanes = heights[above] == heights[below] == LANE
        distances.append((heights[above] + heights[below]) / 2 + (0 if lanes else _NODE_GAP))
    return distances


def _spread(wanted: Sequence[float], distances: Sequence[float]) -> list[float]:
    """Return positions as near to the wanted ones as the distances allow (least squares, by pooling neighbours)."""
    offsets = [0.0]
    for distance in distances:
        offsets.append(offsets[-1] + distance)
    blocks: list[tuple[float, int]] = []  # (mean of the shifted wishes, how many items move together)
    for wish, offset in zip(wanted, offsets, strict=False):
        block = (wish - offset, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, count = blocks.pop()
            block = ((mean * count + block[0] * block[1]) / (count + block[1]), count + block[1])
        blocks.append(block)
    shifts = [mean for mean, count in blocks for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=False)]


def _paths(
    chains: Mapping[Arrow, tuple[str, ...]], placed: Mapping[str, Placed], layers: Mapping[str, int]
) -> dict[Arrow, tuple[tuple[int, float], ...]]:
    """Give each arrow its own place at both nodes, in the order in which the arrows come from the other side."""
    paths = {arrow: [(placed[item].layer, placed[item].middle) for item in chain] for arrow, chain in chains.items()}
    for node in layers:
        for side, near in ((0, 1), (-1, -2)):
            touching = [arrow for arrow, chain in chains.items() if chain[side] == node]
            touching.sort(key=lambda arrow, near=near: placed[chains[arrow][near]].middle)  # type: ignore[misc]
            for index, arrow in enumerate(touching):
                offset = (index - (len(touching) - 1) / 2) * LANE
                paths[arrow][side] = (placed[node].layer, placed[node].middle + offset)
    return {arrow: tuple(path) for arrow, path in paths.items()}


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
