"""What a person may do at the end of a budget: they are asked, and their answer says what is needed from there on."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from graphs_app.engine.registry import ToolContext
from refine_app.model_clients.desk import Caller, Desk
from refine_app.model_clients.errors import BudgetExhausted
from refine_app.routing.endpoints import Needs

CHOICES = {
    "raise": "raise: go on from here with a larger budget",
    "again": "again: go on from here, now that the budget was raised",
    "cheaper": "cheaper: go on with a model that costs no more than is left",
    "stop": "stop: end with what there is",
}
"""What a person may do at the end of a budget, in words."""


async def ask_a_person(context: ToolContext, exhausted: BudgetExhausted) -> Mapping[str, Any]:
    """Pauses the run; the node begins anew when there is an answer, or when nobody gave one in time: then it stops.

    Raises the same where the run is to end by itself.
    """
    choices = ["raise", "cheaper", "stop"] if exhausted.budget == "run" else ["again", "cheaper", "stop"]
    if context.attempt == 1:
        context.emit(
            "budget.exceeded",
            {
                "node_run": str(context.node_run_id),
                "budget": exhausted.budget,
                "limit_usd": exhausted.limit_usd,
                "left_usd": exhausted.left_usd,
                "needed_usd": exhausted.needed_usd,
            },
        )
    if not exhausted.asks_for_s:
        raise exhausted
    meanings = ", ".join(CHOICES[choice] for choice in choices)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "choice": {"enum": choices, "title": "What now?", "description": meanings},
            "budget_usd": {"type": "number", "exclusiveMinimum": 0, "maximum": 100_000, "title": "New budget in $"},
        },
        "required": ["choice"],
        "additionalProperties": False,
    }
    if exhausted.budget != "run":
        del schema["properties"]["budget_usd"]
    answer = await context.ask(
        str(exhausted), schema=schema, default={"choice": "stop"}, has_default=True, timeout_s=exhausted.asks_for_s
    )
    return answer if isinstance(answer, Mapping) else {"choice": str(answer)}


async def decided(
    desk: Desk, caller: Caller, decision: Mapping[str, Any], exhausted: BudgetExhausted, needs: Needs
) -> Needs:
    """What is needed of an endpoint now that a person has decided. Raises BudgetExhausted where they stop."""
    choice = decision.get("choice")
    if choice == "raise":
        try:
            amount = Decimal(str(decision.get("budget_usd")))
        except InvalidOperation:
            amount = Decimal(exhausted.limit_usd) * 2
        await desk.raise_budget(caller, amount)
        return replace(needs, budget_left=amount)
    if choice == "cheaper":
        return replace(needs, cheaper_than=Decimal(exhausted.left_usd))
    if choice == "again":
        return needs
    raise exhausted
