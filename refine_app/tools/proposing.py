"""The tool that puts a checked change before the people of the session. It changes nothing itself: people decide."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.diffs.unified import Hunk, make_diff
from refine_app.tools.errors import InvalidOutput


async def propose_change(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Makes a proposal of the new text against the revision that was asked about; never of one that failed a check."""
    if state.get("valid") is False:
        raise InvalidOutput(f"The text did not pass its checks, so it is not proposed: {state.get('feedback')}")
    hunks = await hunks_of(state, state["new_text"])
    summary = state.get("summary") or ("Nothing to change." if not hunks else "")
    propose(context, state, state["new_text"], hunks, summary)
    lines = [line for hunk in hunks for line in hunk.text.split("\n")]
    return {
        "summary": summary,
        "proposed": {
            "hunks": len(hunks),
            "added": sum(line.startswith("+") for line in lines),
            "removed": sum(line.startswith("-") for line in lines),
        },
    }


async def hunks_of(state: Mapping[str, Any], new_text: str) -> Sequence[Hunk]:
    """What turns the text that was asked about into the new one: made here, so that the journal need not make it."""
    return (await asyncio.to_thread(make_diff, str(state.get("code") or ""), new_text)).hunks


def propose(context: ToolContext, state: Mapping[str, Any], new_text: str, hunks: Sequence[Hunk], summary: str) -> None:
    """Asks for the proposal, which the journal stores as it is."""
    if context.dry_run:
        return
    context.effect(
        "proposal.create",
        {
            "base_revision": state.get("base_revision"),
            "document": state.get("document"),
            "new_text": new_text,
            "hunks": [hunk.as_json() for hunk in hunks],
            "summary": summary,
            "checks": list(state.get("checks") or ()),
            "endpoint": str(state.get("endpoint") or ""),
        },
    )
