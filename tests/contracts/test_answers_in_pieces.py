"""The same comes of an answer however its bytes are cut, and whatever else the form of events lets a server send."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from functools import cache
from random import Random
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_app.model_clients.client import Message
from tests.corpora.answer_cases import AnswerCase, cases
from tests.corpora.answer_clients import CLIENTS, heard

MESSAGES = [Message("user", "Refine this.")]
CASES = [case for case in cases("client") if len(case.response) == 1 and case.behaviours[0].raw is not None]
CHANCE = st.randoms(use_true_random=False)
NOISE = (": keep-alive", ":", "id: 7", "id", "retry: 3000", "x-trace: 7f", "retry:")


class Replayed(httpx2.AsyncBaseTransport, httpx2.AsyncByteStream):
    """A connection whose bytes come in these parts."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


def lines_of(raw: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", raw.removeprefix("\ufeff"))


def is_events(raw: str) -> bool:
    return any(line.startswith(("data", "event")) and "{" in line for line in lines_of(raw)) or "\ndata" in raw


def unchanged(raw: str, chance: Random) -> str:
    return raw


def with_crlf(raw: str, chance: Random) -> str:
    return "\r\n".join(lines_of(raw))


def with_returns(raw: str, chance: Random) -> str:
    return "\r".join(lines_of(raw))


def with_mixed_ends(raw: str, chance: Random) -> str:
    first, *others = lines_of(raw)
    ends = ["\r\n", "\n"]  # after a return alone a line feed would be the second half of its pair
    return first + "".join(chance.choice(ends) + line for line in others)


def with_a_mark(raw: str, chance: Random) -> str:
    return "\ufeff" + raw.removeprefix("\ufeff")


def with_noise(raw: str, chance: Random) -> str:
    lines = []
    for line in lines_of(raw)[:-1]:
        lines += [*chance.sample(NOISE, chance.randrange(3)), line]
    return "\n".join([*lines, lines_of(raw)[-1]])


def with_blank_lines(raw: str, chance: Random) -> str:
    return "".join("\n" * chance.randrange(1, 4) if not line else f"{line}\n" for line in lines_of(raw))


def without_spaces(raw: str, chance: Random) -> str:
    return "\n".join(re.sub(r"^(data|event): (?! )", r"\1:", line) for line in lines_of(raw))


def with_fields_in_another_order(raw: str, chance: Random) -> str:
    """The lines of data of an event stay in their order; all others go anywhere within it."""
    events = []
    for event in "\n".join(lines_of(raw)).split("\n\n"):
        lines = event.split("\n")
        data = [line for line in lines if line.startswith("data")]
        for line in [*(line for line in lines if not line.startswith("data")), *chance.sample(NOISE, 2)]:
            data.insert(chance.randrange(len(data) + 1) if line else len(data), line)
        events.append("\n".join(data))
    return "\n\n".join(events)


def with_names(raw: str, chance: Random) -> str:
    """Events that have no name get one that says nothing."""
    events = "\n".join(lines_of(raw)).split("\n\n")
    named = [event if "event:" in event or not event.strip() else f"event: delta\n{event}" for event in events]
    return "\n\n".join(named)


ANY: tuple[Callable[[str, Random], str], ...] = (unchanged, with_crlf, with_returns, with_mixed_ends, with_a_mark)
OF_EVENTS = (with_noise, with_blank_lines, without_spaces, with_fields_in_another_order, with_names)


def cut(raw: bytes, chance: Random) -> list[bytes]:
    """In parts of 1 to 7 bytes, of any length, or with empty ones between."""
    most = chance.choice([1, 7, 7, 200, len(raw) + 1])
    parts, at = [], 0
    while at < len(raw):
        size = chance.randrange(1, most + 1)
        parts += [raw[at : at + size], *([b""] if chance.random() < 0.1 else [])]
        at += size
    return parts


@cache
def heard_whole(name: str, raw: str) -> dict[str, Any]:
    return hear(name, [raw.encode()])


def hear(name: str, parts: list[bytes]) -> dict[str, Any]:
    client = CLIENTS[name]("http://model.example/v1", transport=lambda: Replayed(parts))
    return asyncio.run(heard(client, MESSAGES))


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=12, deadline=None)
@given(chance=CHANCE)
def test_the_same_comes_of_an_answer_in_any_pieces(case: AnswerCase, name: str, chance: Random) -> None:
    raw = case.response[0]["raw"]
    change = chance.choice([*ANY, *OF_EVENTS] if is_events(raw) else ANY)
    expected = heard_whole(name, raw)
    assert hear(name, cut(change(raw, chance).encode(), chance)) == expected, change.__name__


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=8, deadline=None)
@given(chance=CHANCE)
def test_an_answer_that_ends_too_early_is_never_taken_for_a_whole_one(
    case: AnswerCase, name: str, chance: Random
) -> None:
    raw = case.response[0]["raw"]
    expected = heard_whole(name, raw)
    found = hear(name, [raw.encode()[: chance.randrange(len(raw))]])
    assert "error" in found or found["text"] == expected["text"], found
