"""What can reach what in a graph: computed once for each definition, as bit sets over its nodes.

Bit i of a set stands for the node of index i. Sets are Python integers, so that asking whether any active node can
reach another is one `&`, whatever the size of the graph.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from graphs_app.engine.graph import Definition


@dataclass(frozen=True, slots=True)
class Topology:
    """A definition's nodes by index, and who reaches whom."""

    entry: int
    joins: tuple[str, ...]
    targets: tuple[int, ...]
    """By edge: the node it leads to."""
    outgoing: tuple[int, ...]
    """By node: how many edges leave it."""
    upstream: tuple[int, ...]
    """By node: the nodes from which it can be reached, and which it cannot reach."""
    loops: "Loops"
    descendants: tuple[int, ...]
    """By node: itself and what it can reach."""
    splits: dict[int, int]
    """By node with join "first": the node at which all ways to it part, its immediate dominator; -1 for none."""
    max_iterations: int


class Loops:
    """Inside the loops: which nodes of a loop can still get to one of its edges, without going through its target."""

    __slots__ = ("_predecessors", "_reach", "_sources", "inside", "into")

    def __init__(self, inside: list[int], ends: list[tuple[int, int]], predecessors: list[list[int]]) -> None:
        self.inside = inside
        """By node: the nodes of its loops, itself among them; none for a node on no loop."""
        self.into: list[list[int]] = [[] for _ in inside]
        """By node: the edges that lead to it from other nodes of its loops."""
        self._sources = [source for source, _ in ends]
        self._predecessors = predecessors
        self._reach: dict[int, int] = {}
        for edge, (source, target) in enumerate(ends):
            if source != target and inside[target] >> source & 1:
                self.into[target].append(edge)

    def reach(self, edge: int, target: int) -> int:
        """The nodes of the target's loops from which a way leads to the edge that does not go through the target.

        Looked for when it is first asked for: most edges of a loop are never asked about.
        """
        known = self._reach.get(edge)
        if known is None:
            allowed = self.inside[target] & ~(1 << target)
            source = self._sources[edge]
            known = 1 << source
            work = [source]
            while work:
                for node in self._predecessors[work.pop()]:
                    if allowed >> node & 1 and not known >> node & 1:
                        known |= 1 << node
                        work.append(node)
            self._reach[edge] = known
        return known


def topology(definition: Definition) -> Topology:
    index = definition.node_index()
    ends = [(index[edge.from_node], index[edge.to_node]) for edge in definition.edges]
    successors: list[list[int]] = [[] for _ in definition.nodes]
    for source, target in ends:
        successors[source].append(target)
    predecessors = reversed_edges(successors)
    components = strong_components(successors)
    entry = index[definition.entry_node]
    joins = tuple(node.join for node in definition.nodes)
    firsts = [node for node, join in enumerate(joins) if join == "first"]
    dominators = immediate_dominators(entry, successors, predecessors) if firsts else {}
    reached_by = closure(components[::-1], predecessors)
    inside = _insides(components, successors)
    return Topology(
        entry=entry,
        joins=joins,
        targets=tuple(target for _, target in ends),
        outgoing=tuple(len(some) for some in successors),
        upstream=tuple(reach & ~inside[node] & ~(1 << node) for node, reach in enumerate(reached_by)),
        loops=Loops(inside, ends, predecessors),
        descendants=tuple(reach | 1 << node for node, reach in enumerate(closure(components, successors))),
        splits={node: dominators.get(node, -1) for node in firsts},
        max_iterations=definition.max_iterations,
    )


def reversed_edges(successors: Sequence[Sequence[int]]) -> list[list[int]]:
    predecessors: list[list[int]] = [[] for _ in successors]
    for source, targets in enumerate(successors):
        for target in targets:
            predecessors[target].append(source)
    return predecessors


def strong_components(successors: Sequence[Sequence[int]]) -> list[list[int]]:
    """Strongly connected components, each after all that it reaches (Tarjan's, without recursion)."""
    order: list[int] = [-1] * len(successors)
    low = [0] * len(successors)
    on_stack = [False] * len(successors)
    stack: list[int] = []
    components: list[list[int]] = []
    count = 0
    for root in range(len(successors)):
        if order[root] >= 0:
            continue
        work = [(root, iter(successors[root]))]
        order[root] = low[root] = count
        count += 1
        stack.append(root)
        on_stack[root] = True
        while work:
            node, rest = work[-1]
            for target in rest:
                if order[target] < 0:
                    order[target] = low[target] = count
                    count += 1
                    stack.append(target)
                    on_stack[target] = True
                    work.append((target, iter(successors[target])))
                    break
                if on_stack[target]:
                    low[node] = min(low[node], order[target])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == order[node]:
                    components.append(_popped(stack, on_stack, node))
    return components


def _popped(stack: list[int], on_stack: list[bool], root: int) -> list[int]:
    component = []
    while True:
        node = stack.pop()
        on_stack[node] = False
        component.append(node)
        if node == root:
            return component


def _insides(components: Sequence[Sequence[int]], successors: Sequence[Sequence[int]]) -> list[int]:
    """By node: the set of nodes that it reaches and that reach it; none for a node on no loop."""
    inside = [0] * len(successors)
    for component in components:
        if len(component) > 1 or component[0] in successors[component[0]]:
            whole = 0
            for node in component:
                whole |= 1 << node
            for node in component:
                inside[node] = whole
    return inside


def closure(components: Sequence[Sequence[int]], successors: Sequence[Sequence[int]]) -> list[int]:
    """By node: the set of nodes that one or more edges lead to. Components come after those that they lead to."""
    reach = [0] * len(successors)
    for component in components:
        inside = 0
        for node in component:
            inside |= 1 << node
        outside, circular = 0, len(component) > 1
        for node in component:
            for target in successors[node]:
                if inside >> target & 1:
                    circular = True
                else:
                    outside |= reach[target] | 1 << target
        whole = outside | inside if circular else outside
        for node in component:
            reach[node] = whole
    return reach


def immediate_dominators(
    entry: int, successors: Sequence[Sequence[int]], predecessors: Sequence[Sequence[int]]
) -> dict[int, int]:
    """By node that the entry reaches: the nearest other node that is on every way from the entry to it."""
    order = _postorder(entry, successors)
    place = {node: position for position, node in enumerate(order)}
    dominator = {entry: entry}
    changed = True
    while changed:
        changed = False
        for node in reversed(order):
            known = [one for one in predecessors[node] if one in dominator]
            if node == entry or not known:
                continue
            nearest = known[0]
            for other in known[1:]:
                nearest = _meet(nearest, other, dominator, place)
            if dominator.get(node) != nearest:
                dominator[node] = nearest
                changed = True
    del dominator[entry]
    return dominator


def _meet(one: int, other: int, dominator: dict[int, int], place: dict[int, int]) -> int:
    while one != other:
        while place[one] < place[other]:
            one = dominator[one]
        while place[other] < place[one]:
            other = dominator[other]
    return one


def _postorder(entry: int, successors: Sequence[Sequence[int]]) -> list[int]:
    order: list[int] = []
    seen = {entry}
    work = [(entry, iter(successors[entry]))]
    while work:
        node, rest = work[-1]
        for target in rest:
            if target not in seen:
                seen.add(target)
                work.append((target, iter(successors[target])))
                break
        else:
            order.append(node)
            work.pop()
    return order


def progress_total(definition: Definition) -> int:
    """How many node runs there are at most when no loop is gone round a second time."""
    index = definition.node_index()
    successors: list[list[int]] = [[] for _ in definition.nodes]
    for edge in definition.edges:
        successors[index[edge.from_node]].append(index[edge.to_node])
    if all(edge.type == "normal" for edge in definition.edges):
        return len(definition.nodes)
    components = strong_components(successors)
    component_of = {node: number for number, nodes in enumerate(components) for node in nodes}
    longest: list[int] = []
    for number, nodes in enumerate(components):
        after = {component_of[target] for node in nodes for target in successors[node]} - {number}
        longest.append(len(nodes) + max((longest[one] for one in after), default=0))
    return longest[component_of[index[definition.entry_node]]]
