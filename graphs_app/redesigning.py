"""The tools that redesign a graph within a run, and the effect by which what they found becomes a graph proposal.

plan_redesign shows what the rules find, for a node after it to suggest more; redesign_graph proposes both.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import close_old_connections

from graphs_app import effects, selectors
from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import REGISTRY, Tool, ToolContext, make_tool
from graphs_app.events import GraphProposed
from graphs_app.models import Graph, Run
from graphs_app.services import redesigns
from sessions_app.events import Event

EFFECT = "graph_proposal.create"
MOST_NAME, MOST_NOTE = 200, 500


async def redesign_graph(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Plans the redesign of a graph as it is drawn now, and proposes it; people decide on each change."""
    suggestions = _suggestions(state)
    parts, graph, redesigned = await asyncio.to_thread(_planned, context.run_id, str(state["graph"]), suggestions)
    changes = [{key: change[key] for key in ("n", "title", "reason", "needs", "by")} for change in parts["changes"]]
    if not context.dry_run:
        context.effect(EFFECT, {"graph": str(graph.pk), "parts": parts})
    return {
        "graph": graph.slug,
        "graph_proposal": None if context.dry_run else str(context.node_run_id),
        "changes": changes,
        "estimates": {"before": parts["before"], "after": parts["after"]},
        "updated_graph": redesigned,
        "summary": _summary(graph, parts),
    }


async def plan_redesign(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """What the rules would change of a graph as it is drawn now, and what it is like then; proposes nothing yet."""
    parts, _, redesigned = await asyncio.to_thread(_planned, context.run_id, str(state["graph"]), None)
    tools = {node["tool"] for node in redesigned["nodes"]}
    return {
        "redesign_plan": {
            "definition": redesigned,
            "changes": [{key: change[key] for key in ("title", "reason")} for change in parts["changes"]],
            "estimate": parts["after"],
            "durations_ms": {
                name: measured["duration_ms"] for name, measured in parts["past"].get("nodes", {}).items()
            },
            "tools": [_described(tool) for tool in REGISTRY if tool.name in tools or not tool.effects],
        }
    }


def _described(tool: Tool) -> Json:
    """A tool as whoever suggests a change has to know it."""
    return {
        "name": tool.name,
        "description": tool.description,
        "reads": sorted(tool.inputs.get("properties", {})),
        "writes": sorted(tool.outputs.get("properties", {})),
        "config": tool.config,
    }


def _suggestions(state: Mapping[str, Any]) -> "redesigns.Suggestions | None":
    """What a node before this one has left in the state; None when nobody was asked."""
    found = state.get("suggestions")
    if not isinstance(found, Mapping):
        return None
    changes = found.get("changes")
    return redesigns.Suggestions(
        by=str(found.get("by") or "")[:MOST_NAME],
        changes=list(changes) if isinstance(changes, Sequence) and not isinstance(changes, str) else [],
        note=str(found.get("note") or "")[:MOST_NOTE],
    )


def _planned(
    run_id: UUID, key: str, suggestions: "redesigns.Suggestions | None"
) -> tuple[dict[str, Any], Graph, dict[str, Any]]:
    """On a thread of its own: the runs' event loop must not wait for it."""
    close_old_connections()
    try:
        user = Run.objects.select_related("user").get(pk=run_id).user
        graph = selectors.graph_for(user, key)
        parts = redesigns.planned(user=user, graph=graph, suggestions=suggestions)
        return parts, graph, redesigns.redesigned(parts)
    finally:
        close_old_connections()


def _summary(graph: Graph, parts: Mapping[str, Any]) -> str:
    count = len(parts["changes"])
    if not count:
        return f"There is nothing to change in {graph.name}."
    before, after = parts["before"], parts["after"]
    suggested = sum(bool(change["by"]) for change in parts["changes"])
    more = f" ({suggested} suggested by {parts['suggested']['by']})" if suggested else ""
    return (
        f"{count} change{'' if count == 1 else 's'}{more} to {graph.name}: its longest way takes about "
        f"{after['critical_path_ms']:.0f} ms instead of {before['critical_path_ms']:.0f} ms, and has {after['steps']} "
        f"steps instead of {before['steps']}. Decide on each of them on the page of the graph."
    )


def create_proposal(run: Run, node_run_id: UUID, payload: Json) -> Sequence[Event]:
    """The effect: stores the proposal, and tells the run's session of it."""
    graph = Graph.objects.filter(pk=payload["graph"], deleted_at__isnull=True).first()
    if graph is None:
        return []
    # The id is known to the run before the row is there.
    parts = {**payload["parts"], "id": node_run_id}
    proposal = redesigns.keep_proposal(graph=graph, user=run.user, parts=parts, run=run)
    changes = len(proposal.changes)
    return [GraphProposed(run=run.pk, graph_proposal=proposal.pk, graph=graph.slug, name=graph.name, changes=changes)]


PLAN: Tool = make_tool(
    "plan_redesign",
    plan_redesign,
    inputs={"type": "object", "properties": {"graph": {"type": "string"}}, "required": ["graph"]},
    outputs={"type": "object", "properties": {"redesign_plan": {"type": "object"}}, "required": ["redesign_plan"]},
)
TOOL: Tool = make_tool(
    "redesign_graph",
    redesign_graph,
    inputs={
        "type": "object",
        "properties": {"graph": {"type": "string"}, "suggestions": {"type": ["object", "null"]}},
        "required": ["graph"],
    },
    outputs={
        "type": "object",
        "properties": {
            "graph": {"type": "string"},
            "graph_proposal": {"type": ["string", "null"]},
            "changes": {"type": "array"},
            "estimates": {"type": "object"},
            "updated_graph": {"type": "object"},
            "summary": {"type": "string"},
        },
        "required": ["graph", "graph_proposal", "changes", "estimates", "updated_graph", "summary"],
    },
    effects=True,
)


def install() -> None:
    """Makes the effect known."""
    effects.register(EFFECT, create_proposal)
