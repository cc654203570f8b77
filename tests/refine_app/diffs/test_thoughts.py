"""Each family's marks of thoughts, and texts that only speak of them."""

import pytest

from refine_app.diffs.fences import LiveFence
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


class Screen:
    """What a page shows of a block that streams in."""

    def __init__(self, base: str = "") -> None:
        self._fence = LiveFence(base)
        self.shown = ""
        self.ever_shown = ""

    def take(self, answer: str, size: int = 7) -> None:
        for at in range(0, len(answer), size):
            code = self._fence.feed(answer[at : at + size])
            self.shown = code if self._fence.is_taken_back else self.shown + code
            self.ever_shown += code


DRAFT = "hm\n```python\ny = 2\ny = 3\n```\nor\n```python\ny = 4\n"


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(("opening", "closing"), WRITTEN)
def test_a_draft_in_thoughts_is_never_shown_while_it_streams(opening: str, closing: str, size: int) -> None:
    screen = Screen()
    screen.take(f"{opening}{DRAFT}{closing}{ANSWER}\n", size)
    assert screen.ever_shown == screen.shown == "x = 1\n"


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("closing", ["</think>", "</thinking>", "[/THINK]", "◁/think▷", "<|end_of_thought|>"])
def test_a_draft_in_thoughts_without_their_beginning_is_taken_back(closing: str, size: int) -> None:
    screen = Screen()
    screen.take(f"{DRAFT}{closing}\n{ANSWER}\n", size)
    assert screen.shown == "x = 1\n"


def test_a_block_behind_the_mark_in_its_line_is_read() -> None:
    screen = Screen()
    screen.take(f"<think>{DRAFT}</think>```python\nx = 1\n```\n")
    assert screen.shown == "x = 1\n"


def test_thoughts_that_begin_later_or_again_are_none_of_the_answer() -> None:
    screen = Screen()
    screen.take(f"Sure.\n<think>{DRAFT}</think>\n<think>{DRAFT}</think>\n{ANSWER}\n")
    assert screen.ever_shown == "x = 1\n"


def test_marks_that_the_document_holds_take_nothing_back() -> None:
    base = "<think>\na\n</think>\nb\n"
    screen = Screen(base)
    screen.take(f"Fixed.\n\n```text\n{base}```\n")
    assert screen.shown == base


def test_marks_in_strings_and_words_take_nothing_back() -> None:
    screen = Screen()
    screen.take("I dropped `</think>`.\n```python\nEND = '</think>'\n```\n")
    assert screen.shown == "END = '</think>'\n"
