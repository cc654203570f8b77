"""The steps of the graph build: research only where it is needed, then plan, check, code and present."""

from collections.abc import Mapping
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.tools.replies import ask_for_data, ask_prompt
from refine_app.tools.searching import NEED, in_words, look_up

STEPS = {
    "plan": ("Planner", "plan", 2000),
    "check": ("Executor", "notes", 2000),
    "code": ("Coder", "code_answer", 8000),
    "final": ("Finalizer", "answer", 8000),
}
"""Which agent takes a step, what it writes, and how long that may be."""


async def research(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Whether outside knowledge is needed, and what is known; a search that cannot be made is said, not made up."""
    task = task_of(state)
    found = await ask_for_data(context, "build_research", {"task": task}, NEED, agent="Researcher")
    material, citations = found["known"], []
    if found["needs_search"]:
        results, problem = await look_up(found["query"] or task)
        material += f"\n\n{in_words(results) or problem}"
        citations = [{"source": one.source, "title": one.title, "url": one.url} for one in results]
    return {"task": task, "material": material, "needs_search": found["needs_search"], "citations": citations}


async def build_step(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """One step by its name in the node's config."""
    step = str(context.config["step"])
    agent, key, max_tokens = STEPS[step]
    values = {
        "task": task_of(state),
        "material": str(state.get("material") or "None."),
        "plan": str(state.get("plan") or ""),
        "notes": str(state.get("notes") or ""),
        "code": str(state.get("code_answer") or ""),
    }
    reply = await ask_prompt(
        context, f"build_{step}", values, agent=agent, max_tokens=max_tokens, on_text=context.emit_text
    )
    writes: Json = {key: reply.answer, "endpoint": reply.endpoint}
    return writes | ({"summary": reply.answer[:1000]} if step == "final" else {})


def task_of(state: Mapping[str, Any]) -> str:
    return str(state.get("task") or state.get("instruction") or "")
