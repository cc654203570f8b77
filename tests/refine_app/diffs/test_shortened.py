"""Lines that vanish, also beside a line that was changed, are told in a sentence that a person understands."""

import pytest

from refine_app.diffs.outline import END, LINES, Loss, in_words
from refine_app.diffs.shortened import is_cut_short, lost_lines

POEM = "Roses are red,\nviolets are blue,\nsugar is sweet,\nand so are you.\n\nThe end is near.\nIt is here.\n"


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (
            POEM.replace("The end is near.\nIt is here.\n", ""),
            "everything from line 6 to the end, which begins with 'The end is near.'",
        ),
        (
            POEM.replace("Roses are red,\nviolets are blue,\nsugar is sweet,\n", ""),
            "the lines from line 1 on, which begin with 'Roses are red,'",
        ),
        (POEM.replace("It is here.\n", "It is"), "the end of line 7, 'It is here.'"),
    ],
)
def test_what_is_gone_is_told_with_its_place(new: str, said: str) -> None:
    assert in_words(lost_lines(POEM, new, is_outlined=False)) == said


def test_definitions_are_told_by_kind_name_and_line() -> None:
    lost = [Loss("load", "function", 7), Loss("Store", "class", 17), Loss("main", "body of the function", 40)]
    assert in_words(lost[:1]) == "the function 'load' (line 7)"
    assert in_words(lost) == (
        "the function 'load' (line 7), the class 'Store' (line 17) and the body of the function 'main' (line 40)"
    )
    assert in_words(lost, most=2) == "the function 'load' (line 7), the class 'Store' (line 17) and 1 more"


OLD = "a: one\nb: two\nc: three\nd: four\ne: five\nf: six\ng: seven\nh: eight\n"


@pytest.mark.parametrize(
    ("new", "kind", "line"),
    [
        ("a: one\nb: two\nc: three, changed\n", END, 4),
        ("a: one\nb: two, changed\nf: six\ng: seven\nh: eight\n", LINES, 3),
        ("a: one\ne: five, changed\nf: six\ng: seven\nh: eight\n", LINES, 2),
        ("a: one\nb: two\nc: thr", END, 4),
        ("a: one\nb: two\nc: three\nd: four\n", END, 5),
    ],
)
def test_lines_beside_a_changed_line_are_missed(new: str, kind: str, line: int) -> None:
    [loss] = lost_lines(OLD, new, is_outlined=False)
    assert (loss.kind, loss.line) == (kind, line)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("v: [one,\n  two,\n  three,\n  four]\n", "v: [one, two, three, four]\n"),
        ("a: 1\nb: 2\nc: 3\nd: 4\n", "all:\n  - 1\n  - 2\n  - 3\n  - 4\n"),
        (OLD, OLD.replace("eight", "nine")),
        (OLD, "h: eight\n" + OLD.replace("h: eight\n", "")),
    ],
)
def test_lines_that_were_joined_rewritten_or_moved_are_not(old: str, new: str) -> None:
    assert lost_lines(old, new, is_outlined=False) == []


@pytest.mark.parametrize("cut", ["x = compute(f", "y = lo"])
def test_a_bare_text_of_code_that_ends_in_mid_line_is_cut(cut: str) -> None:
    old = "def a():\n    x = compute(first)\n    y = look(x)\n    return y\n"
    new = old[: old.index(cut) + len(cut)]
    assert [loss.kind for loss in lost_lines(old, new, is_outlined=True)] == [END]


def test_a_part_that_stops_behind_its_changed_line_is_cut_short() -> None:
    old = ["CREATE VIEW a AS", "SELECT one int4;", "REVOKE ALL ON a FROM b;"]
    assert is_cut_short(old, ["CREATE VIEW a AS", "SELECT one int8;"])
    assert not is_cut_short(old, [*old[:2], "GRANT ALL ON a TO b;"])
