"""The gallery's graphs of built-in tools run as they are, on the input that comes with them."""

import json
from pathlib import Path
from typing import Any

import pytest

from graphs_app.engine import builtin
from graphs_app.engine.memory import MemoryStore
from graphs_app.engine.registry import Registry

FOLDER = Path(__file__).resolve().parents[3] / "refine_app" / "graphs"


def definition(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("file_measure", "completed", {"length": 40, "long": False}),
        ("map_reduce_files", "completed", {"lengths": [40, 36], "count": 2}),
        ("self_correcting_loop", "completed", {"attempt": 7}),
        ("human_approval", "interrupted", {"rounds": 0}),
    ],
)
async def test_a_template_runs_on_its_own_input(name: str, status: str, says: dict[str, Any]) -> None:
    registry = Registry()
    builtin.add_to(registry)
    store = MemoryStore(registry)
    store.save("file_measure", definition("file_measure"))
    store.save(name, definition(name))
    ended = (await store.start(name, definition(name)["metadata"]["sample_input"])).ended
    assert ended is not None
    assert ended.status == status
    assert says.items() <= ended.state.items()
    assert definition(name)["description"]
