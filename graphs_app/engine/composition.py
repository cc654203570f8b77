"""Tools that compose graphs and people: `graph` (a sub-graph as a node), `map` (one sub-run per item), `ask_human`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.conditions import ConditionInvalid, parse
from graphs_app.engine.errors import InputsMismatch, SubRunFailed, error_json
from graphs_app.engine.interrupt import SubRunInterrupted
from graphs_app.engine.limits import MAX_NAME
from graphs_app.engine.operations import kind_of
from graphs_app.engine.registry import Tool, ToolContext, make_tool
from graphs_app.engine.schema import escape, schema_problem

MAX_ITEMS = 10_000
MAX_PARALLEL = 10
"""Sub-runs of one `map` at once, where its config does not say."""

NAME: Json = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
EXPRESSIONS: Json = {"type": "object", "additionalProperties": {"type": "string"}}
VERSION: Json = {"type": ["integer", "null"], "minimum": 1}


async def graph(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Runs another graph. It starts from `input`, or from the whole state; `write` keeps its final state under a key.

    Without `write`, the keys that it changed are written.
    """
    config = context.config
    initial = _evaluated(config["input"], state) if config.get("input") is not None else dict(state)
    final = await context.sub_run("", config["graph"], config.get("version"), initial)
    if config.get("write"):
        return {config["write"]: final}
    return {key: value for key, value in final.items() if key not in initial or initial[key] != value}


async def map_items(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Runs a graph for each item of a list, some at once, and collects what they come to, in the items' order."""
    config = context.config
    items = parse(config["items"]).evaluate(state)
    if not isinstance(items, list):
        raise InputsMismatch(f"map needs a list, {config['items']!r} is {kind_of(items)}")
    if len(items) > MAX_ITEMS:
        raise InputsMismatch(f"map takes at most {MAX_ITEMS} items, {config['items']!r} has {len(items)}")
    shared = _evaluated(config.get("input") or {}, state)
    keep = config.get("on_item_error") == "keep"
    done = 0

    async def run_item(index: int) -> Any:
        nonlocal done
        initial = {**shared, config["as"]: items[index]}
        try:
            final = await context.sub_run(str(index), config["graph"], config.get("version"), initial)
        except SubRunFailed as failed:
            if not keep:
                raise SubRunFailed(f"Item {index} of {len(items)}: {failed}", failed.error) from failed
            return {"error": failed.error or error_json(failed)}
        done += 1
        context.progress(done, len(items))
        return final.get(config["collect"]) if config.get("collect") else final

    return {config["write"]: await _in_parallel(len(items), config.get("max_parallel") or MAX_PARALLEL, run_item)}


async def ask_human(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Pauses the run until a person has answered; after timeout_s, with the default (null, where none is named)."""
    config = context.config
    answer = await context.ask(
        config["question"],
        schema=config.get("schema"),
        default=config.get("default"),
        has_default="default" in config or config.get("timeout_s") is not None,
        timeout_s=config.get("timeout_s"),
    )
    return {config["write"]: answer}


async def _in_parallel(count: int, at_once: int, run_item: Callable[[int], Awaitable[Any]]) -> list[Any]:
    """The results in order. The first failure stops the others; an interrupt lets the others finish first."""
    results: list[Any] = [None] * count
    waiting: list[SubRunInterrupted] = []
    indexes = iter(range(count))

    async def work() -> None:
        for index in indexes:
            try:
                results[index] = await run_item(index)
            except SubRunInterrupted as interrupted:
                waiting.append(interrupted)

    workers = [asyncio.ensure_future(work()) for _ in range(min(at_once, count))]
    try:
        if workers:
            await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    if waiting:
        raise waiting[0]
    return results


def _evaluated(expressions: Mapping[str, str], state: Mapping[str, Any]) -> Json:
    return {key: parse(expression).evaluate(state) for key, expression in expressions.items()}


def _check_input(config: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for key, expression in (config.get("input") or {}).items():
        yield from _check_expression(f"/input/{escape(key)}", expression)


def _check_map(config: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    yield from _check_expression("/items", config["items"])
    yield from _check_input(config)


def _check_expression(pointer: str, expression: str) -> Iterable[tuple[str, str, str]]:
    try:
        parse(expression)
    except ConditionInvalid as error:
        yield pointer, "condition_invalid", f"The expression does not parse: {error}"


def _check_question(config: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    schema = config.get("schema")
    if schema is not None:
        problem = schema_problem(schema)
        if problem is not None:
            yield "/schema", "schema_invalid", f"This is not a JSON Schema: {problem}"


def _config(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TOOLS: tuple[Tool, ...] = (
    make_tool(
        "graph",
        graph,
        config=_config(["graph"], graph=NAME, version=VERSION, input=EXPRESSIONS, write=NAME),
        config_check=_check_input,
    ),
    make_tool(
        "map",
        map_items,
        config=_config(
            ["items", "as", "graph", "write"],
            **{"as": NAME},
            items={"type": "string"},
            graph=NAME,
            version=VERSION,
            input=EXPRESSIONS,
            collect=NAME,
            write=NAME,
            max_parallel={"type": "integer", "minimum": 1, "maximum": 1000},
            on_item_error={"enum": ["fail", "keep"]},
        ),
        config_check=_check_map,
    ),
    make_tool(
        "ask_human",
        ask_human,
        config=_config(
            ["question", "write"],
            question={"type": "string", "minLength": 1},
            schema={"type": ["object", "boolean", "null"]},
            timeout_s={"type": ["number", "null"], "exclusiveMinimum": 0},
            default={},
            write=NAME,
        ),
        config_check=_check_question,
    ),
)
