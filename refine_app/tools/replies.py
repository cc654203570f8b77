"""Prompts of the registry as questions to a model, and replies as text or as data that fits a schema."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from graphs_app.engine.registry import ToolContext
from graphs_app.engine.schema import CheckTooCostly, Judge
from refine_app.diffs.errors import excerpt
from refine_app.diffs.fences import fence_for, read_fences
from refine_app.diffs.thoughts import without_thoughts
from refine_app.model_clients.client import Message
from refine_app.model_clients.tokens import estimate
from refine_app.routing.endpoints import complexity_of
from refine_app.tools.asking import Question, Reply, ask_model, has_model, prompts_for
from refine_app.tools.errors import InvalidOutput, ModelNeeded
from sessions_app import strict_json

MAX_ANSWER_TOKENS = 8000
MAX_JSON = 200_000


async def ask_prompt(
    context: ToolContext,
    name: str,
    values: Mapping[str, Any],
    *,
    agent: str,
    max_tokens: int = 2000,
    on_text: Callable[[str], None] | None = None,
) -> Reply:
    """What a model answers to a prompt in production. Raises ModelNeeded where none is configured."""
    question = await _question(context, name, values, agent=agent, max_tokens=max_tokens)
    return await ask_model(context, question, on_text)


async def ask_again(
    context: ToolContext,
    name: str,
    values: Mapping[str, Any],
    *,
    agent: str,
    reply: Reply,
    problem: str,
    max_tokens: int = 2000,
    on_text: Callable[[str], None] | None = None,
) -> Reply:
    """The same prompt once more, with the last reply and what is wrong with it."""
    question = await _question(context, name, values, agent=agent, max_tokens=max_tokens)
    messages = (*question.messages, Message("assistant", reply.text[:MAX_ANSWER_TOKENS]), Message("user", problem))
    return await ask_model(context, replace(question, messages=messages), on_text)


async def ask_for_data(
    context: ToolContext,
    name: str,
    values: Mapping[str, Any],
    schema: Mapping[str, Any],
    *,
    agent: str,
    max_tokens: int = 1500,
    on_reply: Callable[[Reply], None] | None = None,
) -> dict[str, Any]:
    """The same, as an object that fits a schema; a reply that does not is sent back once with what is wrong."""
    question = await _question(context, name, values, agent=agent, max_tokens=max_tokens)
    reply = await ask_model(context, question)
    data, problem = await asyncio.to_thread(read_data, reply.text, schema)
    if data is None:
        again = (
            *question.messages,
            Message("assistant", (reply.answer or reply.text)[:MAX_ANSWER_TOKENS]),
            Message("user", f"That cannot be used: {problem} Answer again with the JSON object alone."),
        )
        reply = await ask_model(context, replace(question, messages=again))
        data, problem = await asyncio.to_thread(read_data, reply.text, schema)
    if data is None:
        raise InvalidOutput(f"The reply of {reply.endpoint!r} cannot be used: {problem} It began: {reply.text[:200]!r}")
    if on_reply is not None:
        on_reply(reply)
    return data


async def _question(
    context: ToolContext, name: str, values: Mapping[str, Any], *, agent: str, max_tokens: int
) -> Question:
    if not await has_model(context):
        raise ModelNeeded(
            f"{agent!r} needs a language model, and none is configured; set HF_TOKEN or MODEL_ENDPOINT_URL, or ask "
            "staff to switch an endpoint on."
        )
    prompt = (await prompts_for(context, [name]))[name]

    def ask() -> Question:
        mark = mark_of(context, values)
        text = prompt.render({"mark": mark, **values})
        complexity, why = complexity_of({"task": text})
        return Question(
            messages=(Message("user", text),),
            max_tokens=min(max_tokens, MAX_ANSWER_TOKENS),
            temperature=float(context.config.get("temperature", 0.2)),
            complexity=complexity,
            why_complexity=f"{estimate(text)} tokens, {why}",
            prompt_version=prompt.label,
            agent=agent,
            mark=mark,
        )

    # What people wrote may be a megabyte, and templates are theirs as well: the event loop has no time for either.
    return await asyncio.to_thread(ask)


def mark_of(context: ToolContext, values: Mapping[str, Any]) -> str:
    """What tags end in, so that no text between them can contain its own closing tag."""
    said = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(f"{context.node_run_id}\0{said}".encode("utf-8", "replace")).hexdigest()[:12]


def read_data(text: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The JSON object in a reply, in a fence or bare, and else what is wrong with it."""
    text = without_thoughts(text)
    fences = [fence.code for fence in read_fences(text)]
    start, end = text.find("{"), text.rfind("}")
    candidates = [*fences, text[start : end + 1]] if 0 <= start < end else fences
    problem = "there is no JSON object in it."
    judge = Judge(dict(schema))
    for candidate in candidates:
        if len(candidate) > MAX_JSON:
            problem = f"it is longer than {MAX_JSON} characters."
            continue
        try:
            data = strict_json.loads(candidate)
        except strict_json.JsonRefused as error:
            problem = f"{excerpt(str(error), 160)}."
            continue
        try:
            fault = next(iter(judge.mismatches(data, most=1)), None)
        except CheckTooCostly as error:
            problem = f"{error}."
            continue
        if fault is None and isinstance(data, dict):
            return data, ""
        problem = "it is no object." if fault is None else f"{fault.pointer}: {excerpt(fault.message, 200)}."
    return None, problem


def fenced(text: str, language: str = "") -> str:
    """A text in a fence that it cannot close."""
    fence = fence_for(text)
    return f"{fence}{language}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"
