"""What the README and the documents show is what the project does."""

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
GUIDE = (ROOT / "docs" / "guides" / "tools-and-graphs.md").read_text()
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
README_LINES_MAX = 120
PATTERNS = ROOT / "tests" / "graphs_app" / "engine" / "patterns"

pytestmark = pytest.mark.once


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_guide_s_tool_registers_and_its_graph_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_tools", dict(REGISTRY._tools))
    exec(compile(block("python"), "tools-and-graphs.md", "exec"), {})  # noqa: S102 (our own page)
    compiled = compile_definition(json.loads(block("json")), REGISTRY)
    store, journal = MemoryStore(REGISTRY), MemoryJournal()
    store.graphs["count-twice"] = [compiled]
    stored = store.create("count-twice", {"text": "two words"})
    ended = asyncio.run(
        run(compiled=compiled, initial_state={"text": "two words"}, journal=journal, host=MemoryHost(store, stored))
    )
    assert ended.status == "completed"
    assert ended.state["words"] == 2


def test_the_table_of_patterns_is_the_one_that_is_tested() -> None:
    page = (ROOT / "docs" / "workflow-patterns.md").read_text()
    for pattern in json.loads((PATTERNS / "index.json").read_text()):
        name = f"[{pattern['name']}]" if pattern["supported"] else f" {pattern['name']} "
        row = next(line for line in page.splitlines() if line.startswith(f"| {pattern['number']} |"))
        assert name in row
        assert ("| yes |" in row) == pattern["supported"]
        assert pattern["note"] in row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for target in re.findall(r"\]\((?!http|mailto)([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) <= README_LINES_MAX


def test_the_readme_s_figures_are_those_that_were_measured() -> None:
    """By their medians: what `make bench` wrote, and nothing that somebody remembers."""
    rows = (ROOT / "docs" / "performance.md").read_text()
    figures = README.partition("## Figures")[2].partition("\n## ")[0]
    shown = [line.split("|") for line in figures.splitlines() if line.startswith("| ") and "better by" not in line]
    assert len(shown) == 5
    for _, _, ours, theirs, better, _ in shown:
        peer = re.match(r" (bare Celery|\w+)", theirs)
        assert peer is not None
        wanted = [re.search(r"[\d,.]+\d", text) for text in (ours, theirs, better)]
        medians = [number[0].rstrip(".") for number in wanted if number is not None]
        matching = [
            row
            for row in rows.splitlines()
            if f"{peer[1]}:" in row and all(f"/ {median} /" in row for median in medians[:2])
        ]
        assert matching, (peer[1], medians)
        assert float(matching[0].rsplit("|", 2)[1].split("/")[1]) == pytest.approx(float(medians[2]), rel=0.01)
