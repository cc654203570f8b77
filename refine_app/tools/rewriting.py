"""The tool that has a model rewrite the code, and shows the diff while it does."""

import asyncio
from collections.abc import Mapping
from typing import Any

from graphs_app.engine.checkpoint import Json, Usage
from graphs_app.engine.registry import ToolContext
from refine_app.diffs.answers import Answer, choose, read_answer
from refine_app.diffs.errors import AnswerError
from refine_app.model_clients.builtin import BuiltinClient, written
from refine_app.model_clients.client import Subject
from refine_app.prompts.refine import MAX_REPEATED, NAMES, Task, build_messages, mark_of
from refine_app.routing.endpoints import complexity_of
from refine_app.tools.analysis import outline_of
from refine_app.tools.asking import Question, Reply, ask_model, has_model, prompts_for
from refine_app.tools.languages import names_of
from refine_app.tools.live_diff import LiveDiff
from refine_app.tools.validation import raise_if_given_up, rounds_of

TEMPERATURE = 0.2


async def rewrite_code(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Asks the model for the refined code, or for a better answer than its last. Streams words and diff."""
    raise_if_given_up(context, state)
    by_rules = not await has_model(context)
    live = LiveDiff(context, str(state["code"]), state.get("base_revision") or 0)
    reply, answer = await _ask(context, state, live, by_rules=by_rules)
    await live.finish(answer.new_text if isinstance(answer, Answer) else None)
    rounds = rounds_of(context, state)
    writes: dict[str, Any] = {
        "endpoint": reply.endpoint,
        "endpoint_reason": reply.reason,
        "by_rules": by_rules,
        "rounds": rounds | {"asked": rounds["asked"] + 1},
        "gave_up": None,
    }
    if isinstance(answer, AnswerError):
        writes["rounds"]["unreadable"] += 1
        said = (reply.answer or reply.text)[: MAX_REPEATED + 1]
        problem = {"message": str(answer), "excerpt": answer.excerpt, "reply": said}
        return writes | {"bad_answer": problem, "new_text": None, "summary": ""}
    return writes | {"bad_answer": None, "new_text": answer.new_text, "summary": answer.summary}


def _task(context: ToolContext, state: Mapping[str, Any]) -> Task:
    plan = state.get("plan") or {}
    return Task(
        code=state["code"],
        language=state.get("language") or "",
        instruction=state.get("instruction") or "Improve this code.",
        form=plan.get("form", "file"),
        history=state.get("history") or (),
        findings=plan.get("findings") or (),
        mark_seed=str(context.node_run_id),
        last_answer=state.get("new_text") or "",
        last_reply=(state.get("bad_answer") or {}).get("reply") or "",
        problem=state.get("feedback") or "",
    )


async def _by_rules(context: ToolContext, state: Mapping[str, Any], live: LiveDiff) -> tuple[Reply, Answer]:
    """What the built-in rules can do; they cost nothing, and the ledger has no row of them."""
    client = BuiltinClient()
    subject = Subject(
        code=state["code"],
        language=state.get("language") or "",
        instruction=state.get("instruction") or "",
        issues=state.get("issues") or (),
    )
    reply = Reply(client.endpoint, client.model, "no endpoint is configured", finish_reason="stop")
    refined = await client.refine(subject)
    for text in written(refined, subject.language):
        reply.text += text
        context.emit_text(text)
        live.feed(text)
    context.spend(Usage(endpoint=client.endpoint))
    return reply, Answer(refined.text, refined.summary, "whole")


async def _by_model(
    context: ToolContext, state: Mapping[str, Any], live: LiveDiff
) -> tuple[Reply, Answer | AnswerError]:
    complexity, why = await asyncio.to_thread(complexity_of, state)
    task = _task(context, state)
    prompts = await prompts_for(context, NAMES)
    question = Question(
        messages=await asyncio.to_thread(build_messages, task, prompts),
        prompt_version=prompts["refine_system"].label,
        max_tokens=int((state.get("plan") or {}).get("max_tokens") or 4000),
        temperature=float(context.config.get("temperature", TEMPERATURE)),
        complexity=complexity,
        why_complexity=why,
        agent="refiner",
        mark=await asyncio.to_thread(mark_of, task),
    )

    def show(text: str) -> None:
        context.emit_text(text)
        live.feed(text)

    reply = await ask_model(context, question, show)
    return reply, await _read(reply, state)


async def _ask(
    context: ToolContext, state: Mapping[str, Any], live: LiveDiff, *, by_rules: bool
) -> tuple[Reply, Answer | AnswerError]:
    await live.begin()
    try:
        return await (_by_rules(context, state, live) if by_rules else _by_model(context, state, live))
    finally:
        live.stop()


async def _read(reply: Reply, state: Mapping[str, Any]) -> Answer | AnswerError:
    """The text that a reply comes to; what its texts define is found in a child process."""
    language = state.get("language") or ""
    try:
        reading = await asyncio.to_thread(
            read_answer,
            reply.text,
            base=state["code"],
            languages=names_of(language),
            cut_off=reply.finish_reason == "length",
        )
        texts = dict.fromkeys([reading.plain_base, *reading.texts])
        found = await asyncio.gather(*(outline_of(text, language) for text in texts))
        outlines = dict(zip(texts, found, strict=True))
        return await asyncio.to_thread(choose, reading, outlines, instruction=state.get("instruction") or "")
    except AnswerError as error:
        return error
