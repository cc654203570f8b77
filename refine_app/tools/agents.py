"""The tools of the peer agent: classify a task, decide by business rules who gets it, and let that agent answer."""

from collections.abc import Mapping
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.agents.registry import agents
from refine_app.prompts.refine import describe_history
from refine_app.tools.errors import UnknownTaskType
from refine_app.tools.replies import ask_for_data, ask_prompt, fenced

MIN_CONFIDENCE = 0.5
CLASSIFICATION = {
    "type": "object",
    "properties": {
        "agent_name": {"type": "string", "maxLength": 100},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "reasoning": {"type": "string", "maxLength": 4000},
    },
    "required": ["agent_name", "confidence", "reasoning"],
}


async def classify_task(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Asks the model which agent a task is for; the prompt is made out of the registry of agents."""
    listed = [{"name": one.name, "responsibilities": one.responsibilities} for one in agents().values()]
    history = describe_history(state.get("history") or ())
    values = {"agents": listed, "task": str(state["task"]), "history": history}
    data = await ask_for_data(context, "classify_task", values, CLASSIFICATION, agent="PeerAgent")
    return {"classification": data}


async def route_to_agent(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Applies the least confidence. Raises UnknownTaskType for an agent that is none, or too little of it."""
    found = state["classification"]
    name, confidence = str(found["agent_name"]), float(found["confidence"])
    least = float(context.config.get("min_confidence", MIN_CONFIDENCE))
    if name not in agents():
        raise UnknownTaskType(
            f"No agent is responsible for this task ({name!r}; there are {', '.join(agents())}). {found['reasoning']}"
        )
    if confidence < least:
        raise UnknownTaskType(
            f"{name} was chosen with a confidence of {confidence:.2f}, and {least:.2f} is needed; say more exactly "
            f"what is wanted. {found['reasoning']}"
        )
    return {"selected_agent": name, "confidence": confidence, "peer_routing_reason": str(found["reasoning"])}


async def run_agent(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Lets the chosen agent answer; what it says is streamed."""
    agent = agents()[str(state["selected_agent"])]
    known = dict(state) | {"history_text": describe_history(state.get("history") or ())}
    output = await agent.run(context, str(state["task"]), known)
    if not context.dry_run:
        context.effect("message.create", {"agent": agent.name, "text": output.content})
    return {"result": output.as_json()}


async def answer_question(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Answers a question about the document, and changes nothing."""
    values = {
        "task": str(state["instruction"]),
        "history": describe_history(state.get("history") or ()),
        "document": fenced(str(state.get("code") or ""), str(state.get("language") or "")),
    }
    reply = await ask_prompt(
        context, "answer_question", values, agent="answerer", max_tokens=2000, on_text=context.emit_text
    )
    return {"answer": reply.answer, "summary": reply.answer[:1000], "endpoint": reply.endpoint}
