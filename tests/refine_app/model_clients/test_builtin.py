"""The built-in rules: what they do, what they leave alone, and what they say about it."""

import pytest

from refine_app.diffs.answers import Answer, parse_answer
from refine_app.model_clients.builtin import BuiltinClient
from refine_app.model_clients.client import Message, Subject

MESSAGES = [Message("user", "refine")]
CODE = """import os, sys

class A(object):
    def f(self, x = None):
        if x == None:
            return list()
        return sys.path
"""


async def refine(instruction: str, code: str = CODE, language: str = "python") -> Answer:
    stream = BuiltinClient().stream(MESSAGES, max_tokens=0, temperature=0, subject=Subject(code, language, instruction))
    text = "".join([delta.text async for delta in stream])
    return parse_answer(text, base=code, languages=(language,))


async def test_it_does_only_what_the_instruction_names() -> None:
    answer = await refine("sort the imports")
    assert answer.new_text.startswith("import sys\n\n\nclass A(object):\n    def f(self, x = None):")
    assert "Tried: imports" in answer.summary


async def test_modernising_leaves_comparisons_alone() -> None:
    answer = await refine("use modern syntax")
    assert "class A:" in answer.new_text
    assert "x == None" in answer.new_text


async def test_fixing_bugs_compares_none_by_identity() -> None:
    assert "x is None" in (await refine("fix the bugs")).new_text


async def test_layout_formats() -> None:
    assert "def f(self, x=None):" in (await refine("format it")).new_text


@pytest.mark.parametrize("instruction", ["improve this", ""])
async def test_a_general_wish_tries_everything_and_says_so(instruction: str) -> None:
    answer = await refine(instruction)
    assert "all of them were tried" in answer.summary
    assert "class A:" in answer.new_text


@pytest.mark.parametrize(
    ("instruction", "cannot"),
    [
        ("write docstrings", "write documentation"),
        ("rename f to g", "rename things"),
        ("sing a song", "do what was asked"),
        ("add a cache and clean up", "add or rewrite behaviour"),
    ],
)
async def test_what_rules_cannot_do_is_said(instruction: str, cannot: str) -> None:
    answer = await refine(instruction)
    assert f"Rules cannot {cannot}" in answer.summary
    assert "not by a language model" in answer.summary


async def test_python_that_does_not_parse_is_left_alone_with_the_reason() -> None:
    answer = await refine("clean up", "def f(:\n")
    assert answer.new_text == "def f(:\n"
    assert "could not be read as Python" in answer.summary


async def test_another_language_is_left_alone_with_the_reason() -> None:
    answer = await refine("clean up", "var a = 1\n", "javascript")
    assert answer.new_text == "var a = 1\n"
    assert "Python only" in answer.summary


async def test_code_that_is_fine_is_left_as_it_is() -> None:
    answer = await refine("clean up", "x = 1\n")
    assert answer.new_text == "x = 1\n"
    assert "Nothing needed to be changed" in answer.summary
