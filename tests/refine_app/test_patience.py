"""What a failing endpoint asks for is waited for: its Retry-After, and its breaker's rest after failures in a row."""

from itertools import pairwise

import pytest

from graphs_app.models import NodeAttempt, Run, RunStatus
from graphs_app.services import execution
from refine_app.model_clients import breakers
from refine_app.models import EndpointState, ModelCall
from tests.graphs_app.cast import wait_until
from tests.model_server import Behaviour, ModelServer
from tests.refine_app.cast import make_cast
from tests.refine_app.test_money import CODE, ask, model, one_model, read, work

__all__ = ("model", "one_model")

pytestmark = pytest.mark.django_db(transaction=True)


def gaps() -> list[float]:
    """Seconds between calls, by their own rows."""
    moments = list(ModelCall.objects.order_by("pk").values_list("created_at", flat=True))
    return [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]


def test_a_failing_endpoints_retry_after_is_waited_for_before_each_attempt(model: ModelServer) -> None:
    model.then(*[Behaviour(status=500, headers={"Retry-After": "2"}, body="down")] * 2)
    request = ask(make_cast(CODE))
    run = work(request)
    assert run.status == RunStatus.COMPLETED
    assert [call.attempt for call in ModelCall.objects.order_by("pk")] == [1, 2, 3]
    assert all(gap >= 2 for gap in gaps())
    rows = read(f"/v1/runs/{run.pk}/node-runs", request.user).json()["results"]
    [failed] = [row["earlier_attempts"] for row in rows if row["earlier_attempts"]]
    assert ["answered 500" in one["error"]["message"] for one in failed] == [True, True]
    assert NodeAttempt.objects.filter(run=run).count() == 2


@pytest.mark.parametrize("status", [429, 503])
def test_what_one_run_was_told_to_wait_is_waited_for_by_all(model: ModelServer, status: int) -> None:
    model.then(Behaviour(status=status, headers={"Retry-After": "2"}, body="later"))
    cast = make_cast(CODE)
    first, second = ask(cast), ask(cast)
    going_on = execution.execute(run_id=first.run_id)
    assert going_on is not None
    wait_until(lambda: EndpointState.objects.filter(rests_until__isnull=False).exists(), within_s=20)
    run = work(second)
    going_on.result(timeout=60)
    assert {run.status, Run.objects.get(pk=first.run_id).status} == {RunStatus.COMPLETED}
    refused, *others = ModelCall.objects.order_by("pk")
    assert [call.outcome for call in others] == ["completed"] * 2
    assert all((call.created_at - refused.created_at).total_seconds() >= 2 for call in others)
    assert {call.run_id for call in others} == {first.run_id, second.run_id}
    assert next(call.attempt for call in others if call.run_id == second.run_id) == 1


def test_a_burst_of_failures_is_followed_by_the_breakers_rest(
    model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers, "COOLDOWN_S", 3.0)
    model.then(*[Behaviour(status=500, body="down")] * 2)
    EndpointState.objects.create(slug="mine", failures=breakers.FAILURES_TO_OPEN - 1)
    run = work(ask(make_cast(CODE)))
    assert run.status == RunStatus.COMPLETED
    assert [call.attempt for call in ModelCall.objects.order_by("pk")] == [1, 2, 3]
    assert all(gap >= 2.9 for gap in gaps())
