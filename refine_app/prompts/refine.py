"""The messages of a refinement: the rules, the document as data, what was said before, and what was wrong last time."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from refine_app.diffs.fences import fence_for
from refine_app.model_clients.client import Message
from refine_app.prompts.rendering import PromptText, built_in_prompt

Form = Literal["file", "diff"]
MAX_TURNS = 10
MAX_HISTORY = 24_000
"""Characters; older turns go first."""
MAX_REPEATED = 60_000
"""Characters of an answer that is shown to its model again."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of a model."""

    code: str
    language: str
    instruction: str
    form: Form = "file"
    history: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[str] = ()
    mark_seed: str = ""
    """Something that whoever wrote the document could not know, such as the node run's id."""
    last_answer: str = ""
    """The text that was given before and did not pass; empty when there was none that could be read."""
    last_reply: str = ""
    """The whole last answer, where no text could be read out of it."""
    problem: str = ""
    """What was wrong with the last answer."""


NAMES = ("refine_system", "refine_user", "refine_repair", "form_file", "form_diff")


def built_in() -> dict[str, PromptText]:
    """The prompts as they come with the product."""
    return {name: built_in_prompt(name) for name in NAMES}


def build_messages(task: Task, prompts: Mapping[str, PromptText] | None = None) -> list[Message]:
    """System, user, and for a repair the last answer and what was wrong with it."""
    known = built_in() if prompts is None else prompts
    mark = mark_of(task)
    fence = fence_for(task.code)
    language = task.language if task.language.isalnum() else ""
    form = known[f"form_{task.form}"].render({"fence": fence, "language": language})
    code = task.code if task.code.endswith("\n") or not task.code else task.code + "\n"
    values = {
        "mark": mark,
        "instruction": task.instruction,
        "history": describe_history(task.history),
        "findings": "\n".join(task.findings) or "None.",
        "fence": fence,
        "language": language,
        "code": code,
    }
    messages = [
        Message("system", known["refine_system"].render({"mark": mark, "form": form.strip()})),
        Message("user", known["refine_user"].render(values)),
    ]
    if task.problem:
        messages.append(Message("assistant", _last_answer(task, language)))
        messages.append(Message("user", known["refine_repair"].render({"problem": task.problem})))
    return messages


def describe_history(turns: Sequence[Mapping[str, Any]]) -> str:
    """What was asked in the session and what people decided, oldest first, in at most MAX_HISTORY characters."""
    described: list[str] = []
    room = MAX_HISTORY
    for turn in reversed(turns[-MAX_TURNS:]):
        text = _describe_turn(turn)
        room -= len(text)
        if room < 0:
            described.append("(Earlier requests are left out.)")
            break
        described.append(text)
    return "\n".join(reversed(described)) or "Nothing was asked before."


def _describe_turn(turn: Mapping[str, Any]) -> str:
    lines = [f"Request{' (the one that this follows)' if turn.get('is_parent') else ''}: {turn.get('instruction', '')}"]
    if turn.get("summary"):
        by = f" by {turn['agent']}" if turn.get("agent") else ""
        lines.append(f"Answer{by}: {turn['summary']}")
    if turn.get("error"):
        lines.append(f"It failed: {turn['error']}")
    for status, word in (("accepted", "Accepted"), ("rejected", "Rejected"), ("conflicted", "No longer fitted")):
        for hunk in turn.get(status) or ():
            lines.append(_describe_hunk(hunk, word))
    return "\n".join(lines) + "\n"


def _describe_hunk(hunk: Mapping[str, Any], word: str) -> str:
    reason = f" because: {hunk['reason']}" if hunk.get("reason") else ""
    text = str(hunk.get("text") or "").rstrip("\n")
    return f"{word} {hunk.get('header', '')}{reason}" + (f"\n{text}" if text else "")


def mark_of(task: Task) -> str:
    """What tags end in: new for each document, so that no document can contain its own closing tag."""
    parts = "\0".join([task.mark_seed, task.instruction, task.code])
    return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()[:12]


def _last_answer(task: Task, language: str) -> str:
    if task.last_answer:
        return _shown_again(task.last_answer, language)
    if len(task.last_reply) > MAX_REPEATED:
        return "(The answer was too long to be shown again.)"
    return task.last_reply.strip() or "(The answer was empty.)"


def _shown_again(answer: str, language: str) -> str:
    if len(answer) > MAX_REPEATED:
        return "(The answer was too long to be shown again.)"
    fence = fence_for(answer)
    return f"{fence}{language}\n{answer}{'' if answer.endswith(chr(10)) else chr(10)}{fence}\n"
