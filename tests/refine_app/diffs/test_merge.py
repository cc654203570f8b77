"""Merging hunks into a document that people changed: nothing of theirs is ever lost."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_app.diffs.errors import HunkMismatch
from refine_app.diffs.lines import split_lines
from refine_app.diffs.merge import Edit, apply_edits, apply_hunks, merge_hunks
from refine_app.diffs.unified import make_diff

BASE = "".join(f"line {n}\n" for n in range(30))
SYMBOLS = st.lists(st.sampled_from("abcdef"), max_size=40)
CHANCE = st.randoms(use_true_random=False)


def text_of(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)


def changed(base: str, **replacements: str) -> str:
    for old, new in replacements.items():
        base = base.replace(f"line {old[1:]}\n", new)
    return base


def test_a_hunk_moves_with_lines_that_were_added_above() -> None:
    hunks = make_diff(BASE, changed(BASE, l20="twenty\n")).hunks
    merged = merge_hunks(base=BASE, current="new first\n" + BASE, hunks=hunks)
    assert merged.applied == (1,)
    assert merged.text == "new first\n" + changed(BASE, l20="twenty\n")


def test_a_hunk_that_meets_a_persons_change_is_a_conflict_with_a_reason_and_changes_nothing() -> None:
    hunks = make_diff(BASE, changed(BASE, l20="twenty\n")).hunks
    current = changed(BASE, l20="mine\n")
    merged = merge_hunks(base=BASE, current=current, hunks=hunks)
    assert merged.text == current
    assert merged.edits == ()
    assert merged.conflicts == {1: "line 21 of the revision, which it replaces, was changed since"}


def test_an_insertion_where_a_person_inserted_too_is_a_conflict() -> None:
    hunks = make_diff(BASE, changed(BASE, l10="line 10\nagent\n")).hunks
    merged = merge_hunks(base=BASE, current=changed(BASE, l10="line 10\nperson\n"), hunks=hunks)
    assert list(merged.conflicts) == [1]


def test_a_change_right_beside_a_persons_change_is_merged() -> None:
    hunks = make_diff(BASE, changed(BASE, l10="agent\n")).hunks
    merged = merge_hunks(base=BASE, current=changed(BASE, l9="line 9\nperson\n"), hunks=hunks)
    assert merged.text == changed(BASE, l9="line 9\nperson\n", l10="agent\n")


def test_what_a_person_did_already_needs_no_edit() -> None:
    new = changed(BASE, l10="same\n", l25="line 25\nadded\n", l3="")
    hunks = make_diff(BASE, new).hunks
    merged = merge_hunks(base=BASE, current=new, hunks=hunks)
    assert merged.already == tuple(h.n for h in hunks)
    assert (merged.text, merged.edits, merged.conflicts) == (new, (), {})


def test_an_accepted_hunk_given_again_is_there_already() -> None:
    hunks = make_diff(BASE, changed(BASE, l10="agent\n")).hunks
    once = merge_hunks(base=BASE, current=BASE, hunks=hunks)
    assert merge_hunks(base=BASE, current=once.text, hunks=hunks, accepted=hunks).already == (1,)


def test_accepting_all_applies_what_fits_and_names_what_does_not() -> None:
    hunks = make_diff(BASE, changed(BASE, l2="two\n", l12="twelve\n", l22="twenty-two\n")).hunks
    merged = merge_hunks(base=BASE, current=changed(BASE, l12="mine\n"), hunks=hunks)
    assert (merged.applied, list(merged.conflicts)) == ((1, 3), [2])
    assert merged.text == changed(BASE, l2="two\n", l12="mine\n", l22="twenty-two\n")


def test_a_hunk_that_drops_the_final_newline_does_not_glue_lines_that_came_after_it() -> None:
    hunks = make_diff("a\nb\n", "a\nb").hunks
    merged = merge_hunks(base="a\nb\n", current="a\nb\nc\n", hunks=hunks)
    assert merged.text == "a\nb\nc\n"


def test_a_line_end_that_a_hunk_lacks_is_that_of_its_neighbours() -> None:
    dropped = make_diff("a\r\nb\r\n", "a\r\nb").hunks
    merged = merge_hunks(base="a\r\nb\r\n", current="a\r\nb\r\nc\r\n", hunks=dropped)
    assert merged.text == "a\r\nb\r\nc\r\n"
    added = make_diff("a\r\nb\r\n", "a\r\nb\r\nnew\r\n").hunks
    merged = merge_hunks(base="a\r\nb\r\n", current="a\r\nb", hunks=added)
    assert "\n" not in merged.text.replace("\r\n", "")


def test_a_hunk_of_another_text_is_refused() -> None:
    hunks = make_diff("a\nb\n", "a\nc\n").hunks
    with pytest.raises(HunkMismatch, match="line 1"):
        merge_hunks(base="x\ny\n", current="x\ny\n", hunks=hunks)


@settings(max_examples=300, deadline=None)
@given(old=SYMBOLS, new=SYMBOLS, chance=CHANCE)
def test_any_subset_of_hunks_in_any_order_gives_the_same_text(old: list[str], new: list[str], chance: Random) -> None:
    base = text_of(old)
    hunks = list(make_diff(base, text_of(new)).hunks)
    chance.shuffle(hunks)
    chosen = hunks[: chance.randrange(len(hunks) + 1)]
    current = base
    for index, hunk in enumerate(chosen):
        merged = merge_hunks(base=base, current=current, hunks=[hunk], accepted=chosen[:index])
        assert merged.applied == (hunk.n,)
        current = merged.text
    assert current == apply_hunks(base, chosen)


@settings(max_examples=400, deadline=None)
@given(old=SYMBOLS, new=SYMBOLS, chance=CHANCE, order=st.booleans())
def test_no_line_that_a_person_wrote_is_lost(old: list[str], new: list[str], chance: Random, order: bool) -> None:
    base = text_of(old)
    hunks = list(make_diff(base, text_of(new)).hunks)
    if order:
        chance.shuffle(hunks)
    current, accepted = base, []
    written: list[str] = []
    for hunk in hunks:
        lines = split_lines(current)
        for _ in range(chance.randrange(3)):
            at = chance.randrange(len(lines) + 1)
            written.append(f"person {len(written)}\n")
            if at < len(lines) and chance.random() < 0.4 and not lines[at].startswith("person"):
                lines[at] = written[-1]
            else:
                lines.insert(at, written[-1])
        current = "".join(lines)
        merged = merge_hunks(base=base, current=current, hunks=[hunk], accepted=accepted)
        assert apply_edits(current, merged.edits) == merged.text
        if merged.applied:
            accepted.append(hunk)
        else:
            assert merged.text == current
        current = merged.text
    assert sorted(line for line in split_lines(current) if line.startswith("person")) == sorted(written)


def test_edits_are_applied_at_their_offsets() -> None:
    assert apply_edits("abcdef", [Edit(1, 2, "X"), Edit(5, 0, "YZ")]) == "aXdeYZf"
