from decimal import Decimal
from typing import Any

import pytest

from graphs_app.models import node_run_id
from refine_app.errors import EffectRefused
from refine_app.models import ModelCall
from refine_app.selectors import model_calls_of
from refine_app.services.ledger import record_model_call
from tests.refine_app.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


CALL = {
    "endpoint": "small",
    "model": "some/model",
    "attempt": 2,
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "tokens_estimated": True,
    "cost_usd": "0.000123",
    "latency_ms": 12.5,
    "outcome": "completed",
}


def test_a_call_is_kept_with_whose_it_was_and_what_it_cost(cast: Cast) -> None:
    run = cast.asked(user=cast.ben).run
    assert record_model_call(run, node_run_id(run.pk, 3), CALL) == []
    call = ModelCall.objects.get()
    assert (call.run, call.user, call.session, call.node_run) == (run, cast.ben, cast.session, node_run_id(run.pk, 3))
    assert (call.cost_usd, call.prompt_tokens, call.attempt) == (Decimal("0.000123"), 100, 2)


def test_an_unknown_price_is_null_and_not_nothing(cast: Cast) -> None:
    run = cast.asked().run
    record_model_call(run, node_run_id(run.pk, 1), {"endpoint": "builtin", "cost_usd": None})
    record_model_call(run, node_run_id(run.pk, 2), {"endpoint": "builtin", "cost_usd": 0})
    assert list(ModelCall.objects.order_by("id").values_list("cost_usd", flat=True)) == [None, Decimal(0)]


@pytest.mark.parametrize("wrong", [{"endpoint": ""}, {"cost_usd": "much"}, {"cost_usd": -1}, {"prompt_tokens": -1}])
def test_what_cannot_be_meant_is_refused(cast: Cast, wrong: dict[str, Any]) -> None:
    run = cast.asked().run
    with pytest.raises(EffectRefused):
        record_model_call(run, node_run_id(run.pk, 1), CALL | wrong)


def test_people_see_their_own_calls_by_session_and_run(cast: Cast) -> None:
    for user in (cast.ana, cast.ben):
        run = cast.asked(user=user).run
        record_model_call(run, node_run_id(run.pk, 1), CALL)
    assert [call.user for call in model_calls_of(user=cast.ben, session_id=cast.session.pk)] == [cast.ben]
    assert model_calls_of(user=cast.ana, run_id=run.pk).count() == 0
