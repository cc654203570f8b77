"""The first tools of a refinement: look at the code, and lay down how it is to be changed."""

import asyncio
from collections.abc import Mapping
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.model_clients.tokens import estimate
from refine_app.tools.analysis import analyse
from refine_app.tools.findings import MAX_ISSUES, find_issues
from refine_app.tools.review import complexity_issues, read_code, reasons, syntax_issues

FILE_TOKENS = 6000
"""A longer document is asked for as a diff: writing all of it again would take minutes, and models lose lines."""
MAX_TOKENS = 16_000
SPARE_TOKENS = 1500
MAX_STEPS = 40


async def analyse_code(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Parses, measures and checks the code; what cannot be done is skipped with its reason."""
    code, language = read_code(state)
    analysis, found = await asyncio.gather(analyse(code, language), find_issues(code, language))
    issues = list(found.issues)
    if not any(issue["code"] == "syntax" for issue in issues):
        issues = syntax_issues(analysis.syntax) + issues
    issues = (issues + complexity_issues(analysis.complexity))[:MAX_ISSUES]
    return {
        "language": language,
        "functions": analysis.functions,
        "complexity_report": analysis.complexity or {},
        "issues": issues,
        "skipped": reasons(analysis.skipped | found.skipped),
    }


async def plan_refinement(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Decides the form of the answer and its bound, and which findings matter."""
    size = estimate(state["code"])
    form = "file" if size <= FILE_TOKENS else "diff"
    room = size * 3 // 2 + SPARE_TOKENS if form == "file" else size // 2 + 4 * SPARE_TOKENS
    return {
        "plan": {
            "form": form,
            "max_tokens": min(room, MAX_TOKENS),
            "findings": describe_findings(state),
        }
    }


def describe_findings(state: Mapping[str, Any]) -> list[str]:
    """The findings in words, worst first, for the model to heed where the instruction asks for it."""
    order = {"error": 0, "warning": 1, "info": 2}
    issues = sorted(state.get("issues") or (), key=lambda issue: (order.get(issue["severity"], 3), issue["line"]))
    lines = [f"line {i['line']}: {i['message']} ({i['code']}, {i['severity']})" for i in issues[:MAX_STEPS]]
    if len(issues) > MAX_STEPS:
        lines.append(f"and {len(issues) - MAX_STEPS} more")
    return lines
