"""What refusals teach, and what is kept of it. The refusals of real servers are in tests/corpora/answers."""

from collections.abc import Mapping
from typing import Any

import pytest

from refine_app.model_clients.endpoints import EndpointSpec
from refine_app.model_clients.quirks import FIRST_ROOM, MOST_ROOM, NO_QUIRKS, Quirks, first_guess
from refine_app.model_clients.refusals import learnt as lesson_of

SENT = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Refine."}],
    "max_tokens": 500,
    "temperature": 0.2,
    "seed": 7,
    "response_format": {"type": "json_object"},
    "stream": True,
    "stream_options": {"include_usage": True},
}


def learnt(quirks: Quirks, body: Any, words: str, sent: Mapping[str, Any], status: int = 400) -> Quirks | None:
    lesson = lesson_of(quirks, status, body, words, sent)
    return None if lesson is None else lesson.quirks


@pytest.mark.parametrize("name", ["temperature", "seed", "response_format", "stream_options"])
@pytest.mark.parametrize(
    "words", ["Unsupported parameter: '{}'", "unknown field `{}`", "Unrecognized request argument supplied: {}"]
)
def test_a_parameter_that_is_not_taken_is_left_out(name: str, words: str) -> None:
    quirks = learnt(NO_QUIRKS, None, words.format(name), SENT)
    assert quirks is not None
    assert name not in quirks.applied(SENT)
    assert quirks.applied(SENT)["max_tokens"] == 500


def test_without_streaming_there_are_no_options_of_it() -> None:
    quirks = learnt(NO_QUIRKS, {"error": {"param": "stream"}}, "Streaming is not supported", SENT)
    assert quirks is not None
    assert not {"stream", "stream_options"} & set(quirks.applied(SENT))


@pytest.mark.parametrize("name", ["model", "messages", "max_tokens"])
def test_what_a_request_cannot_do_without_is_never_left_out(name: str) -> None:
    quirks = learnt(NO_QUIRKS, {"error": {"param": name}}, f"Invalid value for {name}", SENT)
    assert quirks is None or not quirks.dropped


def test_the_limit_is_never_lost_by_its_other_name() -> None:
    renamed = learnt(NO_QUIRKS, None, "Use 'max_completion_tokens' instead of 'max_tokens', unsupported", SENT)
    assert renamed is not None
    sent = renamed.applied(SENT)
    assert (sent.get("max_tokens"), sent["max_completion_tokens"]) == (None, 500)
    back = learnt(renamed, None, "unknown field max_completion_tokens", sent)
    assert back == NO_QUIRKS, "another server stands behind the name now"


def test_words_about_the_question_teach_nothing() -> None:
    assert learnt(NO_QUIRKS, None, "The model `m` does not exist", SENT) is None
    assert learnt(NO_QUIRKS, None, "This model's maximum context length is 4096 tokens", SENT) is None


def test_the_systems_words_go_into_the_first_message_of_the_user() -> None:
    quirks = learnt(NO_QUIRKS, None, "System role not supported", SENT)
    assert quirks is not None
    assert quirks.applied(SENT)["messages"] == [{"role": "user", "content": "Be brief.\n\nRefine."}]


def test_roles_in_a_row_are_put_together() -> None:
    messages = [*SENT["messages"], {"role": "user", "content": "Again."}]  # type: ignore[misc]
    quirks = Quirks(alternates=True)
    assert [m["role"] for m in quirks.applied({**SENT, "messages": messages})["messages"]] == ["system", "user"]


def test_what_was_learnt_survives_being_kept() -> None:
    quirks = Quirks(frozenset({"seed"}), {"max_tokens": "max_completion_tokens"}, 256, 8_192, True, True, 9_000)
    assert Quirks.from_json(quirks.as_json()) == quirks
    assert NO_QUIRKS.as_json() == {}
    for nonsense in (None, [], "x", {"most_tokens": -1, "renamed": 3, "dropped": ["model", 7], "thinking_room": "x"}):
        assert Quirks.from_json(nonsense) == NO_QUIRKS


def test_an_operator_reads_them_in_one_line() -> None:
    quirks = Quirks(frozenset({"temperature"}), {"max_tokens": "max_completion_tokens"}, thinking_room=9_000)
    expected = "max_completion_tokens instead of max_tokens; no temperature; thinks: 9,000 tokens of room"
    assert quirks.in_words() == expected


def test_room_for_thoughts_grows_with_what_they_took_and_has_an_end() -> None:
    quirks = NO_QUIRKS.with_thoughts(100, limit_spent=False, limit=500)
    assert quirks.thinking_room == FIRST_ROOM
    assert quirks.with_thoughts(20_000, limit_spent=False, limit=500).thinking_room == 30_000
    assert quirks.with_thoughts(0, limit_spent=True, limit=90_000).thinking_room == MOST_ROOM


@pytest.mark.parametrize(
    "model", ["o3-mini", "openai/gpt-5", "deepseek-ai/DeepSeek-R1", "qwq-32b", "Qwen3-4B-Thinking"]
)
def test_models_that_are_known_to_think_have_room_from_the_first_call(model: str) -> None:
    assert EndpointSpec("e", model).limit_for(100, 500) == 500 + FIRST_ROOM


@pytest.mark.parametrize("model", ["gpt-4o-mini", "llama-3.3-70b", "Qwen2.5-Coder", "mistral-small", ""])
def test_others_have_none_until_they_show_thoughts(model: str) -> None:
    assert first_guess(model) == NO_QUIRKS
    assert EndpointSpec("e", model).limit_for(100, 500) == 500
    assert EndpointSpec("e", model, thinking_tokens=3_000).limit_for(100, 500) == 3_500


def test_room_for_thoughts_stays_within_what_the_model_holds() -> None:
    small = EndpointSpec("e", "o1", context_tokens=4_000)
    assert small.limit_for(1_000, 500) == 3_000
    assert small.limit_for(3_800, 500) == 500


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ("max_tokens must be at most 32,768", 32_768),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8_192),
        ("<400> Range of max_tokens should be [1, 8192]", 8_192),
        ("max_tokens: 40000 > 8192, which is the maximum allowed number of output tokens for m", 8_192),
        ("`max_tokens` must be less than or equal to `32768`, the maximum value for `max_tokens`", 32_768),
        ("max_tokens is too large: 40000. This model supports at most 16384 completion tokens", 16_384),
    ],
)
def test_the_largest_limit_is_read_whole(words: str, most: int) -> None:
    quirks = learnt(NO_QUIRKS, None, words, {**SENT, "max_tokens": 40_000})
    assert quirks == Quirks(most_tokens=most)


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 8700 tokens (2000 in the messages, "
        "6700 in the completion).",
        "This model's maximum context length is 8,192 tokens. However, your request has 2,000 input tokens.",
        "You passed 2000 input tokens and requested 6700 output tokens. However, the model's context length is only "
        "8192 tokens, resulting in a maximum input length of 1492 tokens.",
    ],
)
def test_what_is_left_of_the_context_is_asked_for(words: str) -> None:
    lesson = lesson_of(NO_QUIRKS, 400, None, words, {**SENT, "max_tokens": 6_700})
    assert lesson is not None
    assert (lesson.quirks, lesson.limit) == (Quirks(context_tokens=8_192), 6_192)


def test_a_question_that_fills_the_context_itself_is_too_long() -> None:
    words = (
        "This model's maximum context length is 8192 tokens. However, you requested 8700 tokens (8100 in the messages"
    )
    assert lesson_of(NO_QUIRKS, 400, None, words, {**SENT, "max_tokens": 600}) is None


def test_a_fault_teaches_nothing_of_parameters() -> None:
    assert learnt(NO_QUIRKS, None, "unknown error while reading temperature", SENT, status=500) is None
    assert learnt(NO_QUIRKS, None, "unknown error while reading temperature", SENT) is not None


def test_words_about_a_long_system_message_are_not_about_its_role() -> None:
    words = "The system prompt and the messages exceed the maximum context length; this is not supported"
    assert learnt(NO_QUIRKS, None, words, SENT) is None


def test_what_was_learnt_of_another_server_is_forgotten() -> None:
    kept = Quirks(frozenset({"seed"}), server="here").as_json()
    assert Quirks.from_json(kept, "here").dropped == {"seed"}
    assert Quirks.from_json(kept, "there") == NO_QUIRKS
    assert Quirks.from_json({"dropped": ["seed"]}, "here").dropped == {"seed"}, "kept before servers were marked"


def test_an_endpoint_holds_no_more_than_its_server_said() -> None:
    spec = EndpointSpec("e", "o1", context_tokens=32_000).with_quirks(Quirks(context_tokens=4_000))
    assert spec.limit_for(1_000, 500) == 3_000
