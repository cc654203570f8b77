"""Faults in the shape of a graph: nodes that nothing reaches, and cycles that cannot end."""

from graphs_app.engine.conditions import Expression, parse
from graphs_app.engine.errors import ConditionFailed
from graphs_app.engine.graph import Definition
from graphs_app.engine.topology import strong_components


def unreachable(definition: Definition) -> list[int]:
    """Nodes to which no way leads from the entry node."""
    index = definition.node_index()
    successors: list[list[int]] = [[] for _ in definition.nodes]
    for edge in definition.edges:
        successors[index[edge.from_node]].append(index[edge.to_node])
    seen = {index[definition.entry_node]}
    work = list(seen)
    while work:
        for target in successors[work.pop()]:
            if target not in seen:
                seen.add(target)
                work.append(target)
    return [node for node in range(len(definition.nodes)) if node not in seen]


def endless_cycles(definition: Definition) -> list[tuple[int, list[str]]]:
    """One cycle, as an edge of it and its nodes, for each part of the graph that goes round for ever once entered.

    An edge is certain when its node takes it whenever it completes: a normal edge of a node without conditional ones.
    A cycle of certain edges has neither a condition on the way out nor one on the way round.
    """
    certain = _certain_edges(definition)
    index = definition.node_index()
    successors: list[list[int]] = [[] for _ in definition.nodes]
    edge_of: dict[tuple[int, int], int] = {}
    for edge in certain:
        source = index[definition.edges[edge].from_node]
        target = index[definition.edges[edge].to_node]
        successors[source].append(target)
        edge_of.setdefault((source, target), edge)
    found = []
    for component in strong_components(successors):
        if len(component) > 1 or component[0] in successors[component[0]]:
            cycle = _cycle_in(set(component), successors)
            edge = edge_of[cycle[-1], cycle[0]]
            found.append((edge, [definition.nodes[node].node_id for node in cycle]))
    return sorted(found)


def _certain_edges(definition: Definition) -> list[int]:
    certain: list[int] = []
    decided: set[str] = set()
    """Nodes of which a conditional edge holds, or may hold: their normal edges are not certain."""
    for index, edge in enumerate(definition.edges):
        if edge.type != "conditional":
            continue
        always = _always(parse(edge.condition or ""))
        if always is False:
            continue
        if always and edge.from_node not in decided:
            certain.append(index)
        decided.add(edge.from_node)
    for index, edge in enumerate(definition.edges):
        if edge.type == "normal" and edge.from_node not in decided:
            certain.append(index)
    return certain


def _always(condition: Expression) -> bool | None:
    """What a condition says that reads nothing; None for one that depends on the state."""
    if condition.names:
        return None
    try:
        return condition.holds({})
    except ConditionFailed:
        # It fails the run, which ends the cycle too.
        return None


def _cycle_in(component: set[int], successors: list[list[int]]) -> list[int]:
    """The nodes of one cycle inside a strong component, in their order."""
    place: dict[int, int] = {}
    way: list[int] = []
    node = min(component)
    while node not in place:
        place[node] = len(way)
        way.append(node)
        node = next(target for target in successors[node] if target in component)
    return way[place[node] :]
