"""Where the boxes of a graph go: in layers by their longest path, and in each layer so that few arrows cross.

After K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of Hierarchical System Structures" (IEEE
Transactions on Systems, Man, and Cybernetics 11, 1981): a place is held for an arrow in every layer that it passes,
and each layer is ordered by the mean place of its neighbours, there and back a few times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

__all__ = ["Layers", "layered", "placed"]

MAX_HELD: Final = 5_000
"""Places held for passing arrows; in a plan with more, arrows pass behind boxes."""
_SWEEPS: Final = 6

Node = int
"""A number for each box, in the plan's order, and further ones for the places held."""


class Layers:
    """The boxes and held places by layer, each with its neighbours in the layers beside it."""

    __slots__ = ("after", "before", "count", "rows", "ways")

    def __init__(self, needs: Mapping[str, Sequence[str]], order: Sequence[str]) -> None:
        """`order` has each name after those that it needs."""
        numbers = {name: number for number, name in enumerate(needs)}
        depths = [0] * len(needs)
        for name in order:
            depths[numbers[name]] = max((depths[numbers[need]] + 1 for need in needs[name]), default=0)
        self.count = len(needs)
        self.rows: list[list[Node]] = [[] for _ in range(max(depths, default=0) + 1)]
        self.before: list[list[Node]] = [[] for _ in depths]
        self.after: list[list[Node]] = [[] for _ in depths]
        self.ways: dict[tuple[Node, Node], list[Node]] = {}
        for number, depth in enumerate(depths):
            self.rows[depth].append(number)
        pairs = [(numbers[need], number) for name, number in numbers.items() for need in needs[name]]
        held = sum(depths[target] - depths[source] - 1 for source, target in pairs)
        for source, target in pairs:
            passed = range(depths[source] + 1, depths[target]) if held <= MAX_HELD else range(0)
            way = [source, *[self._hold(layer) for layer in passed], target]
            self.ways[source, target] = way
            for first, second in pairwise(way):
                self.after[first].append(second)
                self.before[second].append(first)

    def _hold(self, layer: int) -> Node:
        self.before.append([])
        self.after.append([])
        self.rows[layer].append(len(self.before) - 1)
        return len(self.before) - 1


def layered(needs: Mapping[str, Sequence[str]], order: Sequence[str]) -> Layers:
    """The layers, each ordered by the barycentres of the one before or after it."""
    layers = Layers(needs, order)
    for sweep in range(_SWEEPS):
        forward = not sweep % 2
        rows = layers.rows if forward else layers.rows[::-1]
        neighbours = layers.before if forward else layers.after
        place = [0.0] * len(layers.before)
        for row in rows:
            for position, node in enumerate(row):
                place[node] = position
        for row in rows[1:]:
            keys = {
                node: sum(place[other] for other in neighbours[node]) / len(neighbours[node])
                if neighbours[node] else place[node]
                for node in row
            }  # fmt: skip
            row.sort(key=keys.__getitem__)
            for position, node in enumerate(row):
                place[node] = position
    return layers


def placed(layers: Layers, box_pitch: float, way_pitch: float) -> list[float]:
    """How far down the middle of each node is, from 0: near what it follows, at least a pitch below the one above."""
    down = [0.0] * len(layers.before)
    for row in layers.rows:
        wished = [sum(down[one] for one in layers.before[node]) / max(1, len(layers.before[node])) for node in row]
        below = -float("inf")
        for node, wish in zip(row, wished, strict=True):
            half = (box_pitch if node < layers.count else way_pitch) / 2
            down[node] = max(wish, below + half)
            below = down[node] + half
        shift = sum(wish - down[node] for node, wish in zip(row, wished, strict=True)) / len(row)
        for node in row:
            down[node] += shift
    top = min(down, default=0.0)
    return [value - top for value in down]
