"""Groups: nodes of what is drawn become a graph of their own, and come back in its node's place."""

from collections.abc import Sequence
from typing import Any

from graphs_app import grouping, selectors
from graphs_app.errors import CannotGroup, InvalidGraph
from graphs_app.models import Graph
from graphs_app.services import graphs
from sessions_app.models import User
from sessions_app.plurals import counted


def group_nodes(
    *, user: User, definition: dict[str, Any], nodes: Sequence[str], name: str
) -> tuple[dict[str, Any], Graph]:
    """Keeps some nodes as a new graph of the person's; answers the definition with one node for them.

    Raises InvalidGraph and CannotGroup; nothing is kept then.
    """
    _require_valid(user, definition)
    try:
        sub, first, last = grouping.grouped(definition, nodes, name)
        graph = graphs.create_graph(user=user, definition=sub)
        return grouping.replaced(definition, sub, first, last, graph.slug), graph
    except grouping.NotGroupable as error:
        raise CannotGroup(f"These nodes cannot be grouped: {error}.") from error


def ungroup_node(*, user: User, definition: dict[str, Any], node: str) -> dict[str, Any]:
    """The definition with the nodes of a sub-graph, in the version that the node runs, in the node's place."""
    _require_valid(user, definition)
    found: dict[str, Any] = next((one for one in definition["nodes"] if one["node_id"] == node), {})
    config = found.get("config") or {}
    try:
        if found.get("tool") != grouping.SUB_GRAPH:
            raise grouping.NotGroupable(f"{node!r} is not a node that runs a graph")
        graph = selectors.graph_for(user, config["graph"])
        sub = selectors.version_of(graph, config.get("version") or graph.version).definition
        return grouping.ungrouped(definition, node, sub)
    except grouping.NotGroupable as error:
        raise CannotGroup(f"Node {node!r} cannot be taken apart: {error}.") from error


def _require_valid(user: User, definition: dict[str, Any]) -> None:
    problems = graphs.problems_of(definition=definition, user=user)
    if problems:
        raise InvalidGraph(
            f"The graph has {counted(len(problems), 'problem')} to be mended first: {problems[0]['message']}",
            errors=problems,
        )
