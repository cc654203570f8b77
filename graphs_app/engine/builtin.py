"""The tools that every graph can use: set_state, compute, sleep, fail, emit; and those of composition."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

from graphs_app.engine import composition
from graphs_app.engine.checkpoint import Json
from graphs_app.engine.conditions import ConditionInvalid, parse
from graphs_app.engine.errors import ToolError
from graphs_app.engine.limits import MAX_TEXT
from graphs_app.engine.registry import Registry, Tool, ToolContext, make_tool
from graphs_app.engine.schema import escape

MAX_SLEEP_S = 7 * 24 * 3600
WORD = re.compile(r"\S*\s*")
WORDS_AT_ONCE = 500
"""Then others have their turn."""


async def set_state(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Writes the values of its config."""
    return dict(context.config["values"])


async def compute(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Writes what its expressions come to; all of them see the state as it is before."""
    return {key: parse(expression).evaluate(state) for key, expression in context.config["set"].items()}


async def sleep(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Waits for some seconds."""
    await context.rest(context.config["seconds"])
    return {}


async def fail(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Fails: always, or at its first attempts."""
    times = context.config.get("times")
    if times is None or context.attempt <= times:
        raise ToolError(context.config.get("message") or "This node always fails")
    return {}


async def emit(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Streams the words of its config."""
    for number, word in enumerate(WORD.finditer(context.config["text"]), start=1):
        context.emit_text(word.group())
        if number % WORDS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return {}


def _check_expressions(config: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for key, expression in config["set"].items():
        try:
            parse(expression)
        except ConditionInvalid as error:
            yield f"/set/{escape(key)}", "condition_invalid", f"The expression does not parse: {error}"


def _config(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TOOLS: tuple[Tool, ...] = (
    make_tool("set_state", set_state, config=_config(["values"], values={"type": "object"}), deterministic=True),
    make_tool(
        "compute",
        compute,
        config=_config(["set"], set={"type": "object", "additionalProperties": {"type": "string"}}),
        config_check=_check_expressions,
        deterministic=True,
    ),
    make_tool(
        "sleep",
        sleep,
        config=_config(["seconds"], seconds={"type": "number", "minimum": 0, "maximum": MAX_SLEEP_S}),
        deterministic=True,
        rests=True,
    ),
    make_tool(
        "fail",
        fail,
        config=_config([], message={"type": "string"}, times={"type": "integer", "minimum": 0}),
    ),
    make_tool(
        "emit",
        emit,
        config=_config(["text"], text={"type": "string", "maxLength": MAX_TEXT}),
        deterministic=True,
    ),
    *composition.TOOLS,
)


def add_to(registry: Registry) -> Registry:
    """Adds them all; answers the registry."""
    for tool in TOOLS:
        registry.add(tool)
    return registry
