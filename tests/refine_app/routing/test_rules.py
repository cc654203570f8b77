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


@pytest.mark.parametrize("instruction", ["make it shorter", "Shorter please", "Say that again", "explain it in German"])
def test_what_says_nothing_without_the_answer_before_is_left_open(instruction: str) -> None:
    assert not choose_intent(instruction, follows="ask").is_clear


@pytest.mark.parametrize("instruction", ["make it faster", "Make the loop in parse() shorter and add a test", "fix it"])
def test_what_asks_for_a_change_of_code_is_not(instruction: str) -> None:
    assert choose_intent(instruction, follows="ask") == choose_intent(instruction)
