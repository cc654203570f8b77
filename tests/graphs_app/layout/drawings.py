"""Graphs to draw, and what must hold of every drawing."""

import random
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

from hypothesis import strategies as st

Layout = dict[str, Any]


def graph(count: int, edges: Sequence[tuple[int, int]], labels: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """Nodes n0, n1, …; the first edges carry the labels as conditions."""
    drawn = [{"from_node": f"n{start}", "to_node": f"n{end}"} for start, end in edges]
    for edge, label in zip(drawn, labels, strict=False):
        edge["condition"] = label
    return {
        "entry_node": "n0",
        "nodes": [{"node_id": f"n{i}", "tool": "compute"} for i in range(count)],
        "edges": drawn,
        **more,
    }


def local_dag(count: int, seed: int = 1, reach: int = 50) -> list[tuple[int, int]]:
    """A random graph without cycles, 1.5 edges a node, as graphs of work are: most edges lead not far."""
    chance = random.Random(seed)  # noqa: S311 - the same graph every time
    edges = {(chance.randrange(max(0, end - reach), end), end) for end in range(1, count)}
    while len(edges) < count * 3 // 2:
        end = chance.randrange(1, count)
        edges.add((chance.randrange(max(0, end - reach), end), end))
    return sorted(edges)


ends = st.integers(1, 12).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=20),
        st.lists(st.sampled_from(["", "n < 3", "a longer condition AND its other half"]), max_size=20),
    )
)
graphs = ends.map(lambda parts: graph(*parts))


def overlapping(layout: Layout) -> list[tuple[str, str]]:
    """Pairs of nodes that lie on one another."""
    return [
        (one["node_id"], other["node_id"])
        for one, other in combinations(layout["nodes"], 2)
        if one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
    ]


def assert_edges_meet_their_nodes(layout: Layout) -> None:
    places = {node["node_id"]: node for node in layout["nodes"]}
    for edge in layout["edges"]:
        start, end = places[edge["from_node"]], places[edge["to_node"]]
        assert edge["points"][0] == [start["x"] + start["width"], start["y"] + start["height"] / 2]
        assert edge["points"][-1] == [end["x"], end["y"] + end["height"] / 2]


def hit_nodes(layout: Layout) -> list[tuple[str, str, str]]:
    """Edges whose level or upright parts pass through a node, and that node."""
    found = []
    for edge in layout["edges"]:
        for (x1, y1), (x2, y2) in pairwise(edge["points"]):
            if x1 != x2 and y1 != y2:
                continue
            for node in layout["nodes"]:
                across = min(x1, x2) < node["x"] + node["width"] and node["x"] < max(x1, x2)
                along = node["y"] < max(y1, y2) and min(y1, y2) < node["y"] + node["height"]
                if (across or (x1 == x2 and node["x"] < x1 < node["x"] + node["width"])) and along:
                    found.append((edge["from_node"], edge["to_node"], node["node_id"]))
    return found
