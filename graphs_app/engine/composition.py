"""Tools that compose graphs and people: `graph` (a sub-graph as a node), `map` (one sub-run per item), `ask_human`."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.conditions import ConditionInvalid, parse
from graphs_app.engine.errors import InputsMismatch, SubRunFailed, error_json
from graphs_app.engine.interrupt import SubRunInterrupted
from graphs_app.engine.limits import MAX_NAME, MAX_QUESTION
from graphs_app.engine.operations import kind_of
from graphs_app.engine.registry import Tool, ToolContext, make_tool
from graphs_app.engine.schema import CheckTooCostly, escape, mismatches, schema_faults

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
    most = context.limits.max_items
    if len(items) > most:
        raise InputsMismatch(
            f"map takes at most {most:,} items, {config['items']!r:.200} has {len(items):,}; give it a part of them, "
            "and go round a loop for the others"
        )
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

    at_once = config.get("max_parallel") or MAX_PARALLEL
    return {config["write"]: await _Items(context, len(items), at_once, run_item).results()}


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


class _Items:
    """The items of a map that are under way. What waits for a person makes room, and goes on when it is answered."""

    def __init__(
        self, context: ToolContext, count: int, at_once: int, run_item: Callable[[int], Awaitable[Any]]
    ) -> None:
        self._context = context
        self._at_once = at_once
        self._run_item = run_item
        self._results: list[Any] = [None] * count
        self._left = deque(range(count))
        self._waiting: dict[int, SubRunInterrupted] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._answered: asyncio.Task[str] | None = None

    async def results(self) -> list[Any]:
        """In order. The first failure stops the others; when only answers are missing, the node run waits."""
        try:
            self._fill()
            while self._workers:
                listening = set() if self._answered is None else {self._answered}
                done, _ = await asyncio.wait({*self._workers, *listening}, return_when=asyncio.FIRST_COMPLETED)
                self._workers -= done
                for task in done:
                    task.result()
                self._go_on()
                self._fill()
        finally:
            await self._stop()
        for interrupted in self._waiting.values():
            raise interrupted
        return self._results

    def _fill(self) -> None:
        while len(self._workers) < min(self._at_once, len(self._left) + len(self._workers)):
            self._workers.add(asyncio.ensure_future(self._work(self._left.popleft())))

    async def _work(self, index: int | None) -> None:
        while index is not None:
            try:
                self._results[index] = await self._run_item(index)
            except SubRunInterrupted as interrupted:
                self._waiting[index] = interrupted
            index = self._left.popleft() if self._left else None

    def _go_on(self) -> None:
        """Takes up again what was answered, and listens for more while something waits."""
        if self._answered is not None and self._answered.done():
            key, self._answered = self._answered.result(), None
            if self._waiting.pop(int(key), None) is not None:
                self._left.append(int(key))
        if self._waiting and self._answered is None:
            self._answered = asyncio.ensure_future(self._context.listen().get())

    async def _stop(self) -> None:
        self._context.unlisten()
        tasks = [*self._workers, *([] if self._answered is None else [self._answered])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
    if schema is None:
        return
    faults = schema_faults(schema)
    for fault in faults:
        yield f"/schema{fault.pointer}", "schema_invalid", f"This is not a JSON Schema that can be used: {fault.reason}"
    if not faults and config.get("default") is not None:  # null is what is taken where none is named
        yield from _check_default(config["default"], schema)


def _check_default(default: Any, schema: Any) -> Iterable[tuple[str, str, str]]:
    try:
        for mismatch in mismatches(default, schema):
            yield f"/default{mismatch.pointer}", "default_invalid", f"The default does not fit: {mismatch.message}"
    except CheckTooCostly as error:
        yield "/default", "default_invalid", f"The default cannot be checked. {error}"


def _config(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TOOLS: tuple[Tool, ...] = (
    make_tool(
        "graph",
        graph,
        config=_config(["graph"], graph=NAME, version=VERSION, input=EXPRESSIONS, write=NAME),
        rests=True,
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
        rests=True,
        config_check=_check_map,
    ),
    make_tool(
        "ask_human",
        ask_human,
        config=_config(
            ["question", "write"],
            question={"type": "string", "minLength": 1, "maxLength": MAX_QUESTION},
            schema={"type": ["object", "boolean", "null"]},
            timeout_s={"type": ["number", "null"], "exclusiveMinimum": 0},
            default={},
            write=NAME,
        ),
        config_check=_check_question,
    ),
)
