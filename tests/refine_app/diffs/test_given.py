"""A diff that is given is taken when it turns the one text into the other, and refused otherwise; never made again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refine_app.diffs.errors import GivenDiffWrong
from refine_app.diffs.given import given_diff
from refine_app.diffs.unified import make_diff

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "\n", "-x\n", "+y\n", " z\n", "é\n"]), max_size=30)
TEXTS = st.builds(lambda lines, end: "".join(lines) + end, LINES, st.sampled_from(["", "end"]))


def rows_of(old: str, new: str) -> list[dict[str, Any]]:
    return [hunk.as_json() for hunk in make_diff(old, new).hunks]


@given(TEXTS, TEXTS)
def test_every_diff_that_the_product_makes_is_taken_as_it_is(old: str, new: str) -> None:
    made = make_diff(old, new, filename="a.py")
    taken = given_diff(rows_of(old, new), old=old, new=new, filename="a.py")
    assert taken == made
    assert taken.patch == made.patch


@given(TEXTS, TEXTS, TEXTS)
def test_it_is_refused_for_any_other_text(old: str, new: str, other: str) -> None:
    if other == new:
        return
    with pytest.raises(GivenDiffWrong):
        given_diff(rows_of(old, new), old=old, new=other, filename="a.py")


@pytest.mark.parametrize(
    "change",
    [
        *(
            {name: value}
            for name in ("n", "old_start", "old_lines", "new_start", "new_lines")
            for value in (7, -1, "1")
        ),
        {"n": True, "new_start": None},
        {"text": "\\ No newline at end of file\n"},
        {"text": "*a\n"},
        {"header": "@@ -1,1 +1,1 @@" + "x" * 300},
        {"header": None},
    ],
)
def test_a_row_that_says_something_else_is_refused(change: dict[str, Any]) -> None:
    [row] = rows_of("a\nb\n", "a\nc\n")
    with pytest.raises(GivenDiffWrong):
        given_diff([{**row, **change}], old="a\nb\n", new="a\nc\n", filename="a.py")


@pytest.mark.parametrize("rows", [None, {}, [1], [{}], [{"n": 1}] * 9])
def test_what_is_no_list_of_hunks_is_refused(rows: Any) -> None:
    with pytest.raises(GivenDiffWrong):
        given_diff(rows, old="a\n", new="b\n", filename="a.py")
