"""A layered drawing: what comes later lies further right, and edges cross little.

1. Edges that close a cycle are turned round (a depth-first search from the entry finds them).
2. A node's layer is the longest way to it; edges over several layers get a bend in each layer between.
3. Each layer is put in the order of the middle of its neighbours, forth and back, a few times; the best order stays.
4. Layers become columns, places in them rows; a bend is where its edge passes through.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

WIDTH, HEIGHT = 160.0, 56.0
COLUMN_GAP, ROW_GAP = 80.0, 40.0
SWEEPS = 8

Arrow = tuple[str, str]


@dataclass(slots=True)
class Layers:
    """Nodes and bends, layer by layer, in order."""

    rows: list[list[str]]
    chains: list[list[str]]
    """For each edge its nodes and bends, in the direction of the layers."""


def arrange(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The places of a valid definition's nodes, and the points of its edges."""
    ids = [node["node_id"] for node in definition["nodes"]]
    arrows = [(edge["from_node"], edge["to_node"]) for edge in definition.get("edges") or ()]
    arrows += [(node["node_id"], node["fallback"]) for node in definition["nodes"] if node.get("fallback")]
    turned = _closing_arrows(definition["entry_node"], ids, arrows)
    layers = _with_bends(ids, arrows, turned)
    _order(layers)
    places = _places(layers.rows)
    return {
        "nodes": [
            {"node_id": node_id, "x": places[node_id][0], "y": places[node_id][1], "width": WIDTH, "height": HEIGHT}
            for node_id in ids
        ],
        "edges": [
            {"from_node": start, "to_node": end, "points": _points(places, chain, index in turned)}
            for index, ((start, end), chain) in enumerate(zip(arrows, layers.chains, strict=True))
        ],
    }


def _closing_arrows(entry: str, ids: Sequence[str], arrows: Sequence[Arrow]) -> set[int]:
    """The indexes of arrows that lead back to a node on the way to them."""
    leaving: dict[str, list[int]] = defaultdict(list)
    for index, (start, _) in enumerate(arrows):
        leaving[start].append(index)
    closing: set[int] = set()
    on_the_way: set[str] = set()
    seen: set[str] = set()
    for root in (entry, *ids):
        if root in seen:
            continue
        seen.add(root)
        on_the_way.add(root)
        stack = [(root, iter(leaving[root]))]
        while stack:
            node_id, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                on_the_way.discard(node_id)
                stack.pop()
                continue
            target = arrows[following][1]
            if target in on_the_way:
                closing.add(following)
            elif target not in seen:
                seen.add(target)
                on_the_way.add(target)
                stack.append((target, iter(leaving[target])))
    return closing


def _depths(ids: Sequence[str], arrows: Iterable[Arrow]) -> dict[str, int]:
    """The longest way to each node; the arrows close no cycle."""
    leaving: dict[str, list[str]] = defaultdict(list)
    waiting = dict.fromkeys(ids, 0)
    for start, end in arrows:
        leaving[start].append(end)
        waiting[end] += 1
    depths = dict.fromkeys(ids, 0)
    free = [node_id for node_id in ids if not waiting[node_id]]
    while free:
        node_id = free.pop()
        for end in leaving[node_id]:
            depths[end] = max(depths[end], depths[node_id] + 1)
            waiting[end] -= 1
            if not waiting[end]:
                free.append(end)
    return depths


def _with_bends(ids: Sequence[str], arrows: Sequence[Arrow], turned: set[int]) -> Layers:
    forward = [(end, start) if index in turned else (start, end) for index, (start, end) in enumerate(arrows)]
    depths = _depths(ids, (arrow for arrow in forward if arrow[0] != arrow[1]))
    rows: list[list[str]] = [[] for _ in range(max(depths.values(), default=0) + 1)]
    for node_id in ids:
        rows[depths[node_id]].append(node_id)
    chains = []
    for index, (start, end) in enumerate(forward):
        chain = [start]
        for depth in range(depths[start] + 1, depths[end]):
            # No node's id holds a NUL, so a bend is never taken for one.
            bend = f"\0{index}\0{depth}"
            rows[depth].append(bend)
            chain.append(bend)
        chains.append([*chain, end])
    return Layers(rows, chains)


def _order(layers: Layers) -> None:
    """Sorts each layer by the middle of its neighbours, and keeps the order with the fewest crossings."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for chain in layers.chains:
        for start, end in pairwise(chain):
            if start != end:
                after[start].append(end)
                before[end].append(start)
    best, fewest = [list(row) for row in layers.rows], _crossings(layers.rows, after)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forth = sweep % 2 == 0
        pairs = pairwise(layers.rows) if forth else pairwise(reversed(layers.rows))
        for fixed, row in pairs:
            _sort_by_middle(row, fixed, before if forth else after)
        found = _crossings(layers.rows, after)
        if found < fewest:
            best, fewest = [list(row) for row in layers.rows], found
    layers.rows = best


def _sort_by_middle(row: list[str], fixed: Sequence[str], neighbours: Mapping[str, Sequence[str]]) -> None:
    place = {node_id: index for index, node_id in enumerate(fixed)}
    middle = {}
    for index, node_id in enumerate(row):
        near = [place[other] for other in neighbours.get(node_id, ()) if other in place]
        middle[node_id] = sum(near) / len(near) if near else float(index)
    row.sort(key=middle.__getitem__)


def _crossings(rows: Sequence[Sequence[str]], after: Mapping[str, Sequence[str]]) -> int:
    """How many pairs of edges cross, counted with a Fenwick tree in O(e log v)."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {node_id: index for index, node_id in enumerate(lower)}
        tree = [0] * (len(lower) + 1)
        count = 0
        for node_id in upper:
            ends = sorted(place[end] for end in after.get(node_id, ()) if end in place)
            total += sum(count - _sum_to(tree, end) for end in ends)
            for end in ends:
                count += 1
                _add(tree, end)
    return total


def _sum_to(tree: Sequence[int], index: int) -> int:
    total, at = 0, index + 1
    while at:
        total += tree[at]
        at &= at - 1
    return total


def _add(tree: list[int], index: int) -> None:
    at = index + 1
    while at < len(tree):
        tree[at] += 1
        at += at & -at


def _places(rows: Sequence[Sequence[str]]) -> dict[str, tuple[float, float]]:
    """The upper left corner of every node and bend; each column is centred on the same line."""
    tallest = max((len(row) for row in rows), default=0)
    places = {}
    for column, row in enumerate(rows):
        shift = (tallest - len(row)) / 2
        for index, node_id in enumerate(row):
            places[node_id] = (column * (WIDTH + COLUMN_GAP), (index + shift) * (HEIGHT + ROW_GAP))
    return places


def _points(places: Mapping[str, tuple[float, float]], chain: Sequence[str], is_turned: bool) -> list[list[float]]:
    """Where an edge passes: out of the right side of its first node, into the left of its last."""
    if chain[0] == chain[-1]:
        x, y = places[chain[0]]
        right, top = x + WIDTH, y - ROW_GAP / 2
        return [[right, y + HEIGHT / 2], [right + ROW_GAP / 2, top], [x - ROW_GAP / 2, top], [x, y + HEIGHT / 2]]
    points = []
    for index, node_id in enumerate(chain):
        x, y = places[node_id]
        across = WIDTH if index == 0 else 0.0 if index == len(chain) - 1 else WIDTH / 2
        points.append([x + across, y + HEIGHT / 2])
    return points[::-1] if is_turned else points
