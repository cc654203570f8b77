"""Each family's marks of thoughts, and texts that only speak of them."""

import pytest

from refine_app.diffs.thoughts import TABLE, without_thoughts

WRITTEN = [
    ("<think>\n", "\n</think>\n"),
    ("<thinking>", "</thinking>"),
    ("<Thought>", "</Thought>"),
    ('<think type="deep">', "</think>"),
    ("<reasoning>\n", "\n</reasoning>\n\n"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    (
        "<|start|>assistant<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final <|constrain|>md<|message|>",
    ),
    ("analysisThe user wants", "assistantfinal"),
    ("<|begin_of_thought|>", "<|end_of_thought|>\n<|begin_of_solution|>"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("Here is my thought process:\n", "\nHere is my response:\n"),
    ("<|thought|>", "<|/thought|>"),
    ("<|hy_thinking|>", "<|/hy_thinking|>"),
]  # fmt: skip
ANSWER = "Done.\n\n```python\nx = 1\n```"


@pytest.mark.parametrize(("opening", "closing"), WRITTEN)
def test_what_a_family_thinks_is_no_part_of_the_answer(opening: str, closing: str) -> None:
    thoughts = "hm\n\n```python\ny = 2\n" * 3
    assert without_thoughts(f"{opening}{thoughts}{closing}{ANSWER}") == ANSWER


@pytest.mark.parametrize(("opening", "closing"), WRITTEN)
def test_thoughts_that_never_end_are_no_answer(opening: str, closing: str) -> None:
    assert without_thoughts(f"{opening}hm, and then ```python\ny = 2\n```\n") == ""


def test_every_row_of_the_table_is_written_by_some_template() -> None:
    for marks in TABLE:
        assert any(without_thoughts(f"{one}hm{two}{ANSWER}") == ANSWER for one, two in WRITTEN), marks.families


@pytest.mark.parametrize("closing", ["</think>", "</thinking>", "[/THINK]", "◁/think▷", "<|end_of_thought|>"])
def test_thoughts_whose_beginning_the_server_left_out_are_dropped(closing: str) -> None:
    assert without_thoughts(f"let me see\n```python\ny = 2\n```\n{closing}\n\n{ANSWER}") == ANSWER


@pytest.mark.parametrize(
    "answer",
    [
        "I dropped the tag `</think>`.\n\n```html\n<p>x</p>\n```",
        "```python\nEND = '</think>'\n```",
        "```python\nanalysis = 1\nassistantfinal = 2\n```",
        "The analysis says: all is well.\n\n```text\nassistantfinal\n```",
        "```python\nx = 1\n```\nThere is no </think>",
        ANSWER,
    ],
)
def test_words_that_only_speak_of_marks_stay(answer: str) -> None:
    assert without_thoughts(answer) == answer


def test_marks_that_the_document_holds_may_stand_in_the_answers_code() -> None:
    base = "<think>\na\n</think>\nb\n"
    answer = f"Fixed.\n\n```text\n{base.replace('a', 'c')}```"
    assert without_thoughts(answer, base) == answer
