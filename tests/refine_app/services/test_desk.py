"""Questions that wait for an endpoint which rests: they go on as soon as it answers, and use up no attempt."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from graphs_app.engine.clock import SystemClock
from graphs_app.models import Run, node_run_id
from refine_app.model_clients import desk as desks
from refine_app.model_clients.breakers import COOLDOWN_S, FAILURES_TO_OPEN
from refine_app.model_clients.client import Message
from refine_app.model_clients.errors import EndpointResting, ModelError
from refine_app.models import Endpoint, EndpointState
from refine_app.services.desk import DatabaseDesk
from refine_app.tools.asking import Question, ask_model
from tests.graphs_app.cast import wait_until
from tests.model_server import Behaviour, ModelServer
from tests.refine_app.cast import Cast, make_cast


@pytest.fixture
def cast_of_people(transactional_db: None, settings: Settings) -> Iterator[Cast]:
    settings.PRIVATE_ENDPOINTS_ALLOWED = True
    Endpoint.objects.all().delete()
    before = desks.use(DatabaseDesk())
    yield make_cast()
    desks.use(before)
    cache.clear()


def context_of(run: Run) -> Any:
    return SimpleNamespace(
        run_id=run.pk, node_run_id=node_run_id(run.pk, 1), node_id="answer", attempt=1, config={}, metadata={},
        dry_run=False, clock=SystemClock(), rested_s=0.0, waits=lambda *_: nullcontext(), spend=lambda usage: None,
        effect=lambda *_, **__: None, hold=lambda *_, **__: None, emit=lambda *_, **__: None,
    )  # fmt: skip


def question() -> Question:
    return Question((Message("user", f"What is {uuid4().hex}?"),), max_tokens=50)


def endpoint(server: ModelServer) -> None:
    Endpoint.objects.create(slug="one", model="m", url=server.url)


def rests(*, for_s: float, probe_s: float = -1.0) -> None:
    """Its breaker is open for so long yet; a probe of some other worker may be under way for longer."""
    now = timezone.now()
    EndpointState.objects.create(
        slug="one",
        failures=FAILURES_TO_OPEN,
        opened_at=now - timedelta(seconds=COOLDOWN_S - for_s),
        probe_until=now + timedelta(seconds=probe_s) if probe_s > 0 else None,
    )


def test_all_who_wait_for_an_open_breaker_go_on_when_its_probe_succeeds(cast_of_people: Cast) -> None:
    with ModelServer(default=Behaviour(answer="ready")) as server:
        endpoint(server)
        rests(for_s=0.5)
        runs = [cast_of_people.asked().run for _ in range(3)]

        async def all_ask() -> list[str]:
            asked = [ask_model(cast(Any, context_of(run)), question()) for run in runs]
            return [reply.text for reply in await asyncio.wait_for(asyncio.gather(*asked), 25)]

        # A probe's place is held for thirty seconds, which nobody may have to wait for.
        assert asyncio.run(all_ask()) == ["ready"] * 3
    assert EndpointState.objects.get().opened_at is None


def test_who_waits_goes_on_at_a_probes_first_words_and_not_at_its_last(cast_of_people: Cast) -> None:
    stalls = Behaviour(answer="some words and no end", chunk=4, stall_after=2)
    with ModelServer(stalls, default=Behaviour(answer="ready")) as server:
        endpoint(server)
        rests(for_s=0.2)
        runs = [cast_of_people.asked().run for _ in range(2)]

        async def probe_and_wait() -> str:
            probe = asyncio.ensure_future(ask_model(cast(Any, context_of(runs[0])), question()))
            await asyncio.to_thread(wait_until, lambda: bool(server.requests))
            try:
                reply = await asyncio.wait_for(ask_model(cast(Any, context_of(runs[1])), question()), 15)
            finally:
                probe.cancel()
                await asyncio.gather(probe, return_exceptions=True)
            return reply.text

        assert asyncio.run(probe_and_wait()) == "ready"


def test_a_worker_hears_of_a_probe_that_another_workers_success_ended(cast_of_people: Cast) -> None:
    with ModelServer(default=Behaviour(answer="ready")) as server:
        endpoint(server)
        rests(for_s=0.0, probe_s=3600)
        run = cast_of_people.asked().run

        async def ask() -> str:
            waiting = asyncio.ensure_future(ask_model(cast(Any, context_of(run)), question()))
            done, _ = await asyncio.wait({waiting}, timeout=0.5)
            assert not done
            closed = EndpointState.objects.filter(slug="one")
            await asyncio.to_thread(closed.update, failures=0, opened_at=None, probe_until=None)
            return (await asyncio.wait_for(waiting, 20)).text

        assert asyncio.run(ask()) == "ready"


def test_nobody_waits_for_longer_than_the_setting_says(cast_of_people: Cast, settings: Settings) -> None:
    settings.MODEL_QUEUE_S = 0.2
    with ModelServer(default=Behaviour(answer="ready")) as server:
        endpoint(server)
        rests(for_s=3600)
        run = cast_of_people.asked().run
        with pytest.raises(EndpointResting) as refused:
            asyncio.run(asyncio.wait_for(ask_model(cast(Any, context_of(run)), question()), 20))
    assert isinstance(refused.value, ModelError)
    assert refused.value.retry_after_s
