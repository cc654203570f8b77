"""Checking a new text before anyone sees it: it parses, Python compiles, and there are no more faults than before."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.tools.analysis import Analysis, structure_of
from refine_app.tools.checks import Check, checked, places
from refine_app.tools.comparing import compared
from refine_app.tools.definitions import DEFINITIONS
from refine_app.tools.errors import InvalidOutput
from refine_app.tools.file_kinds import CHECKED, is_notebook_like
from refine_app.tools.findings import Findings, faults, find_issues
from refine_app.tools.kind_verdicts import ANCHORS, check_kind

MAX_REPAIRS = 3
"""How often a model is told what its text failed and asked again."""
MAX_BAD_ANSWERS = 1
"""How often a model is told that its answer could not be read."""

TOLD_ONCE = (DEFINITIONS, ANCHORS)
"""What a model is told once; if it means it, people see the check and decide."""


async def validate_code(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Checks the new text. When it fails and this run has no rounds left, says so in gave_up.

    It is the way back that ends the run then, not this node: a retry goes on from there, with these words and a new
    allowance, where checking the same text once more could only fail once more.
    """
    if state.get("bad_answer"):
        return _refuse_answer(context, state)
    instruction = state.get("instruction") or ""
    checks = await check_text(state["code"], state["new_text"], state.get("language") or "", instruction=instruction)
    rounds = rounds_of(context, state)
    failed = [check for check in checks if check["verdict"] == "failed"]
    lost = [check for check in failed if check["name"] in TOLD_ONCE]
    if lost and (state.get("by_rules") or rounds.get("told_of_losses")):
        # It was told once, and means it: people see the check, and decide.
        failed = [check for check in failed if check["name"] not in TOLD_ONCE]
    feedback = "\n".join(f"{check['name']}: {check['detail']}" for check in failed)
    gave_up = ""
    if failed and state.get("by_rules"):
        gave_up = f"The built-in rules made a text that does not pass: {feedback}"
    elif failed and rounds["asked"] > int(context.config.get("max_repairs", MAX_REPAIRS)):
        gave_up = (
            f"{state.get('endpoint')!r} was asked {rounds['asked']} times and never gave a text "
            f"that passes. The last one failed {feedback}"
        )
    verdict = _verdict(context, checks, feedback, gave_up, is_valid=not failed)
    return verdict | ({"rounds": rounds | {"told_of_losses": True}} if lost else {})


def _refuse_answer(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Sends the model back with what was wrong, once; then the run fails."""
    problem = state["bad_answer"]
    check = checked("answer", "failed", problem["message"])
    gave_up = ""
    if state.get("by_rules") or rounds_of(context, state)["unreadable"] > MAX_BAD_ANSWERS:
        gave_up = (
            f"The answer of {state.get('endpoint')!r} cannot be used, and asking again did not help. "
            f"{problem['message']} It began: {problem['excerpt']!r}"
        )
    return _verdict(context, [check], problem["message"], gave_up, is_valid=False)


def _verdict(context: ToolContext, checks: list[Check], feedback: str, gave_up: str, *, is_valid: bool) -> Json:
    return {
        "valid": is_valid,
        "checks": checks,
        "feedback": feedback,
        "gave_up": {"run": str(context.run_id), "message": gave_up} if gave_up else None,
    }


def rounds_of(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    """How often this run has asked, and got an answer that could not be read. A retry is a run of its own."""
    rounds = state.get("rounds")
    if isinstance(rounds, Mapping) and rounds.get("run") == str(context.run_id):
        return dict(rounds)
    return {"run": str(context.run_id), "asked": 0, "unreadable": 0}


def raise_if_given_up(context: ToolContext, state: Mapping[str, Any]) -> None:
    """Ends a run whose check found no round left. Raises InvalidOutput."""
    gave_up = state.get("gave_up")
    if gave_up and gave_up["run"] == str(context.run_id):
        raise InvalidOutput(gave_up["message"])


async def check_text(old: str, new: str, language: str, *, instruction: str = "") -> list[Check]:
    """[{name, verdict: passed|failed|skipped, detail}]: syntax, compiles (Python only), findings, definitions.

    The check of definitions also has `losses` and `removed`: [{name, kind, line}], where the old text has them;
    what is removed are checks of the code, which people are told of.
    """
    if old == new:
        return [{"name": "unchanged", "verdict": "passed", "detail": "the text is as it was"}]
    if language != "notebook" and await asyncio.to_thread(is_notebook_like, old):
        language = "notebook"  # whatever the session says: a notebook is JSON with code in it
    before, after, found_before, found_after = await asyncio.gather(
        structure_of(old, language),
        structure_of(new, language),
        find_issues(old, language, heed_suppressions=False),
        find_issues(new, language, heed_suppressions=False),
    )
    outlines = (before.outline, after.outline)
    definitions = await compared(old, new, language, outlines, instruction)
    checks = check_kind(old, before, after, language) if language in CHECKED else [_check_syntax(before, after)]
    if language == "python" and after.syntax is not None:
        checks.append(_check_compiles(before, after.syntax))
    return [*checks, _check_findings(found_before, found_after), definitions]


def _check_syntax(before: Analysis, after: Analysis) -> Check:
    if after.syntax is None:
        return checked("syntax", "skipped", after.skipped.get("syntax", ""))
    if not after.syntax["count"]:
        return checked("syntax", "passed", "it parses")
    where = places(after.syntax["errors"])
    was = before.syntax["count"] if before.syntax is not None else 0
    if was and after.syntax["count"] <= was:
        return checked("syntax", "skipped", f"it did not parse before either, and still does not: {where}")
    return checked("syntax", "failed", f"it does not parse: {where}")


def _check_compiles(before: Analysis, after: Mapping[str, Any]) -> Check:
    if after["compiles"]:
        return checked("compiles", "passed", "Python compiles it")
    where = places(after["errors"][:1])
    if before.syntax is not None and not before.syntax["compiles"]:
        return checked("compiles", "skipped", f"it did not compile before either, and still does not: {where}")
    return checked("compiles", "failed", f"Python does not compile it: {where}")


def _check_findings(before: Findings, after: Findings) -> Check:
    """The faults that both texts could be checked for may not become more."""
    skipped = {*before.skipped, *after.skipped}
    reason = next(iter([*after.skipped.values(), *before.skipped.values()]), "")
    if "findings" in skipped or {"ruff", "bandit"} <= skipped:
        return checked("findings", "skipped", reason)
    old = [issue for issue in faults(before.issues) if issue["tool"] not in skipped]
    new = [issue for issue in faults(after.issues) if issue["tool"] not in skipped]
    note = f" ({reason})" if reason else ""
    if len(new) <= len(old):
        return checked("findings", "passed", f"{len(old)} before, {len(new)} now{note}")
    added = _added(old, new)
    words = "; ".join(f"line {issue['line']}: {issue['message']} ({issue['code']})" for issue in added[:10])
    return checked("findings", "failed", f"{len(old)} before, {len(new)} now{note}. New: {words}")


def _added(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    known = Counter((issue["code"], issue["message"]) for issue in old)
    added = []
    for issue in new:
        key = (issue["code"], issue["message"])
        if known[key]:
            known[key] -= 1
        else:
            added.append(issue)
    return added
