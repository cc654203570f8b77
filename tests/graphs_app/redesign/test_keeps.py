"""Every single change keeps what a graph computes: random graphs are run on the engine before and after each."""

import os
from typing import Any

from graphs_app.engine import validate
from graphs_app.redesign import ChangeDoesNotApply, plan
from graphs_app.redesign.access import meet
from graphs_app.redesign.changes import Ground, apply_all
from graphs_app.redesign.planning import BY_KIND
from tests.graphs_app.engine.cast import chance
from tests.graphs_app.redesign.random_graphs import Maker, registry_of, run

SEEDS = int(os.environ.get("SEEDS", "60"))
TIMINGS = 2
START = {"a": 3, "d": 60}


TOOK: dict[str, float] = {}
REGISTRY = registry_of(TOOK)


def results(definition: dict[str, Any]) -> list[dict[str, Any]]:
    """The final states when nodes take these or other times; several where the graph races."""
    found: list[dict[str, Any]] = []
    for timing in range(TIMINGS):
        times = chance(timing)
        TOOK.update({f"n{n}": times.choice([0.001, 0.1, 1.0, 5.0]) for n in range(200)})
        ended, _ = run(definition, START, REGISTRY)
        state = ended.state if ended.status == "completed" else {"failed": ended.error}
        if state not in found:
            found.append(state)
    return found


def races(definition: dict[str, Any]) -> bool:
    """Whether two nodes may run side by side of which one writes what the other reads or writes."""
    # Without the ways back, what comes after one another in a loop is told from what runs side by side.
    forward = [edge for edge in definition["edges"] if not edge.get("condition", "").startswith("n_")]
    ground = Ground({**definition, "edges": forward}, REGISTRY)
    for one in ground.wiring.nodes:
        for other in ground.beside(one):
            if all(
                ground.wiring.nodes[one].get(key) == ground.wiring.nodes[other].get(key) for key in ("tool", "config")
            ):
                continue  # they write the same
            touched = [ground.access(other).writes, ground.looks_at(other)]
            if other not in ground.reach[one] and any(meet(ground.access(one).writes, keys) for keys in touched):
                return True
    return False


def without(states: list[dict[str, Any]], keys: set[str]) -> list[dict[str, Any]]:
    return [{key: value for key, value in state.items() if key not in keys} for state in states]


def test_each_change_of_random_graphs_keeps_the_final_state() -> None:
    kinds: dict[str, int] = {}
    for seed in range(SEEDS):
        random = chance(seed)
        definition = Maker(random).graph()
        problems = validate.problems(definition, REGISTRY)
        if {one.code for one in problems} - {"node_unreachable"}:
            continue
        runnable = apply_all(
            definition,
            [one for one in plan(definition, REGISTRY).changes if one.kind == "remove_unreachable"],
            rules=BY_KIND,
            registry=REGISTRY,
        )
        if races(runnable):
            continue  # what it computes depends on who is faster
        before = results(runnable)
        if len(before) > 1:
            continue
        changes = plan(definition, REGISTRY).changes
        for change in changes:
            kinds[change.kind] = kinds.get(change.kind, 0) + 1
        accepted = [changes[: n + 1] for n in range(len(changes))]
        # And some that were accepted while others were not.
        some = [random.sample(changes, random.randint(1, len(changes))) for _ in range(2)] if changes else []
        accepted += [sorted(one, key=lambda change: change.n) for one in some]
        for chosen in accepted:
            try:
                after = apply_all(definition, chosen, rules=BY_KIND, registry=REGISTRY)
            except ChangeDoesNotApply:
                assert chosen not in accepted[: len(changes)], (seed, chosen)
                continue  # it says so; whoever accepts is told
            left = validate.problems(after, REGISTRY)
            if left:
                assert {one.code for one in left} == {"node_unreachable"}, (seed, left)
                continue
            dropped = {key for change in chosen for key in change.drops}
            assert without(results(after), dropped) == without(before, dropped), (seed, chosen[-1])
    assert len(kinds) > 5, kinds
