"""What every desk has to do for an endpoint that asks not to be called for a while (Retry-After): nobody calls it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pytest_django import Settings

from graphs_app.models import node_run_id
from refine_app.model_clients.client import TokenCount
from refine_app.model_clients.desk import Asked, Begun, Caller, Closed, Desk, StaticDesk
from refine_app.model_clients.endpoints import EndpointSpec
from refine_app.model_clients.errors import EndpointResting
from refine_app.models import Endpoint
from refine_app.routing.endpoints import Needs
from refine_app.services.desk import DatabaseDesk
from tests.refine_app.cast import make_cast

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Clock:
    now: float = 1_900_000_000.0


@dataclass
class Stage:
    desk: Desk
    clock: Clock
    caller: Callable[[], Caller]

    def begin(self) -> Begun:
        """By another node run each time."""
        needs = Needs(prompt_tokens=10, max_tokens=10)
        return asyncio.run(self._begin(Asked(self.caller(), needs, input_hash=uuid4().hex)))

    async def _begin(self, asked: Asked) -> Begun:
        return await self.desk.begin(asked)

    def close(self, begun: Begun, outcome: str, *, rest_s: float = 0.0, is_fault: bool = False) -> None:
        closed = Closed(
            call_id=begun.opened.call_id, endpoint=begun.planned.endpoint.slug, outcome=outcome,
            tokens=TokenCount(10, 0, estimated=True), cost_usd=None, latency_ms=1.0, first_words_ms=None,
            error="" if outcome == "completed" else "'one' answered 429: later", is_fault=is_fault, rest_s=rest_s,
        )  # fmt: skip
        asyncio.run(self._close(closed))

    async def _close(self, closed: Closed) -> None:
        await self.desk.close(closed)

    def refusal(self) -> EndpointResting:
        with pytest.raises(EndpointResting) as refused:
            self.begin()
        return refused.value


Make = Callable[..., Stage]


@pytest.fixture(params=["static", "database"])
def stage_of(request: pytest.FixtureRequest, settings: Settings) -> Make:
    def make(*slugs: str) -> Stage:
        clock = Clock()
        if request.param == "static":
            specs = [EndpointSpec(slug=slug, model="m", url="http://127.0.0.1:9/v1") for slug in slugs]
            return Stage(StaticDesk(specs, now=lambda: clock.now), clock, lambda: Caller(uuid4(), uuid4(), "answer", 1))
        settings.MODEL_ENDPOINT_URL = settings.HF_TOKEN = ""
        Endpoint.objects.all().delete()
        for slug in slugs:
            Endpoint.objects.create(slug=slug, model="m", url="http://127.0.0.1:9/v1")
        run = make_cast().asked().run
        numbers = iter(range(1, 100))
        desk = DatabaseDesk(now=lambda: datetime.fromtimestamp(clock.now, UTC))
        return Stage(desk, clock, lambda: Caller(run.pk, node_run_id(run.pk, next(numbers)), "answer", 1))

    return make


def test_what_one_call_was_told_all_keep_to_until_the_time_is_over(stage_of: Make) -> None:
    stage = stage_of("one")
    stage.close(stage.begin(), "rate_limited", rest_s=29.0)
    refused = stage.refusal()
    assert refused.retry_after_s == pytest.approx(29.0)
    assert (refused.retryable, refused.endpoints) == (True, ("one",))
    assert "another 29 s, as it has asked" in str(refused)
    stage.clock.now += 28.5
    assert stage.refusal().retry_after_s == pytest.approx(0.5)
    stage.clock.now += 1.0
    stage.begin()


def test_another_endpoint_is_called_meanwhile(stage_of: Make) -> None:
    stage = stage_of("one", "two")
    first = stage.begin()
    stage.close(first, "rate_limited", rest_s=29.0)
    assert first.planned.endpoint.slug == "one"
    assert [stage.begin().planned.endpoint.slug for _ in range(2)] == ["two", "two"]
    stage.clock.now += 30
    assert stage.begin().planned.endpoint.slug == "one"


def test_the_longest_time_that_was_asked_for_holds(stage_of: Make) -> None:
    stage = stage_of("one")
    several = [stage.begin() for _ in range(3)]
    for begun, rest_s in zip(several, (5.0, 29.0, 2.0), strict=True):
        stage.close(begun, "rate_limited", rest_s=rest_s)
    assert stage.refusal().retry_after_s == pytest.approx(29.0)


def test_an_answer_that_was_under_way_does_not_end_it(stage_of: Make) -> None:
    stage = stage_of("one")
    answered, refused = stage.begin(), stage.begin()
    stage.close(refused, "rate_limited", rest_s=29.0)
    stage.close(answered, "completed")
    stage.refusal()


@pytest.mark.parametrize("is_fault", [True, False])
def test_only_what_tells_of_its_health_is_a_failure(stage_of: Make, is_fault: bool) -> None:
    stage = stage_of("one")
    stage.close(stage.begin(), "rate_limited", rest_s=2.0, is_fault=is_fault)
    stage.clock.now += 3
    endpoint = stage.begin().planned.endpoint
    assert (endpoint.breaker, endpoint.failures) == ("closed", int(is_fault))
