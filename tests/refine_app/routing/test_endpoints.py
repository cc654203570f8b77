"""Which endpoint a call goes to, and why: by complexity, wish, budget, room, health and latency."""

from decimal import Decimal
from typing import Any

import pytest

from refine_app.model_clients.endpoints import EndpointSpec
from refine_app.model_clients.errors import ContextTooLong, EndpointUnavailable
from refine_app.routing.endpoints import Needs, complexity_of, rank


def spec(slug: str, tier: str = "balanced", price: int | None = 1, **more: Any) -> EndpointSpec:
    cost = None if price is None else Decimal(price)
    return EndpointSpec(slug=slug, model=slug, tier=tier, input_usd=cost, output_usd=cost, **more)


FAST, BALANCED, STRONG = spec("fast", "fast", 1), spec("balanced", "balanced", 5), spec("strong", "strong", 20)
ALL = (FAST, BALANCED, STRONG)


def order(*endpoints: EndpointSpec, **needs: Any) -> list[str]:
    asked = {"prompt_tokens": 1000, "max_tokens": 1000, **needs}
    return [choice.endpoint.slug for choice in rank(endpoints, Needs(**asked))]


@pytest.mark.parametrize(
    ("state", "complexity"),
    [
        ({"code": "x = 1\n"}, "low"),
        ({"code": "x = 1\n" * 100}, "medium"),
        ({"code": "x = 1\n", "complexity_report": {"max": 12}}, "medium"),
        ({"code": "x = 1\n", "complexity_report": {"max": 25}}, "high"),
        ({"code": "x = 1\n" * 700}, "high"),
        ({"code": "x = 1\n", "functions": [{}] * 70}, "high"),
        ({}, "low"),
    ],
)
def test_complexity_is_of_size_branches_and_parts(state: dict[str, Any], complexity: str) -> None:
    assert complexity_of(state)[0] == complexity


def test_the_complexity_asks_for_a_tier_and_others_stand_behind_it() -> None:
    assert order(*ALL, complexity="low")[0] == "fast"
    assert order(*ALL, complexity="medium")[0] == "balanced"
    assert order(*ALL, complexity="high") == ["strong", "balanced", "fast"]


def test_the_nodes_wish_counts_before_the_complexity() -> None:
    assert order(*ALL, complexity="low", tier="strong")[0] == "strong"
    assert order(*ALL, complexity="low", endpoint="strong")[0] == "strong"
    assert order(*ALL, complexity="low", endpoint="gone")[0] == "fast"


def test_what_the_environment_names_is_the_default_where_no_tier_is_wished() -> None:
    default = spec("environment", "balanced", None, is_default=True)
    assert order(*ALL, default, complexity="medium")[0] == "environment"
    assert order(*ALL, default, complexity="low")[0] == "environment"
    assert order(*ALL, default, tier="strong")[0] == "strong"


def test_a_hard_task_goes_past_the_default_to_a_strong_endpoint_where_there_is_one() -> None:
    default = spec("environment", "balanced", None, is_default=True)
    assert order(*ALL, default, complexity="high")[:2] == ["strong", "environment"]
    assert order(FAST, BALANCED, default, complexity="high")[0] == "environment"
    strong_default = spec("environment", "strong", None, is_default=True)
    assert order(*ALL, strong_default, complexity="high")[0] == "environment"


def test_what_settings_choose_for_a_role_is_for_that_role_alone() -> None:
    for_code = spec("fast", "fast", None, role="code")
    assert order(*ALL, for_code, complexity="high", role="code") == ["fast", "strong", "balanced"]
    assert order(*ALL, for_code, tier="strong", role="code")[0] == "fast"
    assert order(*ALL, for_code, endpoint="balanced", role="code")[0] == "balanced"
    assert order(*ALL, for_code, complexity="high", role="peer") == ["strong", "balanced", "fast"]


def test_what_the_text_does_not_fit_is_left_out() -> None:
    small = spec("small", "fast", context_tokens=1500)
    assert order(small, STRONG, complexity="low") == ["strong"]
    with pytest.raises(ContextTooLong, match="holds 1,500"):
        order(small)


def test_what_the_budget_leaves_decides_between_dear_and_cheap() -> None:
    assert order(*ALL, complexity="high", budget_left=Decimal("0.012"))[0] == "balanced"
    assert order(*ALL, complexity="high", budget_left=Decimal("0.005"))[0] == "fast"
    assert order(*ALL, complexity="high", cheaper_than=Decimal("0.005")) == ["fast"]
    with pytest.raises(EndpointUnavailable, match="prices of the endpoints are not known"):
        order(spec("unpriced", price=None), budget_left=Decimal(1))


def test_what_fails_rests_or_failed_this_step_stands_behind() -> None:
    resting = spec("resting", "fast", breaker="open")
    shaky = spec("shaky", "fast", failures=3)
    assert order(resting, shaky, FAST, complexity="low") == ["fast", "shaky", "resting"]
    assert order(FAST, STRONG, complexity="low", avoid=frozenset({"fast"}))[0] == "strong"


def test_the_quicker_of_two_alike_goes_first() -> None:
    slow, quick = spec("slow", latency_ms=9000.0), spec("quick", latency_ms=200.0)
    assert order(slow, quick) == ["quick", "slow"]


def test_the_reason_is_told_in_words() -> None:
    needs = Needs(1000, 1000, complexity="high", why_complexity="700 lines")
    [first, *_] = rank([spec("strong", "strong", 20, failures=2, latency_ms=840.0)], needs)
    assert first.reason == (
        "high complexity (700 lines) asks for tier strong, it is strong; 2 failures in a row; "
        "840 ms to the first words; at most $0.04000000"
    )


def test_without_endpoints_that_is_said() -> None:
    with pytest.raises(EndpointUnavailable, match="No model endpoint is configured"):
        order()
