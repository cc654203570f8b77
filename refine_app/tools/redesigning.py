"""The tool that asks a model what it would change of a graph beyond what the rules find.

What it answers is data: each suggestion is checked, measured and decided on like the rules' own. Where no model is
configured, or its answer is of no use, the run goes on with the rules alone and says why.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.model_clients.errors import BudgetExhausted, ModelError
from refine_app.tools.asking import Reply, has_model
from refine_app.tools.errors import InvalidOutput
from refine_app.tools.replies import ask_for_data

logger = logging.getLogger(__name__)

MOST_CHARACTERS = 60_000
"""Of a graph as it is shown to a model; beyond that only the rules redesign it."""
MOST_LISTED = 40
ANSWER_TOKENS = 6000
ANSWER = {
    "type": "object",
    "properties": {"suggestions": {"type": "array", "maxItems": MOST_LISTED}},
    "required": ["suggestions"],
}
"""The suggestions themselves are checked one by one, so that a bad one spoils no other."""


async def suggest_changes(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Single changes as edits, each with a title and a reason."""
    plan: Mapping[str, Any] = state["redesign_plan"]
    if not await has_model(context):
        return _none("No model is configured, so these are the changes that the rules find.")
    graph = json.dumps(plan["definition"], ensure_ascii=False)
    if len(graph) > MOST_CHARACTERS:
        return _none(f"The graph is too large to show to a model ({len(graph)} characters of {MOST_CHARACTERS}).")
    values = {
        "graph": graph,
        "tools": json.dumps(plan["tools"], ensure_ascii=False)[:MOST_CHARACTERS],
        "known": json.dumps({key: plan[key] for key in ("changes", "estimate", "durations_ms")}, ensure_ascii=False),
        "wish": str(state.get("instruction") or "Make it faster, cheaper and more reliable."),
    }
    replies = list[Reply]()
    try:
        data = await ask_for_data(
            context,
            "suggest_graph_changes",
            values,
            ANSWER,
            agent="redesign",
            max_tokens=ANSWER_TOKENS,
            on_reply=replies.append,
        )
    except BudgetExhausted:
        raise
    except InvalidOutput as error:
        logger.info("what a model suggests for a graph cannot be used: %s", error)
        return _none("The model's answer could not be used, so these are the changes that the rules find.")
    except ModelError as error:
        return _none(f"The model could not be asked: {str(error)[:300]}")
    reply = replies[-1]
    by = f"{reply.endpoint} ({reply.model})" if reply.model else reply.endpoint
    note = "" if data["suggestions"] else "The model was asked, and suggests nothing beyond."
    return {"suggestions": {"by": by, "changes": data["suggestions"], "note": note}}


def _none(note: str) -> Json:
    return {"suggestions": {"by": "", "changes": [], "note": note}}
