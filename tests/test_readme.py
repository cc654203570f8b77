"""What the README shows is what the project does."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from graphs_app.engine.compiled import compile_definition
from graphs_app.engine.loop import run
from graphs_app.engine.memory import MemoryHost, MemoryJournal, MemoryStore
from graphs_app.engine.registry import REGISTRY

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PATTERNS = ROOT / "tests" / "graphs_app" / "engine" / "patterns"

pytestmark = pytest.mark.once


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_its_tool_registers_and_its_graph_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_tools", dict(REGISTRY._tools))
    exec(compile(block("python"), "README.md", "exec"), {})  # noqa: S102 (our own README)
    compiled = compile_definition(json.loads(block("json")), REGISTRY)
    store, journal = MemoryStore(REGISTRY), MemoryJournal()
    store.graphs["count-twice"] = [compiled]
    stored = store.create("count-twice", {"text": "two words"})
    ended = asyncio.run(
        run(compiled=compiled, initial_state={"text": "two words"}, journal=journal, host=MemoryHost(store, stored))
    )
    assert ended.status == "completed"
    assert ended.state["words"] == 2


def test_its_table_of_patterns_is_the_one_that_is_tested() -> None:
    for pattern in json.loads((PATTERNS / "index.json").read_text()):
        name = f"[{pattern['name']}]" if pattern["supported"] else f" {pattern['name']} "
        row = next(line for line in README.splitlines() if line.startswith(f"| {pattern['number']} |"))
        assert name in row
        assert ("| yes |" in row) == pattern["supported"]
        assert pattern["note"] in row


def test_what_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
