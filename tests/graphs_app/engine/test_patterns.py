"""The workflow control-flow patterns (van der Aalst, Russell, ter Hofstede): a graph for each that is supported."""

import json
from pathlib import Path
from typing import Any

import pytest

from graphs_app.engine.builtin import TOOLS
from graphs_app.engine.checkpoint import Interrupted, NodeSkipped
from tests.graphs_app.engine.cast import Stage, entries, status, trace

PATTERNS = Path(__file__).parent / "patterns"
INDEX: list[dict[str, Any]] = json.loads((PATTERNS / "index.json").read_text())
CASES = [
    pytest.param(pattern, case, id=f"{pattern['number']} {pattern['name']} {index}")
    for pattern in INDEX
    for index, case in enumerate(pattern.get("cases", ()))
]


def load(name: str) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads((PATTERNS / name).read_text())
    return definition


@pytest.mark.parametrize(("pattern", "case"), CASES)
async def test_a_pattern_runs_as_it_should(pattern: dict[str, Any], case: dict[str, Any]) -> None:
    stage = Stage()
    for slug, name in pattern.get("needs", {}).items():
        stage.store.save(slug, load(name))
    stage.store.save("main", load(pattern["graph"]))
    stored = stage.store.create("main", case.get("state", {}))
    if "cancel_at_s" in case:
        stage.clock.call_later(case["cancel_at_s"], stored.control.cancel)
    await stage.go_on(stored)
    for answer in case.get("answers", ()):
        assert status(stored) == "interrupted"
        stored.answers[entries(stored, Interrupted)[-1].activation] = answer
        await stage.go_on(stored)
    assert status(stored) == case.get("status", "completed")
    assert trace(stored) == case["trace"]
    if "skipped" in case:
        assert [one.node_id for one in entries(stored, NodeSkipped)] == case["skipped"]
    assert stored.ended is not None
    assert {key: stored.ended.state[key] for key in case.get("final", {})} == case.get("final", {})


def test_all_forty_three_patterns_are_told_of_and_the_supported_ones_have_a_graph() -> None:
    assert [pattern["number"] for pattern in INDEX] == list(range(1, 44))
    for pattern in INDEX:
        assert pattern["note"]
        assert bool(pattern.get("graph")) == bool(pattern.get("cases")) == pattern["supported"]
    assert all(pattern["supported"] for pattern in INDEX[:20])


def test_the_patterns_need_nothing_but_built_in_tools() -> None:
    names = {tool.name for tool in TOOLS}
    for path in PATTERNS.glob("*.json"):
        if path.name != "index.json":
            assert {node["tool"] for node in load(path.name)["nodes"]} <= names


def test_every_graph_among_the_patterns_belongs_to_one() -> None:
    used = {name for one in INDEX for name in [one.get("graph"), *one.get("needs", {}).values()] if name}
    assert {path.name for path in PATTERNS.glob("*.json")} == used | {"index.json"}
