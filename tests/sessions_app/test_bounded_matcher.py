import random
from typing import Any

import pytest

from sessions_app import bounded_matcher, comparison
from sessions_app.bounded_matcher import BoundedMatcher
from sessions_app.crdt import edits

HARD = {
    "two lines in turn": (["a", "b"] * 950, ["b", "a", "a"] * 650),
    "every other line": ([f"{n}" for n in range(3_000)], [f"{n}" if n % 2 else "new" for n in range(3_000)]),
    "always the same": (["a"] * 2_000, ["a", "b"] * 1_000),
}


class Counting(dict[str, list[int]]):
    """Where each line is; counts what is looked at."""

    steps = 0

    def get(self, key: str, default: Any = None) -> Any:
        found = super().get(key, default)
        self.steps += 1 + len(found)
        return found


@pytest.mark.parametrize("name", HARD)
def test_what_is_compared_is_bounded(name: str) -> None:
    one, other = HARD[name]
    matcher = BoundedMatcher(one, other, steps=100_000)
    counting = Counting(matcher.b2j)  # type: ignore[attr-defined]
    matcher.b2j = counting  # type: ignore[attr-defined]
    matcher.get_opcodes()
    assert counting.steps <= 100_000


def test_what_is_within_the_bound_is_as_pythons_own() -> None:
    chance = random.Random(7)  # noqa: S311
    for _ in range(50):
        one, other = ([chance.choice("abcdef") for _ in range(chance.randrange(40))] for _ in range(2))
        own = bounded_matcher.difflib.SequenceMatcher(None, one, other, autojunk=False)
        assert BoundedMatcher(one, other).get_opcodes() == own.get_opcodes()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", HARD)
def test_a_text_becomes_another_whatever_its_lines_are(name: str, end: str) -> None:
    old, new = ("".join(f"{line}{end}" for line in lines) for lines in HARD[name])
    changed, shift = old.encode(), 0
    for edit in edits.between(old, new):
        at = edit.at + shift
        changed = changed[:at] + edit.inserted.encode() + changed[at + edit.removed :]
        shift += len(edit.inserted.encode()) - edit.removed
    assert changed.decode() == new
    assert comparison.hunks_between(old, new)
