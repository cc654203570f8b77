"""diff.updated at most four times a second, with nothing lost by it."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphs_app.diff_pace import DiffPace, merged
from graphs_app.engine.checkpoint import Emitted, Entry
from tests.graphs_app import cast


def update(hunks: dict[int, str], removed: list[int] | None = None, activation: int = 0) -> Emitted:
    shown = [{"n": n, "text": text} for n, text in hunks.items()]
    return Emitted(activation, "a", "diff.updated", {"hunks": shown, "removed": removed or [], "total": 1}, cast.AT)


async def test_what_comes_at_once_is_one_event_and_then_one_more() -> None:
    said: list[Entry] = []
    pace = DiffPace(asyncio.get_running_loop(), said.append)
    for text in "abcdef":
        pace.take(update({1: text}))
    assert len(said) == 1
    pace.before(cast.done(1))
    assert [entry.data["hunks"][0]["text"] for entry in said if isinstance(entry, Emitted)] == ["a", "f"]


async def test_the_start_of_another_node_hurries_nothing() -> None:
    said: list[Entry] = []
    pace = DiffPace(asyncio.get_running_loop(), said.append)
    pace.take(update({1: "a"}))
    pace.take(update({1: "b"}))
    pace.before(cast.started(3))
    pace.before(cast.done(9))
    assert len(said) == 1
    pace.before(cast.ended())
    assert len(said) == 2


def apply(shown: dict[int, str], data: dict[str, Any]) -> dict[int, str]:
    """What a browser does with an update."""
    kept = {n: text for n, text in shown.items() if n not in data["removed"]}
    return kept | {hunk["n"]: hunk["text"] for hunk in data["hunks"]}


numbers = st.integers(1, 4)
updates = st.builds(
    lambda hunks, removed: update(hunks, [n for n in removed if n not in hunks]),
    st.dictionaries(numbers, st.text("xyz", max_size=2), max_size=3),
    st.lists(numbers, max_size=2, unique=True),
)


@given(st.dictionaries(numbers, st.text("abc", max_size=2)), updates, updates)
def test_two_updates_merged_do_what_they_do_one_after_the_other(
    shown: dict[int, str], earlier: Emitted, later: Emitted
) -> None:
    one_by_one = apply(apply(shown, earlier.data), later.data)
    assert apply(shown, merged(earlier, later).data) == one_by_one
