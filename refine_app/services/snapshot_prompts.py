"""The prompts of a graph version's snapshot: those that its tools ask with, as they are when it is published."""

from collections.abc import Mapping
from typing import Any

from graphs_app.snapshots import digest
from refine_app.prompts import refine
from refine_app.services import prompts
from refine_app.tools.building import STEPS

PROMPTS_OF: dict[str, tuple[str, ...]] = {
    "answer_question": ("answer_question",),
    "choose_intent": ("choose_intent",),
    "classify_task": ("classify_task",),
    "compare_prompts": ("compare_prompts",),
    "critique_prompt": ("critique_prompt",),
    "research": ("build_research",),
    "rewrite_code": refine.NAMES,
    "run_agent": ("agent_code", "agent_content", "agent_refactor", "agent_test"),
    "suggest_changes": ("suggest_graph_changes",),
}
"""By tool: the names of what it may ask with. A build_step asks with the prompt of its step."""


def names_of(node: Mapping[str, Any]) -> tuple[str, ...]:
    """The prompts that a node may ask with."""
    if node["tool"] == "build_step":
        step = (node.get("config") or {}).get("step")
        return (f"build_{step}",) if step in STEPS else ()
    return PROMPTS_OF.get(node["tool"], ())


def prompts_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """By name: the version in production, its text, and a digest of both."""
    names = sorted({name for node in definition["nodes"] for name in names_of(node)})
    return {
        name: {
            "version": text.version,
            "content": text.content,
            "variables": dict(text.variables),
            "sha256": digest([text.version, text.content]),
        }
        for name, text in prompts.in_production(names).items()
    }
