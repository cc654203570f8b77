"""Lines that vanish are told in a sentence that a person understands."""

import pytest

from refine_app.diffs.outline import Loss, in_words
from refine_app.diffs.shortened import lost_lines

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
