"""The tool that puts a checked change before the people of the session. It changes nothing itself: people decide."""

import asyncio
from collections.abc import Mapping
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.diffs.unified import make_diff
from refine_app.tools.errors import InvalidOutput


async def propose_change(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Makes a proposal of the new text against the revision that was asked about; never of one that failed a check."""
    if state.get("valid") is False:
        raise InvalidOutput(f"The text did not pass its checks, so it is not proposed: {state.get('feedback')}")
    diff = await asyncio.to_thread(make_diff, state["code"], state["new_text"])
    hunks = [hunk.as_json() for hunk in diff.hunks]
    summary = state.get("summary") or ("Nothing to change." if not hunks else "")
    if not context.dry_run:
        context.effect(
            "proposal.create",
            {
                "base_revision": state.get("base_revision"),
                "document": state.get("document"),
                "new_text": state["new_text"],
                "hunks": hunks,
                "summary": summary,
                "checks": list(state.get("checks") or ()),
                "endpoint": state.get("endpoint") or "",
            },
        )
    lines = [line for hunk in diff.hunks for line in hunk.text.split("\n")]
    return {
        "summary": summary,
        "proposed": {
            "hunks": len(hunks),
            "added": sum(line.startswith("+") for line in lines),
            "removed": sum(line.startswith("-") for line in lines),
        },
    }
