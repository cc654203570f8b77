"""What a text defines, by its lines, where no grammar reads it."""

import pytest

from refine_app.diffs.outline import PATTERNS, outline_by_lines


@pytest.mark.parametrize("language", sorted(PATTERNS))
@pytest.mark.parametrize("text", ["", "\n", "nothing is defined here\n"])
def test_a_text_that_defines_nothing_has_an_empty_outline(language: str, text: str) -> None:
    assert outline_by_lines(text, language) == []


def test_a_definition_ends_where_the_next_begins() -> None:
    found = outline_by_lines("# One\ntext\n# Two\ntext\n", "markdown")
    assert found is not None
    assert [(one.name, one.start, one.end) for one in found] == [("# One", 0, 2), ("# Two", 2, 5)]
