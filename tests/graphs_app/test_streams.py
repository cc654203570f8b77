"""The words of a node while it speaks: kept for those who come later, also when the speaker falls silent."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from uuid import UUID

import pytest
from django.core.cache import cache

from graphs_app.models import Run, node_run_id
from graphs_app.streams import TextStreams, text_key
from tests.graphs_app.cast import wait_until

RUN = Run(pk=UUID("01890000-0000-7000-8000-0000000000aa"))


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def kept(activation: int, text: str) -> None:
    """Returns once the cache has that text of the node run."""
    key = text_key(node_run_id(RUN.pk, activation))
    await asyncio.to_thread(wait_until, lambda: cache.get(key) == {"attempt": 1, "text": text})


@pytest.mark.once
async def test_the_last_words_before_a_silence_are_kept_too(executor: Executor) -> None:
    streams = TextStreams(asyncio.get_running_loop(), executor, RUN)
    streams.say(1, "write", 1, 0, "one ")
    await kept(1, "one ")
    streams.say(1, "write", 1, 4, "two ")  # too soon after the first to be kept at once, and nothing comes after it
    streams.say(2, "other", 1, 0, "meanwhile")
    await kept(2, "meanwhile")
    await kept(1, "one two ")
    streams.close()
