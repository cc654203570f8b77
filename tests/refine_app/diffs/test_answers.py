"""Reading models' answers: every form they come in, and every way in which they are bad."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_app.diffs.answers import MAX_ANSWER, conform, parse_answer
from refine_app.diffs.errors import (
    AmbiguousAnswer,
    AnswerError,
    AnswerTooLong,
    CutOffAnswer,
    DiffDoesNotApply,
    ElidedAnswer,
    EmptyAnswer,
    RefusedAnswer,
)
from refine_app.diffs.fences import LiveFence, fence_for, read_fences
from refine_app.diffs.outline import Outline, outline_by_lines
from refine_app.diffs.thoughts import without_thoughts
from refine_app.diffs.unified import make_diff

BASE = "import os\n\n\ndef greet(name):\n    print('hello ' + name)\n    return None\n"
NEW = BASE.replace("    return None\n", "")
PYTHON = ("python", "py")


def test_the_block_in_the_codes_language_is_taken_and_the_words_around_it_are_the_summary() -> None:
    other = "pip install a-much-longer-block-than-the-code-itself" + "x" * 200
    answer = f"Dropped the return.\n\n```bash\n{other}\n```\n```python\n{NEW}```\nDone."
    parsed = parse_answer(answer, base=BASE, languages=PYTHON)
    assert parsed.new_text == NEW
    assert parsed.form == "fence"
    assert parsed.summary.startswith("Dropped the return.")
    assert parsed.summary.endswith("Done.")
    assert "pip" not in parsed.summary


def test_of_a_before_and_an_after_the_after_is_taken() -> None:
    answer = f"Before:\n```python\nreturn None\n```\nAfter:\n```python\n{NEW}```\n"
    assert parse_answer(answer, base=BASE, languages=PYTHON).new_text == NEW


def test_thoughts_are_dropped_with_the_blocks_in_them() -> None:
    answer = f"<think>\nmaybe\n```python\n{'x = 1' * 100}\n```\n</think>\n```python\n{NEW}```\n"
    assert parse_answer(answer, base=BASE, languages=PYTHON).new_text == NEW


def test_thoughts_without_their_opening_tag_are_dropped() -> None:
    assert parse_answer(f"let me see\n</think>\n```python\n{NEW}```", base=BASE, languages=PYTHON).summary == ""


def test_a_bare_file_is_taken_but_prose_is_not() -> None:
    assert parse_answer(NEW, base=BASE, languages=PYTHON).form == "whole"
    with pytest.raises(RefusedAnswer) as caught:
        parse_answer("I'm sorry, but I can't help with that.", base=BASE, languages=PYTHON)
    assert "sorry" in caught.value.excerpt
    assert caught.value.code == "invalid_output"


@pytest.mark.parametrize("answer", ["", "  \n", "<think>hm</think>", "<think>never ends"])
def test_an_answer_without_words_is_empty(answer: str) -> None:
    with pytest.raises(EmptyAnswer):
        parse_answer(answer, base=BASE, languages=PYTHON)


def test_a_block_without_its_end_is_cut_off() -> None:
    with pytest.raises(CutOffAnswer):
        parse_answer("```python\nimport os\n", base=BASE, languages=PYTHON)


@pytest.mark.parametrize(
    "remark",
    ["# ... rest of the code unchanged", "    # ...existing code...", "// rest of the file", "... (unchanged)"],
)
def test_a_remark_in_place_of_lines_is_refused(remark: str) -> None:
    with pytest.raises(ElidedAnswer):
        parse_answer(f"```python\nimport os\n{remark}\n```", base=BASE, languages=PYTHON)


def test_the_same_remark_is_fine_where_the_file_has_it() -> None:
    base = BASE + "# ... rest is generated\n"
    assert parse_answer(f"```python\n{base}```", base=base, languages=PYTHON).new_text == base


@pytest.mark.parametrize("wrap", ["{}", "```diff\n{}```", "```\n{}```"])
def test_a_diff_is_applied(wrap: str) -> None:
    patch = make_diff(BASE, NEW, filename="x.py").patch
    parsed = parse_answer(wrap.format(patch), base=BASE, languages=PYTHON)
    assert (parsed.new_text, parsed.form) == (NEW, "diff")


def test_a_diff_with_wrong_counts_and_places_and_no_names_is_applied_where_its_lines_are() -> None:
    diff = "```diff\n@@ -40,9 +41,2 @@\n     print('hello ' + name)\n-    return None\n```"
    assert parse_answer(diff, base=BASE, languages=PYTHON).new_text == NEW


def test_a_diff_of_another_text_is_refused_with_the_line_it_misses() -> None:
    with pytest.raises(DiffDoesNotApply, match="no such line"):
        parse_answer("```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-no such line\n+y\n```", base=BASE, languages=PYTHON)


def test_a_diff_of_two_files_is_refused() -> None:
    two = make_diff("a\n", "b\n", filename="x").patch + make_diff("a\n", "b\n", filename="y").patch
    with pytest.raises(DiffDoesNotApply, match="2 files"):
        parse_answer(two, base="a\n", languages=PYTHON)


def test_an_answer_beyond_all_bounds_is_refused_unread() -> None:
    with pytest.raises(AnswerTooLong):
        parse_answer("x" * (MAX_ANSWER + 1), base=BASE)


def test_nul_and_lone_surrogates_are_dropped() -> None:
    assert parse_answer("```python\na\0 = '\ud800'\n```", base="b\n", languages=PYTHON).new_text == "a = ''\n"


def test_crlf_a_byte_order_mark_and_a_missing_final_newline_are_kept() -> None:
    base = "\ufeffone\r\ntwo\r\nthree"
    parsed = parse_answer("```\none\n2\nthree\n```", base=base)
    assert parsed.new_text == "\ufeffone\r\n2\r\nthree"


def test_mixed_line_endings_stay_where_lines_stay() -> None:
    assert conform("a\nb\nx\nc\n", "a\r\nb\nc\r\n") == "a\r\nb\nx\r\nc\r\n"


def test_code_that_contains_fences_survives_a_longer_fence() -> None:
    code = 'DOC = """\n```python\nx\n```\n"""\n'
    fence = fence_for(code)
    assert parse_answer(f"{fence}python\n{code}{fence}", base="x\n", languages=PYTHON).new_text == code


def test_code_that_contains_fences_with_an_info_survives_an_equal_fence() -> None:
    code = 'DOC = """\n```bash\nx\n```\n"""\n'
    assert parse_answer(f"```python\n{code}```", base="x\n", languages=PYTHON).new_text == code


@settings(max_examples=200, deadline=None)
@given(answer=st.text(max_size=400))
def test_no_answer_makes_the_parser_crash(answer: str) -> None:
    with contextlib.suppress(AnswerError):
        parse_answer(answer, base=BASE, languages=PYTHON)


@settings(max_examples=200, deadline=None)
@given(cuts=st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_a_streamed_block_reads_the_same_as_a_whole_one(cuts: list[int]) -> None:
    answer = f"<think>\n```python\nno\n```\n</think>\nHere:\n```python\n{BASE}```\nand\n```\nmore\n```\n"
    reader, streamed, at = LiveFence(), "", 0
    for cut in [*cuts, len(answer)]:
        streamed += reader.feed(answer[at : at + cut])
        at += cut
    assert streamed == BASE
    assert [fence.code for fence in read_fences(without_thoughts(answer))] == [BASE, "more\n"]


README = "# Site\n\nWhat it is.\n\n## Install\n```sh\nmake run\n```\n\n## Use\n\nOpen it.\n"


def test_a_block_behind_an_outer_fence_is_not_dropped() -> None:
    answer = "````markdown\n## Install\n```sh\nmake run\n```\n````\n\nand\n\n```markdown\nWhat it does.\n```\n"
    assert [fence.info for fence in read_fences(answer)] == ["markdown", "markdown"]
    with pytest.raises(AmbiguousAnswer):
        parse_answer(answer, base=README, languages=("markdown",), outline_of=markdown_outline)


def test_a_patch_without_a_fence_may_hold_one() -> None:
    patch = (
        "*** Begin Patch\n*** Update File: README.md\n@@\n ## Install\n ```sh\n-make run\n+make serve\n*** End Patch\n"
    )
    parsed = parse_answer(patch, base=README, languages=("markdown",))
    assert parsed.new_text == README.replace("make run", "make serve")


@pytest.mark.parametrize("mark", ["````", "~~~"])
def test_a_document_with_fences_in_a_fence_of_its_own_is_whole_though_the_words_behind_are_cut(mark: str) -> None:
    base = f"/** Use:\n```\n{BASE}```\n*/\nrun()\n"
    new = base.replace("run()", "walk()")
    answer = f"{mark}js\n{new}{mark}\n\nI changed on"
    assert parse_answer(answer, base=base, languages=("js",), cut_off=True).new_text == new
    with pytest.raises(CutOffAnswer):
        parse_answer(answer.replace(mark, "```"), base=base, languages=("js",), cut_off=True)


def test_a_bare_document_with_underlines_that_look_like_fences_is_whole() -> None:
    base = f'\ufeff"""\n    site\n    ~~~~~\n"""\n{BASE}'
    new = base.replace("hello", "good day")
    assert parse_answer(new.removeprefix("\ufeff"), base=base, languages=PYTHON).new_text == new


def test_words_in_place_of_a_section_are_refused() -> None:
    answer = README.replace("## Install\n```sh\nmake run\n```\n", "etc.\n").replace("What it is", "What it does")
    with pytest.raises(AmbiguousAnswer, match=r"leaves '## Install' out and has 'etc\.' in its place"):
        parse_answer(f"```markdown\n{answer}```", base=README, languages=("markdown",), outline_of=markdown_outline)


def test_a_part_without_a_fence_is_not_told_from_a_text_that_was_cut_off() -> None:
    begun = README[: README.index("## Use")].replace("What it is", "What it does")
    with pytest.raises(AnswerError):
        parse_answer(begun, base=README, languages=("markdown",), outline_of=markdown_outline)


def markdown_outline(text: str) -> Outline | None:
    return outline_by_lines(text, "markdown")
