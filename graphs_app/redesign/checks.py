"""The rule that moves a cheap check before a costly call that only one of its ways needs."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphs_app.redesign.access import asks_model, independent, meet, names_in
from graphs_app.redesign.changes import Change, ChangeDoesNotApply, Ground, listed
from graphs_app.redesign.wiring import Json, arrow, is_conditional

TIMES_CHEAPER = 10
COSTLY_MS = 50.0


class CheckFirst:
    """A line that ends in a check at which ways part, with a costly node before that only one way has use for."""

    kind = "check_first"

    def find(self, ground: Ground) -> Iterator[Change]:
        for line in ground.wiring.chains():
            for costly in line[:-1]:
                found = self._way_of(ground, line, costly)
                if isinstance(found, str):
                    continue
                check, writes = line[-1], sorted(ground.access(costly).writes or ())
                times = round(ground.took_ms(costly) / max(ground.took_ms(check), 0.001))
                why = (
                    f"'{check}' reads nothing that '{costly}' writes, takes about 1/{times} of its time, and only the "
                    f"way to '{found['to_node']}' needs {listed(writes)}; on the others '{costly}' is not run."
                )
                params = {"check": check, "costly": costly}
                title = f"Check with '{check}' before '{costly}'"
                yield Change(self.kind, params, title, why, [check, costly], drops=writes)

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        costly, check = params["costly"], params["check"]
        ground.node(costly)
        ground.node(check)
        line = next((one for one in ground.wiring.chains() if costly in one and one[-1] == check), None)
        if line is None:
            raise ChangeDoesNotApply(f"{check!r} does not end the line of {costly!r} any more")
        way = self._way_of(ground, line, costly)
        if isinstance(way, str):
            raise ChangeDoesNotApply(way)
        wiring = ground.wiring
        after = line[line.index(costly) + 1]
        for edge in wiring.ins(costly):
            edge["to_node"] = after
        if wiring.entry == costly:
            wiring.entry = after
        wiring.edges = [edge for edge in wiring.edges if edge["from_node"] != costly]
        target = way["to_node"]
        way["to_node"] = costly
        wiring.edges.append(arrow(costly, target))

    def _way_of(self, ground: Ground, line: list[str], costly: str) -> Json | str:
        """The edge of the check on which the costly node belongs; or why it stays where it is."""
        wiring, check = ground.wiring, line[-1]
        access, writes = ground.access(costly), ground.access(costly).writes
        if not ground.access(check).is_plain or access.acts or not writes or ground.has_races:
            return "what the two do is not known well enough"
        if not _is_costly(ground, costly, check):
            return f"{costly!r} is not costly beside {check!r}"
        later = line[line.index(costly) + 1 :]
        if not all(independent(access, ground.access(one)) for one in later):
            return f"what follows {costly!r} depends on it"
        if any(ground.access(one).acts for one in later):
            return "something between them does more than write"
        head_moves = costly == line[0] and (wiring.is_fallback(costly) or not ground.joins_all(costly, line[1]))
        if head_moves or costly in ground.reach[costly]:
            return f"{costly!r} is on a loop, or starts otherwise too"
        if any(meet(ground.looks_at(one), writes) for one in ground.beside(costly)):
            return f"something beside {costly!r} reads what it writes"
        return self._only_way(ground, check, writes)

    def _only_way(self, ground: Ground, check: str, writes: frozenset[str]) -> Json | str:
        wiring = ground.wiring
        outs = wiring.outs(check)
        if names_in([edge["condition"] for edge in outs if is_conditional(edge)]) & writes:
            return f"the conditions after {check!r} read it"
        if wiring.nodes[check].get("fallback") or wiring.nodes[check].get("route") == "every":
            return f"{check!r} does not choose one way"
        needing = [
            edge
            for edge in outs
            if any(meet(ground.looks_at(one), writes) for one in {edge["to_node"], *ground.reach[edge["to_node"]]})
        ]
        normal = sum(not is_conditional(edge) for edge in outs)
        if len(needing) != 1 or len(outs) < 2 or (not is_conditional(needing[0]) and normal > 1):
            return f"it is not one way of {check!r} that needs it"
        if not ground.joins_all(needing[0]["to_node"]):
            return f"{needing[0]['to_node']!r} starts for each that comes"
        return needing[0]


def _is_costly(ground: Ground, costly: str, check: str) -> bool:
    took, checking = ground.took_ms(costly), ground.took_ms(check)
    calls = asks_model(ground.registry.get(ground.wiring.nodes[costly]["tool"]))
    return (calls or took >= COSTLY_MS) and took >= TIMES_CHEAPER * checking
