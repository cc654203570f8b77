"""The ledger before and after each call: budgets, breakers and limits that all workers share, and calls of the dead."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models import Q
from pytest_django import Settings

from graphs_app.models import Run, node_run_id
from graphs_app.streams import text_key
from refine_app.model_clients.breakers import COOLDOWN_S, FAILURES_TO_OPEN
from refine_app.model_clients.client import Message, TokenCount
from refine_app.model_clients.desk import Asked, Caller, Closed, Opened, Planned
from refine_app.model_clients.errors import BudgetExhausted, EndpointBusy, EndpointResting, RunStuck
from refine_app.model_clients.quirks import Quirks
from refine_app.models import Budget, Endpoint, EndpointState, ModelCall, ModelCallText
from refine_app.routing.endpoints import Needs
from refine_app.safety.redaction import MASK
from refine_app.services import budgets, calls, endpoints, stuck
from tests.refine_app.cast import NOON, Cast, make_cast

PRICE = Decimal(10)
"""Dollars for a million tokens: 100 tokens to ask and 900 to answer cost a cent with the margin not counted."""


@pytest.fixture
def cast(db: None, settings: Settings) -> Iterator[Cast]:
    settings.PRIVATE_ENDPOINTS_ALLOWED = True
    Endpoint.objects.all().delete()
    Endpoint.objects.create(slug="one", model="m", url="http://127.0.0.1:9/v1", input_usd=PRICE, output_usd=PRICE)
    cast = make_cast()
    yield cast
    cache.clear()


def run_of(cast: Cast, **more: Any) -> Run:
    return cast.asked(**more).run


def plan(run: Run, *, activation: int = 3, slug: str = "one", attempt: int = 1, said: str = "") -> Planned:
    spec = endpoints.find_endpoint(slug).spec(NOON)
    caller = Caller(run.pk, node_run_id(run.pk, activation), "rewrite", attempt, "refiner")
    asked = Asked(caller, Needs(100, 850), (Message("user", "Tidy it."),), input_hash=said or uuid4().hex)
    return Planned(asked, spec, "it is the only one")


def end(opened: Opened, outcome: str = "completed", *, slug: str = "one", tokens: int = 1000) -> Closed:
    spec = endpoints.find_endpoint(slug).spec(NOON)
    return Closed(
        opened.call_id, slug, outcome, TokenCount(100, tokens - 100, estimated=False), spec.cost_of(100, tokens - 100),
        latency_ms=50.0, first_words_ms=20.0, error="boom" if outcome != "completed" else "",
        is_fault=outcome == "endpoint_unavailable",
    )  # fmt: skip


def test_a_call_is_in_the_ledger_before_it_is_made_and_has_its_price_after(cast: Cast) -> None:
    run = run_of(cast)
    opened = calls.open_call(plan(run), NOON)
    call = ModelCall.objects.get()
    assert (call.outcome, call.cost_usd, call.reserved_usd) == ("started", None, Decimal("0.01"))
    assert (call.session_id, call.user_id, call.root_run, call.reason) == (
        run.session_id, run.user_id, run.pk, "it is the only one",
    )  # fmt: skip
    calls.close_call(end(opened), NOON)
    call.refresh_from_db()
    assert (call.outcome, call.cost_usd, call.reserved_usd, call.completion_tokens) == (
        "completed", Decimal("0.01"), None, 900,
    )  # fmt: skip


def test_a_budget_of_one_cent_lets_one_call_through_and_stops_the_next_before_it_is_made(cast: Cast) -> None:
    run = run_of(cast, budget_usd=Decimal("0.015"))
    calls.close_call(end(calls.open_call(plan(run), NOON)), NOON)
    with pytest.raises(BudgetExhausted) as refused:
        calls.open_call(plan(run, activation=5), NOON)
    assert (refused.value.budget, refused.value.left_usd) == ("run", "0.005")
    assert "Nothing was asked" in str(refused.value)
    assert ModelCall.objects.count() == 1
    budgets.raise_run_budget(run_id=run.pk, budget_usd=Decimal("0.03"))
    assert calls.open_call(plan(run, activation=5), NOON)


def test_what_is_reserved_counts_as_spent(cast: Cast) -> None:
    run = run_of(cast, budget_usd=Decimal("0.015"))
    calls.open_call(plan(run), NOON)
    with pytest.raises(BudgetExhausted):
        calls.open_call(plan(run, activation=4), NOON)


def test_a_part_of_a_run_spends_from_the_budget_of_the_whole(cast: Cast) -> None:
    whole = run_of(cast, budget_usd=Decimal("0.015"))
    part = run_of(cast, parent=None)
    Run.objects.filter(pk=part.pk).update(parent=whole)
    calls.open_call(plan(part), NOON)
    with pytest.raises(BudgetExhausted):
        calls.open_call(plan(whole), NOON)


@pytest.mark.parametrize("scope", ["session", "user", "site"])
def test_budgets_of_sessions_users_and_the_site_hold_over_many_runs(cast: Cast, scope: str) -> None:
    first, second = run_of(cast), run_of(cast)
    subject = {"session": first.session_id, "user": first.user_id, "site": None}[scope]
    Budget.objects.create(scope=scope, subject=subject, period="day", limit_usd=Decimal("0.015"))
    calls.open_call(plan(first), NOON)
    with pytest.raises(BudgetExhausted) as refused:
        calls.open_call(plan(second), NOON)
    assert refused.value.budget == scope
    assert calls.open_call(plan(second), NOON + timedelta(days=1))


def test_a_budget_of_ones_own_takes_the_place_of_the_one_for_everybody(cast: Cast) -> None:
    run = run_of(cast)
    Budget.objects.create(scope="user", period="day", limit_usd=Decimal("0.001"))
    with pytest.raises(BudgetExhausted):
        calls.open_call(plan(run), NOON)
    Budget.objects.create(scope="user", subject=run.user_id, period="day", limit_usd=1)
    assert calls.open_call(plan(run), NOON)


def test_what_has_no_known_price_is_not_called_where_a_budget_is_in_force(cast: Cast) -> None:
    Endpoint.objects.update(output_usd=None)
    run = run_of(cast, budget_usd=Decimal(5))
    with pytest.raises(BudgetExhausted, match="price is not known"):
        calls.open_call(plan(run), NOON)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_never_reserve_more_than_the_budget(transactional_db: None, settings: Settings) -> None:
    Endpoint.objects.update_or_create(
        slug="one", defaults={"model": "m", "url": "http://x/v1", "input_usd": PRICE, "output_usd": PRICE}
    )
    run = run_of(make_cast(), budget_usd=Decimal("0.035"))
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def open_one(at: int) -> None:
        start.wait(60)
        try:
            calls.open_call(plan(run, activation=at), NOON)
            outcomes.append("opened")
        except BudgetExhausted:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=open_one, args=(at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["opened"] * 3 + ["refused"] * 3


def test_five_failures_in_a_row_open_the_breaker_and_one_probe_may_close_it(cast: Cast) -> None:
    run = run_of(cast)
    for n in range(FAILURES_TO_OPEN):
        calls.close_call(end(calls.open_call(plan(run, activation=n), NOON), "endpoint_unavailable"), NOON)
    with pytest.raises(EndpointResting) as refused:
        calls.open_call(plan(run), NOON)
    assert refused.value.retry_after_s == COOLDOWN_S
    assert "boom" in str(refused.value)
    later = NOON + timedelta(seconds=COOLDOWN_S + 1)
    probe = calls.open_call(plan(run), later)
    with pytest.raises(EndpointResting):
        calls.open_call(plan(run), later)
    calls.close_call(end(probe), later)
    assert EndpointState.objects.get().failures == 0
    assert calls.open_call(plan(run), later)


def test_a_success_in_between_begins_the_count_anew(cast: Cast) -> None:
    run = run_of(cast)
    for n in range(2 * FAILURES_TO_OPEN):
        outcome = "completed" if n % FAILURES_TO_OPEN == 3 else "endpoint_unavailable"
        calls.close_call(end(calls.open_call(plan(run, activation=n), NOON), outcome), NOON)
    assert EndpointState.objects.get().opened_at is None


def test_a_failed_probe_opens_it_again(cast: Cast) -> None:
    run = run_of(cast)
    for n in range(FAILURES_TO_OPEN):
        calls.close_call(end(calls.open_call(plan(run, activation=n), NOON), "endpoint_unavailable"), NOON)
    later = NOON + timedelta(seconds=COOLDOWN_S + 1)
    calls.close_call(end(calls.open_call(plan(run), later), "endpoint_unavailable"), later)
    with pytest.raises(EndpointResting):
        calls.open_call(plan(run), later + timedelta(seconds=COOLDOWN_S - 1))


def test_refusals_that_are_ours_do_not_count_against_an_endpoint(cast: Cast) -> None:
    run = run_of(cast)
    for n in range(2 * FAILURES_TO_OPEN):
        calls.close_call(end(calls.open_call(plan(run, activation=n), NOON), "unauthorized"), NOON)
    assert not EndpointState.objects.exclude(failures=0).exists()


def test_an_operator_opens_and_closes_a_breaker(cast: Cast) -> None:
    cast.ana.is_staff = True
    run = run_of(cast)
    endpoints.set_breaker(user=cast.ana, slug="one", state="open")
    with pytest.raises(EndpointResting, match="an operator opened it"):
        calls.open_call(plan(run), NOON)
    endpoints.set_breaker(user=cast.ana, slug="one", state="auto")
    assert calls.open_call(plan(run), NOON)


@pytest.mark.parametrize(
    ("limit", "word"), [("max_concurrency", "under way"), ("requests_per_minute", "within a minute")]
)
def test_an_endpoint_takes_no_more_calls_than_it_may(cast: Cast, limit: str, word: str) -> None:
    Endpoint.objects.update(**{limit: 2})
    run = run_of(cast)
    first = calls.open_call(plan(run, activation=1), NOON)
    calls.open_call(plan(run, activation=2), NOON)
    with pytest.raises(EndpointBusy, match=word) as refused:
        calls.open_call(plan(run), NOON + timedelta(seconds=20))
    assert refused.value.retry_after_s is not None
    calls.close_call(end(first), NOON)
    later = NOON + timedelta(seconds=20 + refused.value.retry_after_s)
    assert calls.open_call(plan(run), later)


def test_an_endpoint_takes_no_more_tokens_a_minute_than_it_may(cast: Cast) -> None:
    Endpoint.objects.update(tokens_per_minute=1050)
    run = run_of(cast)
    calls.close_call(end(calls.open_call(plan(run, activation=1), NOON)), NOON)
    with pytest.raises(EndpointBusy, match="took 1000 tokens"):
        calls.open_call(plan(run), NOON)
    assert calls.open_call(plan(run), NOON + timedelta(seconds=61))


def test_a_dead_workers_call_is_closed_with_what_was_heard_and_told_to_the_run(cast: Cast) -> None:
    run = run_of(cast)
    lost = calls.open_call(plan(run), NOON)
    cache.set(text_key(node_run_id(run.pk, 3)), {"attempt": 1, "text": "x" * 36})
    Run.objects.filter(pk=run.pk).update(lease_epoch=2)
    again = calls.open_call(plan(run, attempt=2), NOON)
    (spent,) = again.unaccounted
    assert (spent.call_id, spent.prompt_tokens) == (lost.call_id, 100)
    assert 8 <= spent.completion_tokens <= 12
    row = ModelCall.objects.get(pk=lost.call_id)
    assert row.said.reply == "x" * 36
    assert (row.outcome, row.reserved_usd, row.tokens_estimated, row.discarded) == ("lost", None, True, 36)
    assert ModelCall.objects.get(pk=again.call_id).duplicate


def test_what_a_dead_workers_call_had_heard_is_paid_also_where_no_other_process_saw_the_text(cast: Cast) -> None:
    run = run_of(cast)
    lost = calls.open_call(plan(run), NOON)
    done = calls.open_call(plan(run, activation=4), NOON)
    calls.close_call(end(done), NOON)
    calls.hear({lost.call_id: calls.measured("x" * 36), done.call_id: calls.measured("late")})
    Run.objects.filter(pk=run.pk).update(lease_epoch=2)
    (spent,) = calls.open_call(plan(run, attempt=2), NOON).unaccounted
    row = ModelCall.objects.get(pk=lost.call_id)
    assert (row.outcome, row.discarded, row.completion_tokens) == ("lost", 36, spent.completion_tokens)
    assert 8 <= row.completion_tokens <= 12
    assert ModelCall.objects.get(pk=done.call_id).completion_tokens == 900


def test_an_answer_that_no_checkpoint_kept_is_paid_to_the_token_and_asked_again(cast: Cast) -> None:
    run = run_of(cast)
    calls.close_call(end(calls.open_call(plan(run, said="same"), NOON)), NOON)
    Run.objects.filter(pk=run.pk).update(lease_epoch=2)
    again = calls.open_call(plan(run, said="same"), NOON)
    assert [(one.prompt_tokens, one.completion_tokens) for one in again.unaccounted] == [(100, 900)]
    assert ModelCall.objects.get(pk=again.call_id).duplicate


def test_another_attempt_in_the_same_claim_is_no_duplicate(cast: Cast) -> None:
    run = run_of(cast)
    calls.close_call(end(calls.open_call(plan(run), NOON), "stream_broken"), NOON)
    again = calls.open_call(plan(run, attempt=2), NOON)
    assert list(again.unaccounted) == []
    assert not ModelCall.objects.get(pk=again.call_id).duplicate


def test_a_node_that_asks_the_very_same_again_and_again_is_stuck(cast: Cast) -> None:
    run = run_of(cast)
    for n in range(stuck.SAME_CALLS):
        calls.close_call(end(calls.open_call(plan(run, activation=n, said="same"), NOON)), NOON)
    with pytest.raises(RunStuck):
        calls.open_call(plan(run, activation=9, said="same"), NOON)
    assert calls.open_call(plan(run, activation=9, said="other"), NOON)


def test_items_of_one_map_that_ask_the_same_are_no_circle_and_rounds_of_sub_runs_are(cast: Cast) -> None:
    root = run_of(cast)

    def asked(key: str) -> None:
        """A sub-run's call that is made and answered."""
        part = Run.objects.create(
            parent=root, parent_key=key, session=root.session, user=root.user, graph_version=root.graph_version
        )
        calls.close_call(end(calls.open_call(plan(part, said="same"), NOON)), NOON)

    for item in range(5):
        asked(f"2:{item}")
    for activation in (4, 6):
        asked(f"{activation}:")
    with pytest.raises(RunStuck):
        asked("8:")


def test_a_loop_is_what_leads_to_a_node_and_is_led_to_by_it() -> None:
    edges = [("begin", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "end"), ("b", "aside")]
    assert stuck.loop_of("b", edges) == {"a", "b", "c"}
    assert stuck.loop_of("begin", edges) == {"begin"}


def test_what_a_dead_workers_call_reserved_is_free_again_when_its_run_is_over(cast: Cast) -> None:
    run = run_of(cast)
    calls.open_call(plan(run), NOON)
    later = NOON + timedelta(minutes=11)
    assert calls.settle_abandoned(later) == 0, "its run may still go on"
    Run.objects.filter(pk=run.pk).update(finished_at=NOON)
    assert calls.settle_abandoned(NOON) == 0, "its worker may be about to close it"
    assert calls.settle_abandoned(later) == 1
    call = ModelCall.objects.get()
    assert (call.outcome, call.reserved_usd, call.prompt_tokens, call.completion_tokens) == ("lost", None, 100, 0)
    assert budgets.spent_usd(Q(session=run.session_id)) == call.cost_usd


# What was said ------------------------------------------------------------------------------------


def test_what_was_said_is_kept_without_secrets_and_goes_with_its_run_while_the_ledger_stays(
    cast: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HF_TOKEN = "canary-in-settings"
    monkeypatch.setenv("MINE_API_KEY", "canary-in-environment")
    run = run_of(cast)
    planned = plan(run)
    said = "Tidy \0 canary-in-settings canary-in-environment ghp_" + "a" * 36
    opened = calls.open_call(replace(planned, asked=replace(planned.asked, messages=(Message("user", said),))), NOON)
    text = ModelCallText.objects.get(pk=opened.call_id)
    assert text.prompt == [{"role": "user", "content": f"Tidy \ufffd {MASK} {MASK} {MASK}"}]
    assert (text.reply, text.truncated) == ("", False)
    calls.close_call(replace(end(opened), reply="So be it, canary-in-settings."), NOON)
    text.refresh_from_db()
    assert (text.reply, text.truncated) == (f"So be it, {MASK}.", False)
    cast.session.delete()
    assert not ModelCallText.objects.exists()
    assert ModelCall.objects.get().prompt_tokens == 100


def test_no_more_of_a_prompt_or_a_reply_is_kept_than_has_room(cast: Cast) -> None:
    planned = plan(run_of(cast))
    long = tuple(Message("user", letter * 60_000) for letter in "abc")
    opened = calls.open_call(replace(planned, asked=replace(planned.asked, messages=long)), NOON)
    calls.close_call(replace(end(opened), reply="d" * 150_000), NOON)
    text = ModelCallText.objects.get()
    assert [len(one["content"]) for one in text.prompt] == [60_000, 40_000, 0]
    assert (len(text.reply), text.truncated) == (100_000, True)


def test_nothing_that_was_said_is_kept_where_the_operator_wants_so(cast: Cast, settings: Settings) -> None:
    settings.KEEP_MODEL_TEXTS = False
    calls.close_call(replace(end(calls.open_call(plan(run_of(cast)), NOON)), reply="words"), NOON)
    assert not ModelCallText.objects.exists()


def test_what_a_call_learns_of_its_server_holds_for_the_next_one(cast: Cast) -> None:
    run = run_of(cast)
    opened = calls.open_call(plan(run), NOON)
    learnt = Quirks(frozenset({"temperature"}), thinking_room=9_000)
    calls.close_call(replace(end(opened), learnt=learnt), NOON)
    (spec,) = [one for one in endpoints.callable_specs(NOON) if one.slug == "one"]
    assert spec.quirks == learnt
    assert endpoints.find_endpoint("one").quirks == learnt
    calls.close_call(end(calls.open_call(plan(run, activation=4), NOON)), NOON)
    assert endpoints.find_endpoint("one").quirks == learnt


def test_room_for_thoughts_is_reserved_with_the_answers(cast: Cast) -> None:
    endpoints.keep_quirks("one", Quirks(thinking_room=10_000))
    opened = calls.open_call(plan(run_of(cast)), NOON)
    reserved = ModelCall.objects.get(pk=opened.call_id).reserved_usd
    assert reserved == PRICE * (150 + 850 + 10_000) / 1_000_000
