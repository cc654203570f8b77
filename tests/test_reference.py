"""docs/reference.md tells the events, errors and close codes that the code has."""

import re

import pytest

from tests import reference

pytestmark = pytest.mark.once


def test_its_tables_are_the_code() -> None:
    page = reference.PAGE.read_text()
    assert page == reference.filled(page), "run `python -m tests.reference --write`"


@pytest.mark.parametrize("name", reference.TABLES)
def test_no_row_is_left_unexplained(name: str) -> None:
    rows = reference.TABLES[name]().splitlines()[2:]
    assert len(rows) > 5
    if name != "events":  # some of them have no data
        assert [row for row in rows if re.search(r"\|\s*\|", row)] == []
