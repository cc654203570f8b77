"""The layout of random graphs without cycles, 1.5 edges a node, and of the same with one node more. Prints JSON.

Crossings are counted on the drawing itself: pairs of parts of edges that cross, whatever made them. A small graph is
one of ten, since any way of drawing has luck with one and none with another; figures are the means of them all.
Usage: python -m tests.benchmarks.programs.graph_layout NODES
"""

import json
import random
import statistics
import sys
import time
from itertools import pairwise
from typing import Any

from graphs_app.layout import arrange, changes

ROUNDS = 5
NODES_IN_ALL = 1000
REACH = 50
"""How far back edges lead at most, as in graphs of work."""

Part = tuple[float, float, float, float]


def graphs(count: int) -> list[dict[str, Any]]:
    return [graph(count, seed) for seed in range(1, 1 + max(1, NODES_IN_ALL // count))]


def graph(count: int, seed: int = 1) -> dict[str, Any]:
    chance = random.Random(seed)  # noqa: S311 (a graph, the same each time)
    edges = {(chance.randrange(max(0, end - REACH), end), end) for end in range(1, count)}
    while len(edges) < count * 3 // 2:
        end = chance.randrange(1, count)
        edges.add((chance.randrange(max(0, end - REACH), end), end))
    return {
        "entry_node": "n0",
        "nodes": [{"node_id": f"n{at}", "tool": "compute"} for at in range(count)],
        "edges": [{"from_node": f"n{start}", "to_node": f"n{end}"} for start, end in sorted(edges)],
    }


def crossings(layout: dict[str, Any]) -> int:
    """Pairs of parts that cross in their insides, found by a sweep from left to right."""
    parts: list[Part] = []
    for edge in layout["edges"]:
        for (x1, y1), (x2, y2) in pairwise(edge["points"]):
            parts.append((x1, y1, x2, y2) if x1 <= x2 else (x2, y2, x1, y1))
    parts.sort()
    total, active = 0, list[Part]()
    for part in parts:
        active = [other for other in active if other[2] > part[0]]
        total += sum(_cross(part, other) for other in active)
        active.append(part)
    return total


def _cross(one: Part, other: Part) -> bool:
    return _sides(one, other) < 0 and _sides(other, one) < 0


def _sides(line: Part, ends: Part) -> float:
    """Below zero when the ends of the second lie at different sides of the first."""
    x, y, dx, dy = line[0], line[1], line[2] - line[0], line[3] - line[1]
    first = dx * (ends[1] - y) - dy * (ends[0] - x)
    second = dx * (ends[3] - y) - dy * (ends[2] - x)
    return -1.0 if (first > 0 > second) or (first < 0 < second) else 1.0


def overlaps(layout: dict[str, Any]) -> int:
    """Pairs of nodes that lie on one another."""
    nodes = sorted(layout["nodes"], key=lambda node: node["x"])
    total, active = 0, list[dict[str, Any]]()
    for node in nodes:
        active = [other for other in active if other["x"] + other["width"] > node["x"]]
        beside = [o for o in active if o["y"] < node["y"] + node["height"] and node["y"] < o["y"] + o["height"]]
        total += len(beside)
        active.append(node)
    return total


def measured(definition: dict[str, Any]) -> dict[str, float]:
    layout = arrange(definition)
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        layout = arrange(definition)
        times.append((time.perf_counter() - begin) * 1000)
    middle = definition["nodes"][len(definition["nodes"]) // 2]["node_id"]
    more = {
        **definition,
        "nodes": [*definition["nodes"], {"node_id": "new", "tool": "compute"}],
        "edges": [*definition["edges"], {"from_node": middle, "to_node": "new"}],
    }
    begin = time.perf_counter()
    moved = len(changes(layout, arrange(more, layout))["moved"])
    again = (time.perf_counter() - begin) * 1000
    return {
        "layout": sorted(times)[ROUNDS // 2],
        "crossings": crossings(layout),
        "overlaps": overlaps(layout),
        "one node more": again,
        "nodes moved by it": moved,
    }


def means(figures: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.mean(one[name] for one in figures) for name in figures[0]}


def main(count: int) -> None:
    print(json.dumps(means([measured(definition) for definition in graphs(count)])))


if __name__ == "__main__":
    main(int(sys.argv[1]))
