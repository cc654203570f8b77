"""The tools of the graph intent: what a request asks for, and giving it to the graph that does that."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.model_clients.errors import BudgetExhausted, ModelError
from refine_app.prompts.refine import describe_history
from refine_app.routing import MEANINGS, WITHOUT_TEXT, choose_intent
from refine_app.tools.asking import has_model
from refine_app.tools.errors import InvalidOutput
from refine_app.tools.replies import ask_for_data
from sessions_app.plurals import counted

logger = logging.getLogger(__name__)

MIN_CONFIDENCE = 0.5


async def choose_what_to_do(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Asks a model where the rules find it open; the rules decide when there is none, or it does not know either."""
    code, language = str(state.get("code") or ""), str(state.get("language") or "")
    instruction = str(state["instruction"])
    is_empty = not code.strip()
    has_graph = bool(state.get("graph"))
    earlier = state.get("history") or ()
    follows = str(earlier[-1].get("intent") or "") if earlier else ""
    route = choose_intent(instruction, language, is_empty=is_empty, has_graph=has_graph, follows=follows)
    if route.is_clear or not await has_model(context):
        return _chosen(route.intent, route.reason, "rules")
    possible = [
        name for name in MEANINGS if (name in WITHOUT_TEXT or not is_empty) and (name != "redesign_graph" or has_graph)
    ]
    history = describe_history(earlier)
    try:
        found = await _asked(context, instruction, _described(code, language), history, possible)
    except BudgetExhausted:
        raise
    except InvalidOutput as error:
        # People are told that it was of no use; what it was is for whoever looks after the models.
        logger.info("the answer to what a request asks for cannot be used: %s", error)
        return _by_rules(route.intent, route.reason, possible, "The model's answer could not be used.")
    except ModelError as error:
        return _by_rules(route.intent, route.reason, possible, f"The model could not be asked: {str(error)[:300]}")
    least = float(context.config.get("min_confidence", MIN_CONFIDENCE))
    if found["confidence"] < least:
        why = f"The model was not sure ({found['confidence']:.2f} for {found['intent']}): {found['reasoning']}"
        return _by_rules(route.intent, route.reason, possible, why)
    return _chosen(found["intent"], str(found["reasoning"]), "model", found["confidence"])


async def hand_over(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Starts the graph that serves the chosen intent, for the same request."""
    chosen = {"intent": str(state["intent"]), "reason": str(state.get("intent_reason") or "")}
    if not context.dry_run:
        context.effect("request.hand_over", chosen)
    return {"summary": f"Handed over to {chosen['intent']}.", "handed_over": chosen}


async def _asked(
    context: ToolContext, instruction: str, document: str, history: str, possible: Sequence[str]
) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "intent": {"enum": list(possible)},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "reasoning": {"type": "string", "maxLength": 2000},
        },
        "required": ["intent", "confidence", "reasoning"],
    }
    values = {
        "intents": [{"name": name, "description": MEANINGS[name]} for name in MEANINGS if name in possible],
        "document": document,
        "history": history,
        "instruction": instruction,
    }
    return await ask_for_data(context, "choose_intent", values, schema, agent="intent")


def _described(code: str, language: str) -> str:
    """What the document is, without a word of it: what somebody wrote into it has no say in what is done with it."""
    if not code.strip():
        return "it is empty"
    return f"{counted(code.count(chr(10)) + 1, 'line')} of {language or 'text'}"


def _by_rules(intent: str, reason: str, possible: Sequence[str], why: str) -> Json:
    if intent not in possible:
        intent, reason = possible[0], "the document is empty, so nothing in it can be changed"
    return _chosen(intent, f"{why} By the rules, {reason}.", "rules")


def _chosen(intent: str, reason: str, by: str, confidence: float | None = None) -> Json:
    return {"intent": intent, "intent_reason": reason[:2000], "intent_by": by, "confidence": confidence}
