"""Rules that take out: what nothing leads to, edges that are never taken, nodes that change nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphs_app.engine.conditions import parse
from graphs_app.engine.errors import ConditionFailed
from graphs_app.redesign.access import meet
from graphs_app.redesign.changes import Change, ChangeDoesNotApply, Ground, listed
from graphs_app.redesign.wiring import Json, Wiring, is_conditional


class Unreachable:
    """Nodes to which no way leads from the entry."""

    kind = "remove_unreachable"

    def find(self, ground: Ground) -> Iterator[Change]:
        gone = unreached(ground.wiring)
        if gone:
            yield Change(
                self.kind,
                {"nodes": gone},
                f"Remove {listed(gone)}",
                f"No way leads from the entry '{ground.wiring.entry}' to {'it' if len(gone) == 1 else 'them'}.",
                gone,
            )

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        wiring = ground.wiring
        gone = set(params["nodes"]) & set(unreached(wiring))
        if not gone:
            raise ChangeDoesNotApply("a way leads to these nodes now")
        for node in wiring.nodes.values():
            if node["node_id"] not in gone and node.get("fallback") in gone:
                raise ChangeDoesNotApply(f"node {node['node_id']!r} falls back to one of them")
        wiring.drop(gone)


def unreached(wiring: Wiring) -> list[str]:
    alive = wiring.reach()[wiring.entry] | {wiring.entry}
    return [node_id for node_id in wiring.nodes if node_id not in alive]


class NeverTaken:
    """Edges whose condition cannot hold, or before which another always holds; and what only they lead to."""

    kind = "remove_never_taken"

    def find(self, ground: Ground) -> Iterator[Change]:
        for node_id in ground.wiring.nodes:
            never, always = decided(ground.wiring, node_id)
            if not (never or always) or not self._keeps_order(ground, node_id):
                continue
            ends = listed([edge["to_node"] for edge in never or always])
            title = f"Remove what '{node_id}' never takes: to {ends}" if never else f"'{node_id}' always goes to {ends}"
            yield Change(
                self.kind, {"node": node_id}, title, _why(never, always), [node_id, *(e["to_node"] for e in never)]
            )

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        node_id = params["node"]
        ground.node(node_id)
        never, always = decided(ground.wiring, node_id)
        if not (never or always):
            raise ChangeDoesNotApply(f"every edge of {node_id!r} may be taken")
        if not self._keeps_order(ground, node_id):
            raise ChangeDoesNotApply("another node would start earlier than it does")
        _cut(ground.wiring, node_id)

    def _keeps_order(self, ground: Ground, node_id: str) -> bool:
        """Whether among the nodes that stay each still waits for the same: joins wait for all that could come."""
        after = Wiring(ground.wiring.definition())
        _cut(after, node_id)
        left = after.reach()
        return not ground.has_races and all(
            left[one] == ground.reach[one] & left.keys() for one in left if one in ground.reach[ground.wiring.entry]
        )


def decided(wiring: Wiring, node_id: str) -> tuple[list[Json], list[Json]]:
    """The edges of a node that are never taken, and the conditional ones that are always and alone."""
    outs = wiring.outs(node_id)
    every = wiring.nodes[node_id].get("route") == "every"
    never, certain = list[Json](), list[Json]()
    for edge in outs:
        if not is_conditional(edge):
            continue
        holds = _constant(edge["condition"])
        if holds is False or (certain and not every):
            never.append(edge)
        elif holds:
            certain.append(edge)
    if certain:
        never += [edge for edge in outs if not is_conditional(edge)]
    rest = [edge for edge in outs if edge not in never]
    return never, (certain if certain and rest == certain else [])


def _cut(wiring: Wiring, node_id: str) -> None:
    never, always = decided(wiring, node_id)
    known = set(unreached(wiring))
    wiring.edges = [edge for edge in wiring.edges if all(edge is not one for one in never)]
    for edge in always:
        del edge["condition"]
        edge["type"] = "normal"
    wiring.drop(one for one in unreached(wiring) if one not in known)


def _constant(condition: str) -> bool | None:
    """What a condition says that reads nothing; None for one that depends on the state, or fails."""
    expression = parse(condition)
    if expression.names:
        return None
    try:
        return expression.holds({})
    except ConditionFailed:
        return None


def _why(never: list[Json], always: list[Json]) -> str:
    false = [edge["condition"] for edge in never if is_conditional(edge) and _constant(edge["condition"]) is False]
    if false:
        return f"The condition {false[0]!r} never holds, whatever the state is."
    if never:
        return "A condition that always holds is tried before."
    return f"The condition {always[0]['condition']!r} always holds: the edge is a normal one."


class ChangesNothing:
    """Nodes that write nothing and do nothing else."""

    kind = "remove_no_op"

    def find(self, ground: Ground) -> Iterator[Change]:
        for node_id, node in ground.wiring.nodes.items():
            if self._fault(ground, node_id) is None:
                why = f"'{node['tool']}' with this config writes nothing and does nothing else."
                yield Change(self.kind, {"node": node_id}, f"Remove '{node_id}'", why, [node_id])

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        ground.node(params["node"])
        fault = self._fault(ground, params["node"])
        if fault is not None:
            raise ChangeDoesNotApply(fault)
        ground.wiring.bypass(params["node"])

    def _fault(self, ground: Ground, node_id: str) -> str | None:
        access = ground.access(node_id)
        if not access.is_plain or access.writes != frozenset() or len(ground.wiring.nodes) == 1:
            return f"{node_id!r} does something"
        return bypass_fault(ground, node_id)


class NeverRead:
    """Nodes all of whose writes are replaced before anything reads them."""

    kind = "remove_unread"

    def find(self, ground: Ground) -> Iterator[Change]:
        for line in ground.wiring.chains():
            for at, node_id in enumerate(line):
                by = self._replaced_by(ground, line, at)
                if by is not None and bypass_fault(ground, node_id) is None:
                    keys = listed(sorted(ground.access(node_id).writes or ()))
                    why = f"It only writes {keys}, which '{by}' replaces before anything reads it."
                    yield Change(self.kind, {"node": node_id}, f"Remove '{node_id}'", why, [node_id, by])

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        node_id = params["node"]
        ground.node(node_id)
        for line in ground.wiring.chains():
            if node_id in line and self._replaced_by(ground, line, line.index(node_id)) is not None:
                fault = bypass_fault(ground, node_id)
                if fault is not None:
                    raise ChangeDoesNotApply(fault)
                return ground.wiring.bypass(node_id)
        raise ChangeDoesNotApply(f"what {node_id!r} writes is not replaced at once any more")

    def _replaced_by(self, ground: Ground, line: list[str], at: int) -> str | None:
        access = ground.access(line[at])
        writes = access.writes
        if access.acts or not writes or writes & ground.combined:
            return None
        for after in line[at + 1 :]:
            other = ground.access(after)
            if meet(other.reads, writes):
                return None
            if writes <= other.sure:
                between = line[at + 1 : line.index(after) + 1]
                others = [one for one in ground.beside(line[at]) if one not in between]
                return None if any(meet(ground.looks_at(one), writes) for one in others) else after
        return None


def bypass_fault(ground: Ground, node_id: str) -> str | None:
    """Why a node cannot be taken out of its place; None when what followed it can follow what led to it."""
    wiring = ground.wiring
    ins, outs, after = wiring.ins(node_id), wiring.outs(node_id), wiring.next_of(node_id)
    if wiring.is_fallback(node_id) or wiring.nodes[node_id].get("fallback") or ground.has_races:
        return f"{node_id!r} is part of an error path, or of a race"
    if not ground.joins_all(node_id) and len(ins) > 1:
        return f"{node_id!r} starts for each that comes"
    if not outs:
        is_end = node_id != wiring.entry and not any(map(is_conditional, ins))
        return None if is_end else f"what leads to {node_id!r} would go elsewhere"
    if after is None or after == node_id or after in [edge["from_node"] for edge in ins]:
        return f"{node_id!r} is where ways part or turn"
    if node_id == wiring.entry and ins:
        return f"{node_id!r} is the entry, and comes again"
    if not ground.joins_all(after):
        return f"{after!r} starts for each that comes"
    return None
