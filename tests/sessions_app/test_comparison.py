"""Hunks lead from the old text to the new, whatever the texts are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sessions_app.comparison import NO_NEWLINE, hunks_between

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "d\r", "e\x0bf"]), max_size=25)


def applied(old: str, new: str) -> str:
    """The old text with the hunks of a difference, as `patch` would apply them."""
    before = [f"{line}\n" for line in old.split("\n")]
    before[-1] = before[-1][:-1]
    out, at = [], 0
    for hunk in hunks_between(old, new):
        start = hunk.old_start - 1 if hunk.old_lines else hunk.old_start
        out += before[at:start]
        sign = ""
        for row in hunk.text.split("\n")[:-1]:
            if row == NO_NEWLINE.rstrip() and sign in " +":
                out[-1] = out[-1][:-1]
            sign = row[0]
            if sign in " +":
                out.append(f"{row[1:]}\n")
        at = start + hunk.old_lines
    return "".join([*out, *before[at:]])


@settings(max_examples=60)
@given(LINES, LINES, st.booleans(), st.booleans())
def test_hunks_make_the_new_text_of_the_old(old: list[str], new: list[str], ends: bool, new_ends: bool) -> None:
    one, other = "\n".join(old) + "\n" * ends, "\n".join(new) + "\n" * new_ends
    assert applied(one, other) == other


def test_equal_texts_differ_in_nothing() -> None:
    assert hunks_between("a\nb", "a\nb") == []


def test_a_missing_newline_at_the_end_is_said() -> None:
    [hunk] = hunks_between("a\nb", "a\nb\n")
    assert hunk.text == f" a\n-b\n{NO_NEWLINE}+b\n"
    assert hunk.header == "@@ -1,2 +1,2 @@"
