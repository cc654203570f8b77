"""Patterns that people write: in time that grows with the text, in ECMA-262's words, refused with their place."""

import time

import pytest

from graphs_app.engine.patterns import PatternInvalid, compile_pattern

BURNING = ["^(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*)*x", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a?){500}a{500}"]


@pytest.mark.parametrize("pattern", BURNING)
def test_no_pattern_burns(pattern: str) -> None:
    begun = time.process_time()
    compile_pattern(pattern).is_in("a" * 20_000 + "!")
    assert time.process_time() - begun < 5


def test_what_looking_costs_grows_with_pattern_and_text() -> None:
    small, large = compile_pattern("a"), compile_pattern("(a|b)*a(a|b){900}$")
    assert small.steps("a" * 1000) < large.steps("a" * 1000) < large.steps("a" * 100_000)


@pytest.mark.parametrize(
    ("pattern", "text", "is_in"),
    [
        ("b", "abc", True),  # searched for, not matched as a whole
        (r"^\d+$", "12", True),
        (r"^\d+$", "12\n", False),
        (r"^\d$", "\u0663", False),
        (r"^\w$", "é", False),
        (r"\s", "\u00a0", True),
        (r"^[^\s]+$", "a\u3000b", False),
        (r"^[\S]+$", "a\ufeff", False),
        (r"^\S$", "é", True),
        (r"^\/a$", "/a", True),
        (r"\u00e9", "é", True),
        (r"\u{1F600}", "😀", True),
        (r"^\ud83d\ude00$", "😀", True),
        (r"\x41", "A", True),
        ("[^]", "\n", True),
        ("[]", "a", False),
        ("^[[:alpha:]]$", "a", False),
        (r"\p{Script=Greek}", "\u03b1", True),
        (r"^\p{Letter}+$", "añ", True),
        (r"^\P{Lu}+$", "aB", False),
        ("(?<n>a)b", "ab", True),
        ("^.$", "\u2028", False),
        ("^.$", "😀", True),
        (r"[\b]", "\x08", True),
        (r"a\b", "a b", True),
        (r"\cJ", "\n", True),
        (r"\0", "\0", True),
        (r"^[\w\-.]+@[\w-]+\.\w+$", "a-b.c@d-e.fr", True),
        ("^$", "", True),
        ("\ud800", "?", None),
        ("a", "\ud800a", True),
    ],
)
def test_a_pattern_is_read_as_ecma_262_has_it(pattern: str, text: str, is_in: bool | None) -> None:
    if is_in is None:
        with pytest.raises(PatternInvalid):
            compile_pattern(pattern)
    else:
        assert compile_pattern(pattern).is_in(text) is is_in


@pytest.mark.parametrize(
    ("pattern", "column"),
    [
        (r"(a)\1", 4),
        (r"(?<n>a)\k<n>", 8),
        ("x(?=a)", 2),
        ("x(?!a)", 2),
        ("(?<=a)b", 1),
        ("(?<!a)b", 1),
        ("ab[c", 3),
        ("a\\", 2),
        (r"a\uZZZZ", 2),
        (r"\q", 1),
        (r"[a\q]", 3),
        (r"\ud800", 1),
        (r"\p", 1),
        (r"\c1", 1),
        (r"\01", 1),
    ],
)
def test_what_is_refused_is_refused_with_its_place(pattern: str, column: int) -> None:
    with pytest.raises(PatternInvalid, match=rf"at character {column}$") as refused:
        compile_pattern(pattern)
    assert refused.value.column == column


@pytest.mark.parametrize("pattern", ["(", "a{1001}", "a++", "(?>a)", "[z-a]", "*", r"\p{Nope}", "a{2,1}"])
def test_what_the_engine_refuses_is_told_in_its_words(pattern: str) -> None:
    with pytest.raises(PatternInvalid, match="not a pattern: "):
        compile_pattern(pattern)


def test_a_pattern_is_bounded_in_length_and_in_memory() -> None:
    with pytest.raises(PatternInvalid, match=r"1,001 characters; at most 1,000"):
        compile_pattern("x" * 1001)
    with pytest.raises(PatternInvalid, match="more than 512 KiB"):
        compile_pattern(r"(\p{L}\p{N}*){400}")
