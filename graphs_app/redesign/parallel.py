"""The rule that runs at the same time what follows one another without need."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from graphs_app.redesign.access import independent
from graphs_app.redesign.changes import Change, ChangeDoesNotApply, Ground, listed
from graphs_app.redesign.wiring import Json, arrow

LEAST_GAIN_MS = 10.0
LEAST_GAIN = 0.05
"""Of the line's time: less is not worth a less simple drawing."""
STEP_MS = 2.0
"""What a node costs besides what it does: lines of very short ones stay lines."""
NOTHING: Json = {"tool": "set_state", "config": {"values": {}}}


@dataclass(frozen=True, slots=True)
class Plan:
    """How the nodes of a line may follow one another instead."""

    befores: list[list[int]]
    """By place in the line: the places of those that it must wait for, none of them implied by another."""
    length_ms: float
    opens: bool
    """Whether a node that only parts the ways comes first."""
    closes: bool
    """Whether a node that only joins them comes last."""


class AtOnce:
    """A line of nodes, some of which are independent of one another."""

    kind = "run_in_parallel"

    def find(self, ground: Ground) -> Iterator[Change]:
        for line in ground.wiring.chains():
            plan = self._plan(ground, line)
            if plan is not None:
                now = sum(map(ground.took_ms, line))
                free = [node for at, node in enumerate(line) if plan.befores[at] != ([at - 1] if at else [])]
                why = (
                    f"By the inputs and outputs that their tools declare, {listed(free)} need not wait for one another:"
                    f" this line takes about {_words(plan.length_ms)} instead of {_words(now)}."
                )
                yield Change(self.kind, {"nodes": line}, f"Run in parallel: {listed(line)}", why, list(line))

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        """To the line that the nodes are in now, which may have become shorter or longer."""
        wanted = set(params["nodes"])
        lines = [line for line in ground.wiring.chains() if len(wanted & set(line)) > 1]
        if not lines:
            raise ChangeDoesNotApply("these nodes do not follow one another in one line any more")
        planned = [(line, plan) for line in lines if (plan := self._plan(ground, line)) is not None]
        if not planned:
            raise ChangeDoesNotApply("nothing in this line would be done earlier")
        for line, plan in planned:
            _rewire(ground, line, plan)

    def _plan(self, ground: Ground, line: list[str]) -> Plan | None:
        """The plan that gains most for the fewest new nodes; None when none gains enough."""
        if len(line) < 2 or ground.has_races or not ground.joins_all(*line):
            return None
        wiring, last = ground.wiring, line[-1]
        goes_on = bool(wiring.outs(last)) or bool(wiring.nodes[last].get("fallback"))
        may_open = not wiring.is_fallback(line[0])
        may_close = goes_on and not wiring.nodes[last].get("fallback")
        now = sum(map(ground.took_ms, line))
        best: Plan | None = None
        for opens, closes in ((False, False), (False, True), (True, False), (True, True)):
            if (opens and not may_open) or (closes and not may_close):
                continue
            plan = _planned(ground, line, opens=opens, closes=closes, ends_in_last=goes_on and not closes)
            least = now if best is None else best.length_ms
            if plan.length_ms <= least - max(LEAST_GAIN_MS, LEAST_GAIN * now, STEP_MS * len(line)):
                best = plan
        return best


def _planned(ground: Ground, line: Sequence[str], *, opens: bool, closes: bool, ends_in_last: bool) -> Plan:
    count = len(line)
    needs: list[set[int]] = []
    for at in range(count):
        one = ground.access(line[at])
        needs.append(
            {
                before
                for before in range(at)
                if (before == 0 and not opens)
                or (at == count - 1 and ends_in_last)
                or one.acts
                or ground.access(line[before]).acts
                or not independent(one, ground.access(line[before]))
            }
        )
    implied: list[set[int]] = []
    ends: list[float] = []
    befores = []
    for at, some in enumerate(needs):
        beyond = set().union(*(implied[before] for before in some))
        implied.append(beyond | some)
        befores.append(sorted(some - beyond))
        ends.append(ground.took_ms(line[at]) + max((ends[before] for before in some), default=0.0))
    return Plan(befores, max(ends) + opens + closes, opens, closes)


def _rewire(ground: Ground, line: list[str], plan: Plan) -> None:
    wiring = ground.wiring
    steps = {(one, other) for one, other in pairwise(line)}
    kept = {
        (edge["from_node"], edge["to_node"]): edge
        for edge in wiring.edges
        if (edge["from_node"], edge["to_node"]) in steps
    }
    wiring.edges = [edge for edge in wiring.edges if all(edge is not one for one in kept.values())]
    first, last = line[0], line[-1]
    if plan.opens:
        opening = _insert(ground, f"before_{first}", first)
        for edge in wiring.ins(first):
            edge["to_node"] = opening
        wiring.entry = opening if wiring.entry == first else wiring.entry
    if plan.closes:
        closing = _insert(ground, f"after_{last}", last)
        for edge in wiring.outs(last):
            edge["from_node"] = closing
        route = wiring.nodes[last].pop("route", None)
        if route is not None:
            wiring.nodes[closing]["route"] = route
    waited_for = {before for some in plan.befores for before in some}
    for at, node_id in enumerate(line):
        for before in plan.befores[at]:
            wiring.edges.append(kept.get((line[before], node_id)) or arrow(line[before], node_id))
        if plan.opens and not plan.befores[at]:
            wiring.edges.append(arrow(opening, node_id))
        if plan.closes and at not in waited_for:
            wiring.edges.append(arrow(node_id, closing))


def _insert(ground: Ground, base: str, beside: str) -> str:
    """A node that does nothing, next to another in the definition's order."""
    wiring = ground.wiring
    name = wiring.free_name(base[:190])
    at = list(wiring.nodes).index(beside) + (base.startswith("after_"))
    items = list(wiring.nodes.items())
    items.insert(at, (name, {"node_id": name, **NOTHING}))
    wiring.nodes = dict(items)
    return name


def _words(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"
