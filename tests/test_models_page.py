"""docs/models.md tells what the corpus of answers holds, and how quirks are told."""

import re
from pathlib import Path

import pytest

from agentsite import settings
from refine_app.model_clients.huggingface import MAX_TRIES
from refine_app.model_clients.quirks import FIRST_ROOM, MOST_ROOM, Quirks
from tests.corpora.answer_cases import KINDS, every_case, table

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "models.md").read_text()
LEAST = 3
"""Files of each kind."""

pytestmark = pytest.mark.once


def test_its_table_is_the_corpus() -> None:
    found = re.search(r"<!-- python -m tests.corpora.answer_cases -->\n(.*?)\n<!-- end -->", PAGE, re.DOTALL)
    assert found is not None
    assert found[1] == table(), "put what `python -m tests.corpora.answer_cases` prints into docs/models.md"


def test_every_case_is_of_a_kind_and_says_where_it_was_seen() -> None:
    assert [case.name for case in every_case() if case.kind not in KINDS or not case.seen or not case.about] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_more_members_than_one_could_be_written_for(kind: str) -> None:
    assert sum(case.kind == kind for case in every_case()) >= LEAST


def test_every_quirk_is_told_as_it_is_printed() -> None:
    quirks = Quirks(
        frozenset({"temperature", "stream"}),
        {"max_tokens": "max_completion_tokens"},
        most_tokens=4_096,
        context_tokens=8_192,
        folds_system=True,
        alternates=True,
        thinking_room=FIRST_ROOM,
    )
    for words in quirks.in_words().split("; "):
        assert f"| `{words}`" in PAGE


def test_its_settings_and_numbers_are_those_of_the_code() -> None:
    for name in re.findall(r"`(MODEL_[A-Z_]+)`", PAGE):
        assert hasattr(settings, name)
    assert f"{FIRST_ROOM:,} tokens for names" in PAGE
    assert f"{MOST_ROOM:,} at most" in PAGE
    assert MAX_TRIES == 8
    assert "no more than eight" in PAGE
