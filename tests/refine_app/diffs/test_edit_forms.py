"""Edits in each of their forms: applied exactly, or refused with the place."""

import pytest

from refine_app.diffs.edit_forms import apply_edits, form_of, headless_diff
from refine_app.diffs.errors import DiffDoesNotApply

BASE = "one\ntwo\nthree\nfour\ntwo\nfive\n"


def block(old: str, new: str, marks: tuple[str, str] = ("<<<<<<< SEARCH", ">>>>>>> REPLACE")) -> str:
    return f"{marks[0]}\n{old}=======\n{new}{marks[1]}\n"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (block("one\n", "1\n"), "search_replace"),
        (block("one\n", "1\n", ("------- SEARCH", "+++++++ REPLACE")), "search_replace"),
        (block("one\n", "1\n", ("<<<<<<< ORIGINAL", ">>>>>>> UPDATED")), "search_replace"),
        ("*** Begin Patch\n*** Update File: a\n-one\n+1\n*** End Patch\n", "patch"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+1\n", "diff"),
        ("@@ ... @@\n-one\n+1\n", "diff"),
        ("@@ -1,1 +1,1 @@\n-one\n+1\n", "diff"),
        ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+1\n", "diff"),
    ],
)
def test_a_form_is_known_by_what_it_holds_and_applied(text: str, form: str) -> None:
    assert form_of(text) == form
    assert apply_edits(text, form, BASE) == BASE.replace("one", "1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["- a\n+ b\n", "x = 1\n", "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> main\n", "@decorator\n"]
)
def test_other_texts_have_no_form(text: str) -> None:
    assert form_of(text) is None


def test_blocks_are_applied_one_after_the_other_in_any_order() -> None:
    text = block("five\n", "5\n") + "and\n" + block("one\n", "1\n")
    assert apply_edits(text, "search_replace", BASE) == BASE.replace("five", "5").replace("one", "1")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (block("six\n", "6\n"), "'six'"),
        (block("two\n", "2\n"), "2 places, at the lines 2, 5"),
        (block("", "2\n"), "does not say where"),
        ("<<<<<<< SEARCH\none\n>>>>>>> REPLACE\n", "no ======="),
        ("<<<<<<< SEARCH\none\n=======\n1\n", "no end"),
        ("<<<<<<< SEARCH\none\n=======\n<<<<<<< SEARCH\nb\n=======\nc\n>>>>>>> REPLACE\n", "no end before"),
    ],
)
def test_a_block_whose_place_is_not_certain_is_refused(text: str, says: str) -> None:
    with pytest.raises(DiffDoesNotApply, match=says):
        apply_edits(text, "search_replace", BASE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("*** Begin Patch\n*** Update File: a\n-one\n+1\n", "not whole"),
        ("*** Begin Patch\n*** Delete File: a\n*** End Patch\n", "neither delete"),
        ("*** Begin Patch\n*** Update File: a\n*** Update File: b\n*** End Patch\n", "one file"),
        ("*** Begin Patch\n*** Update File: a\n@@\n-two\n+2\n*** End Patch\n", "2 places"),
        ("*** Begin Patch\n*** Update File: a\n@@\none\n*** End Patch\n", "begins with none"),
    ],
)
def test_a_patch_whose_place_is_not_certain_is_refused(text: str, says: str) -> None:
    with pytest.raises(DiffDoesNotApply, match=says):
        apply_edits(text, "patch", BASE)


@pytest.mark.parametrize("header", ["@@ four", "@@ four @@", "@@ -9,1 +9,1 @@ four", "@@ ... @@ four"])
def test_of_several_places_the_section_decides(header: str) -> None:
    expected = "one\ntwo\nthree\nfour\n2\nfive\n"
    assert apply_edits(f"--- a\n+++ b\n{header}\n-two\n+2\n", "diff", BASE) == expected


def test_of_several_places_a_true_number_decides() -> None:
    assert apply_edits("@@ -5,1 +5,1 @@\n-two\n+2\n", "diff", BASE) == "one\ntwo\nthree\nfour\n2\nfive\n"


def test_lines_with_signs_but_no_header_are_a_diff_where_the_document_has_the_rest() -> None:
    assert headless_diff(" one\n-two\n+2\n three\n", BASE) == BASE.replace("two\nthree", "2\nthree")
    assert headless_diff("- one\n- two\n", BASE) is None
    assert headless_diff("-six\n+6\n", BASE) is None
