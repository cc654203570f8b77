"""What surrounds a run: secrets by name only, and a budget that holds."""

from decimal import Decimal
from typing import Any

import pytest

from graphs_app.engine.checkpoint import Usage
from graphs_app.engine.errors import SecretMissing
from graphs_app.host import BudgetExceeded, HostOf
from graphs_app.models import Run


def host_of(run: Run) -> HostOf:
    nothing: Any = None
    return HostOf(nothing, run, nothing, depth=0, control=nothing, root=run.pk, consumption=nothing)


def test_a_secret_is_found_by_its_name_under_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOL_SECRET_WEATHER", "s3cret")
    assert host_of(Run()).secret("weather") == "s3cret"


@pytest.mark.parametrize("name", ["SECRET_KEY", "key", "", "../x", "PATH", "weather "])
def test_what_the_operator_did_not_put_there_cannot_be_named(name: str) -> None:
    with pytest.raises(SecretMissing):
        host_of(Run()).secret(name)


def test_a_run_over_its_budget_spends_no_more() -> None:
    host = host_of(Run(budget_usd=Decimal("0.10"), cost_usd=Decimal("0.05")))
    host.spend(0, Usage(cost_usd=Decimal("0.05")))
    host.spend(0, Usage(cost_usd=None))
    with pytest.raises(BudgetExceeded, match="larger budget_usd"):
        host.spend(0, Usage(cost_usd=Decimal("0.01")))
