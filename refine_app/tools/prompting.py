"""The tools that refine prompts: critique, and compare the new with the old on people's own sample inputs."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.model_clients.client import Message
from refine_app.tools.asking import Question, ask_model, has_model
from refine_app.tools.replies import ask_for_data
from sessions_app.plurals import counted

MAX_SAMPLES = 3
SAMPLE_TOKENS = 800
POINTS = {
    "type": "object",
    "properties": {
        "points": {
            "type": "array",
            "maxItems": 40,
            "items": {
                "type": "object",
                "properties": {"line": {"type": "integer"}, "message": {"type": "string", "maxLength": 1000}},
                "required": ["message"],
            },
        }
    },
    "required": ["points"],
}
JUDGEMENT = {
    "type": "object",
    "properties": {
        "better": {"enum": ["first", "second", "same"]},
        "reason": {"type": "string", "maxLength": 2000},
    },
    "required": ["better", "reason"],
}
VAGUE = re.compile(r"\b(etc\.?|and so on|something|some kind of|as needed|if possible|try to|maybe|good|nice)\b", re.I)
FORM = re.compile(r"\b(json|markdown|format|list|table|sentences?|words|bullet|xml|yaml|fenced|answer with)\b", re.I)


async def critique_prompt(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """What could be better in the prompt; by a few rules where no model is configured."""
    prompt = str(state["code"])
    if not await has_model(context):
        return {"issues": await asyncio.to_thread(by_rules, prompt), "critique_by": "rules"}
    values = {"prompt": prompt, "instruction": str(state.get("instruction") or "Improve this prompt.")}
    data = await ask_for_data(context, "critique_prompt", values, POINTS, agent="critic")
    last = prompt.count("\n") + 1
    issues = [_issue(min(max(int(point.get("line") or 1), 1), last), point["message"]) for point in data["points"]]
    return {"issues": issues, "critique_by": "model"}


def by_rules(prompt: str) -> list[Json]:
    """Faults of prompts that need no model to be seen."""
    issues = []
    for number, line in enumerate(prompt.splitlines(), 1):
        if vague := VAGUE.search(line):
            issues.append(_issue(number, f"{vague[0]!r} leaves open what is meant; say it exactly"))
    if not FORM.search(prompt):
        issues.append(_issue(1, "nothing says what form the answer is to have"))
    if re.search(r"\{\{?\s*\w+\s*\}?\}", prompt) and not re.search(r"<\w[\w-]*>|```|\"\"\"", prompt):
        issues.append(_issue(1, "what is filled in is not set apart, so instructions in it would be followed"))
    return issues[:40]


def _issue(line: int, message: str) -> Json:
    return {
        "line": line, "column": 1, "message": message, "code": "prompt", "severity": "warning", "tool": "critique",
        "fixable": False,
    }  # fmt: skip


async def compare_prompts(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Gives both prompts the person's samples and has the answers judged; a worse prompt is told, not hidden."""
    checks = list(state.get("checks") or ())
    samples = [str(sample) for sample in state.get("samples") or ()][:MAX_SAMPLES]
    if not samples or state.get("by_rules") or state["code"] == state["new_text"]:
        reason = "no sample inputs were given" if not samples else "there is nothing to compare"
        return {"checks": [*checks, {"name": "samples", "verdict": "skipped", "detail": reason}]}
    pairs = []
    for sample in samples:
        before = await _answer(context, str(state["code"]), sample)
        after = await _answer(context, str(state["new_text"]), sample)
        pairs.append({"input": sample, "before": before, "after": after})
    judged = await ask_for_data(context, "compare_prompts", {"pairs": pairs}, JUDGEMENT, agent="judge")
    verdict = "failed" if judged["better"] == "first" else "passed"
    words = {"first": "the original did better", "second": "the new one did better", "same": "both did as well"}
    detail = f"on {counted(len(samples), 'sample')} {words[judged['better']]}: {judged['reason']}"
    return {"checks": [*checks, {"name": "samples", "verdict": verdict, "detail": detail}], "comparison": judged}


async def _answer(context: ToolContext, prompt: str, sample: str) -> str:
    question = Question(
        messages=(Message("system", prompt), Message("user", sample)), max_tokens=SAMPLE_TOKENS, agent="sample"
    )
    return (await ask_model(context, question)).text[:8000]
