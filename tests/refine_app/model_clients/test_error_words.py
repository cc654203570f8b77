"""How long to wait, and what went wrong, in the words of servers. Their whole answers are in tests/corpora/answers."""

import pytest

from refine_app.model_clients.error_words import LONGEST_WAIT_S, is_too_long, wait_in, words_of

NOW = 1_741_305_600.0


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "Thu, 06 Mar 2025 23:59:40 GMT"}, 0.0),
        ({"retry-after": "Fri, 07 Mar 2025 00:00:20 GMT"}, 20.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-reset": "1741305630000"}, 30.0),
        ({"x-ratelimit-reset": "1741305630"}, 30.0),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "1.5s"}, 1.5),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, LONGEST_WAIT_S),
        ({"ratelimit-reset": "7"}, 7.0),
        ({"reset": "7"}, None),
    ],
)
def test_headers_tell_how_long_to_wait(headers: dict[str, str], wait_s: float | None) -> None:
    assert wait_in(headers, None, NOW) == wait_s


@pytest.mark.parametrize(
    ("words", "wait_s"),
    [
        ("Please try again in 7.66s. Need more tokens?", 7.66),
        ("Please try again in 2m59.56s.", 179.56),
        ("Please retry after 24 seconds.", 24.0),
        ("Please wait 1 minute and try again", 60.0),
        ("Please retry in 58.934310785s.", 58.934310785),
        ("Rate limit of 30 requests a minute reached", None),
        ("Try again later", None),
    ],
)
def test_words_tell_how_long_to_wait(words: str, wait_s: float | None) -> None:
    assert wait_in({}, {"error": {"message": words}}) == (None if wait_s is None else pytest.approx(wait_s))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": True, "message": "No model"}, "No model"),
        ({"error": {"message": {"detail": "Deep"}}}, "Deep"),
        ([{"error": {"message": "In a list"}}], "In a list"),
        ({"error": {"message": "Provider returned error", "metadata": {"raw": '{"detail": "Why"}'}}},
         "Provider returned error: Why"),
        ({"error": {"message": "Provider returned error", "metadata": {"raw": "plain"}}},
         "Provider returned error: plain"),
        ("<html><body><h1>Bad</h1> gateway</body></html>", "Bad gateway"),
        ({"error_code": 7, "error_msg": "By number"}, "By number"),
        ({}, ""), (None, ""), ([], ""), (7, "7"),
    ],
)  # fmt: skip
def test_words_are_found_in_every_shape(body: object, words: str) -> None:
    assert words_of(body) == words


@pytest.mark.parametrize(
    "words", ["Rate limit reached", "The model does not exist", "Invalid token", "stream is too slow", ""]
)
def test_other_words_say_nothing_of_a_long_text(words: str) -> None:
    assert not is_too_long(words)
