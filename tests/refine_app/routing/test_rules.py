"""Which words ask for a look, and which for a change."""

import pytest

from refine_app.routing import choose_intent


@pytest.mark.parametrize(
    ("instruction", "intent"),
    [
        ("Refactor this to use pathlib", "refine_code"),
        ("fix the bug in parse()", "refine_code"),
        ("make it faster", "refine_code"),
        ("Add type hints", "refine_code"),
        ("schneller bitte", "refine_code"),
        ("", "refine_code"),
        ("Review this file", "code_review"),
        ("please do a code review", "code_review"),
        ("What is wrong with this code?", "code_review"),
        ("find issues", "code_review"),
        ("analyse the complexity", "code_review"),
        ("suggest improvements", "code_review"),
        ("Review this and fix what you can, but don't change anything", "code_review"),
        ("just list the problems", "code_review"),
        ("fix the problems from the review", "refine_code"),
        ("Improve the review form's validation", "refine_code"),
    ],
)
def test_an_instruction_finds_its_intent(instruction: str, intent: str) -> None:
    route = choose_intent(instruction)
    assert route.intent == intent
    assert route.reason
