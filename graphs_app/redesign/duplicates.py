"""Rules that merge: a node that does again what was done, and two that do the same side by side."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphs_app.redesign.access import meet
from graphs_app.redesign.changes import Change, ChangeDoesNotApply, Ground
from graphs_app.redesign.removals import bypass_fault
from graphs_app.redesign.wiring import Json, arrow, is_conditional


class DoneAgain:
    """A node that does what an earlier one of its line did, on the same input."""

    kind = "merge_repeated"

    def find(self, ground: Ground) -> Iterator[Change]:
        for line in ground.wiring.chains():
            for at, first in enumerate(line):
                for again in line[at + 1 :]:
                    if self._fault(ground, line, first, again) is None:
                        why = f"It does what '{first}' did, on the same input; nothing between them changes that."
                        params = {"keep": first, "node": again}
                        yield Change(self.kind, params, f"Merge '{again}' into '{first}'", why, [again, first])

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        first, again = params["keep"], params["node"]
        ground.node(first)
        ground.node(again)
        for line in ground.wiring.chains():
            if first in line and again in line and line.index(first) < line.index(again):
                fault = self._fault(ground, line, first, again)
                if fault is not None:
                    raise ChangeDoesNotApply(fault)
                return ground.wiring.bypass(again)
        raise ChangeDoesNotApply(f"{again!r} does not follow {first!r} in one line any more")

    def _fault(self, ground: Ground, line: list[str], first: str, again: str) -> str | None:
        fault = _not_the_same(ground, first, again)
        if fault is not None:
            return fault
        between = line[line.index(first) + 1 : line.index(again)]
        beside = [one for one in ground.beside(first) if one not in line]
        if any(_touches(ground, one, first) for one in [*between, *beside]):
            return f"what {first!r} reads or writes may change before {again!r}"
        return bypass_fault(ground, again)


class DoneTwice:
    """Two nodes that do the same, after the same."""

    kind = "merge_parallel"

    def find(self, ground: Ground) -> Iterator[Change]:
        by_ins: dict[tuple[str, ...], list[str]] = {}
        for node_id in ground.wiring.nodes:
            ins = ground.wiring.ins(node_id)
            if ins and not any(map(is_conditional, ins)):
                by_ins.setdefault(tuple(sorted(edge["from_node"] for edge in ins)), []).append(node_id)
        for group in by_ins.values():
            for at, one in enumerate(group):
                for other in group[at + 1 :]:
                    if self._fault(ground, one, other) is None:
                        why = f"Both do the same on the same input, after {', '.join(sorted(_befores(ground, one)))}."
                        params = {"keep": one, "node": other}
                        yield Change(self.kind, params, f"Merge '{other}' into '{one}'", why, [other, one])

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        keep, gone = params["keep"], params["node"]
        ground.node(keep)
        ground.node(gone)
        fault = self._fault(ground, keep, gone)
        if fault is not None:
            raise ChangeDoesNotApply(fault)
        wiring = ground.wiring
        known = {edge["to_node"] for edge in wiring.outs(keep)}
        more = [arrow(keep, edge["to_node"], edge) for edge in wiring.outs(gone) if edge["to_node"] not in known]
        wiring.drop([gone])
        wiring.edges += more

    def _fault(self, ground: Ground, one: str, other: str) -> str | None:
        wiring = ground.wiring
        fault = _not_the_same(ground, one, other)
        if fault is not None:
            return fault
        ins = [*wiring.ins(one), *wiring.ins(other)]
        outs = [*wiring.outs(one), *wiring.outs(other)]
        if _befores(ground, one) != _befores(ground, other) or any(map(is_conditional, [*ins, *outs])):
            return f"{one!r} and {other!r} do not start together"
        if wiring.entry in (one, other) or wiring.is_fallback(one) or wiring.is_fallback(other) or ground.has_races:
            return f"{one!r} or {other!r} starts otherwise too"
        if one in ground.reach[one] or not ground.joins_all(one, other, *(edge["to_node"] for edge in outs)):
            return f"{one!r} and {other!r} are part of a loop, or of what starts for each that comes"
        writes = ground.access(one).writes
        beside = [node for node in ground.beside(one) if node != other]
        if any(_touches(ground, node, one) or meet(ground.looks_at(node), writes) for node in beside):
            return "something beside them reads or writes the same"
        return None


def _befores(ground: Ground, node_id: str) -> set[str]:
    return {edge["from_node"] for edge in ground.wiring.ins(node_id)}


def _not_the_same(ground: Ground, one: str, other: str) -> str | None:
    first, second = ground.wiring.nodes[one], ground.wiring.nodes[other]
    if _does(first) != _does(second):
        return f"{one!r} and {other!r} do not do the same"
    access, again = ground.access(one), ground.access(other)
    if not access.is_plain or access.reads is None or access.writes is None or again.writes != access.writes:
        return f"what {one!r} does is not known well enough"
    if access.reads & access.writes or access.writes & ground.combined:
        return f"done twice, {one!r} comes to something else than done once"
    if any(node.get("on_error") not in (None, "fail_fast") or node.get("fallback") for node in (first, second)):
        return "each has an error path of its own"
    return None


def _does(node: Json) -> tuple[Any, ...]:
    return node["tool"], node.get("config") or {}


def _touches(ground: Ground, node_id: str, other: str) -> bool:
    """Whether a node may write what the other reads or writes."""
    writes, known = ground.access(node_id).writes, ground.access(other)
    return meet(writes, known.reads) or meet(writes, known.writes)
