"""A proposal says which characters it adds that nobody would see, and not those that it merely keeps."""

import pytest

from refine_app.diffs import deceptive
from refine_app.diffs.unified import make_diff

BASE = "def f(user):\n    if access != 'user':\n        return 1\n"


def check_of(old: str, new: str) -> dict[str, str] | None:
    return deceptive.check(make_diff(old, new).hunks)


def test_a_direction_override_that_is_added_is_told_with_its_line() -> None:
    found = check_of(BASE, BASE.replace("'user'", "'user\u202e \u2066// admin\u2069 \u2066'"))
    assert found == {
        "name": "hidden_characters",
        "verdict": "failed",
        "detail": (
            "adds U+202E RIGHT-TO-LEFT OVERRIDE at line 2; adds U+2066 LEFT-TO-RIGHT ISOLATE at line 2, 2 times; "
            "adds U+2069 POP DIRECTIONAL ISOLATE at line 2"
        ),
    }


def test_what_the_text_had_before_is_not_told() -> None:
    old = BASE.replace("'user'", "'us\u200ber'")
    assert check_of(old, old.replace("return 1", "return 2").replace("if access", "if  access")) is None


def test_one_more_of_what_was_there_is_told() -> None:
    old = "x = 'a\u200bb'\n"
    assert check_of(old, "x = 'a\u200bb\u200b'\n") is not None


@pytest.mark.parametrize("word", ["\u0430ccess", "acc\uff45ss"])
def test_a_word_that_passes_for_another_is_told(word: str) -> None:
    found = check_of(BASE, BASE.replace("access", word))
    assert found is not None
    assert "only looks like a Latin letter" in found["detail"]
    assert "line 2" in found["detail"]


@pytest.mark.parametrize(
    ("word", "read"), [("acce\u017f\u017f", "access"), ("\ufb01nd", "find"), ("\uff4f\uff53", "os"), ("o\u017f", "os")]
)
def test_a_name_that_python_takes_for_another_is_told_with_what_it_reads(word: str, read: str) -> None:
    found = check_of(BASE, BASE.replace("access", word))
    assert found is not None
    assert f"(Python reads {read})" in found["detail"]


@pytest.mark.parametrize(
    "new",
    [
        BASE.replace("'user'", "'👩‍👩‍👧 שלום'"),
        BASE.replace("\n", "\r\n"),
        BASE + "# Привет, мир\n",
        "\ufeff" + BASE,
        BASE + "{}[]{where}\n",
    ],
)
def test_what_people_write_on_purpose_is_not_told(new: str) -> None:
    assert check_of(BASE, new) is None


def test_a_byte_order_mark_inside_a_text_is_told() -> None:
    assert "U+FEFF" in (check_of(BASE, BASE + "\ufeffx = 1\n") or {})["detail"]


def test_many_kinds_are_told_in_few_words() -> None:
    found = check_of(BASE, BASE + "".join(chr(code) for code in range(0xE0020, 0xE0060)) + "\n")
    assert found is not None
    assert found["detail"].endswith("and 54 more of the kind")


def test_a_hunk_says_what_it_adds_itself() -> None:
    hunk = make_diff(BASE, BASE + "x = '\u202e'\n").hunks[0]
    assert deceptive.warnings(hunk.text, hunk.new_start) == ["adds U+202E RIGHT-TO-LEFT OVERRIDE at line 4"]
