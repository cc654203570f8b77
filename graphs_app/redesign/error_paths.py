"""Rules that add what is missing for when a node fails: another attempt, or going on without it."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphs_app.engine.compiled import ERRORS_KEY
from graphs_app.redesign.access import asks_model, meet, names_in
from graphs_app.redesign.changes import Change, ChangeDoesNotApply, Ground, listed
from graphs_app.redesign.wiring import is_conditional
from sessions_app.plurals import counted

RETRY = {"max_attempts": 3}


class TriesAgain:
    """Nodes that ask a model, or have failed before, and have one attempt."""

    kind = "add_retry"

    def find(self, ground: Ground) -> Iterator[Change]:
        for node_id, node in ground.wiring.nodes.items():
            known = ground.past.of(node)
            failures = known.failures if known else 0
            asks = asks_model(ground.registry.get(node["tool"]))
            if self._fault(ground, node_id) is None and (asks or failures):
                why = (
                    f"It failed {counted(failures, 'time')} in {counted(known.runs, 'past run')}"
                    if known and failures
                    else ""
                )
                why = why or "It asks a model, whose server may be busy or waking up"
                title = f"Give '{node_id}' three attempts"
                yield Change(
                    self.kind, {"node": node_id}, title, f"{why}, and one failure ends the whole run.", [node_id]
                )

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        node = ground.node(params["node"])
        fault = self._fault(ground, params["node"])
        if fault is not None:
            raise ChangeDoesNotApply(fault)
        node["retry"] = dict(RETRY)

    def _fault(self, ground: Ground, node_id: str) -> str | None:
        node = ground.wiring.nodes[node_id]
        if node.get("retry") is not None or node.get("fallback"):
            return f"{node_id!r} has an error path already"
        if ground.registry.get(node["tool"]).effects or node["tool"] in ("fail", "ask_human"):
            return f"what {node_id!r} does should not be done twice"
        return None


class GoesOn:
    """Nodes that have ended past runs by failing, though nothing after them needs what they write."""

    kind = "go_on_without"

    def find(self, ground: Ground) -> Iterator[Change]:
        for node_id, node in ground.wiring.nodes.items():
            known = ground.past.of(node)
            if known is None or not known.failures or self._fault(ground, node_id) is not None:
                continue
            keys = listed(sorted(ground.access(node_id).writes or ())) if ground.access(node_id).writes else "nothing"
            why = (
                f"It failed {counted(known.failures, 'time')} in {counted(known.runs, 'past run')}, "
                f"and nothing after it needs {keys}: the "
                "error is noted in 'errors', and the run goes on."
            )
            yield Change(self.kind, {"node": node_id}, f"Go on when '{node_id}' fails", why, [node_id])

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        node = ground.node(params["node"])
        fault = self._fault(ground, params["node"])
        if fault is not None:
            raise ChangeDoesNotApply(fault)
        node["on_error"] = "continue"

    def _fault(self, ground: Ground, node_id: str) -> str | None:
        node = ground.wiring.nodes[node_id]
        if node.get("on_error") not in (None, "fail_fast") or node.get("fallback") or node["tool"] == "fail":
            return f"{node_id!r} has an error path already"
        if not ground.wiring.outs(node_id):
            return f"nothing comes after {node_id!r}"
        if ERRORS_KEY not in ground.combined and any(
            ERRORS_KEY in (ground.access(one).writes or ()) for one in ground.wiring.nodes
        ):
            return f"{ERRORS_KEY!r} is used for something else"
        writes = ground.access(node_id).writes
        own = [edge["condition"] for edge in ground.wiring.outs(node_id) if is_conditional(edge)]
        if meet(names_in(own), writes) or any(meet(ground.looks_at(one), writes) for one in ground.reach[node_id]):
            return f"what comes after {node_id!r} reads what it writes"
        return None
