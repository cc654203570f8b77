"""Tools by name, and what a tool sees of the run that calls it.

    @register("word_count", description="Counts words.")
    async def word_count(context: ToolContext, *, text: str) -> Counted:      # Counted is a TypedDict
        return {"words": len(text.split())}

A function that takes `(context, state)` reads the state itself. One that takes keyword arguments gets those keys of the
state; the JSON Schemas of its inputs and outputs come from its annotations. A plug-in is a package whose entry point in
the group `agentsite.tools` names such a tool, or a function that takes the Registry and adds several.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from threading import RLock
from typing import Any, Protocol, cast, get_type_hints
from uuid import UUID

from graphs_app.engine.checkpoint import Json, Usage
from graphs_app.engine.errors import ToolMisdeclared, ToolTwice, ToolUnknown
from graphs_app.engine.limits import MAX_NAME, Limits
from graphs_app.engine.schema import schema_of, schema_problem

ENTRY_POINT_GROUP = "agentsite.tools"


class Clock(Protocol):
    """Time, passed in so that tests need not wait."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...
    def call_later(self, seconds: float, callback: Callable[[], None]) -> "Timer": ...


class Timer(Protocol):
    """What Clock.call_later gives back."""

    def cancel(self) -> None: ...


class ToolContext(Protocol):
    """What a tool may know and do. One exists for each attempt."""

    @property
    def run_id(self) -> UUID: ...
    @property
    def node_run_id(self) -> UUID: ...
    @property
    def node_id(self) -> str: ...
    @property
    def attempt(self) -> int:
        """From 1."""

    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def metadata(self) -> Mapping[str, Any]:
        """Graph-specific metadata of the run, such as the session and request it serves."""

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be written outside the run."""

    @property
    def clock(self) -> Clock: ...
    @property
    def limits(self) -> Limits:
        """What this run may take."""

    async def rest(self, seconds: float) -> None:
        """Waits, counted from the attempt's beginning. A tool rests once, before all else that it does.

        A run of which nothing else works is let go meanwhile, so that it holds no worker; the tool is then called again
        from its start. To wait for less than that by `clock.sleep` is no rest.
        """

    def waits(self, names: Collection[str], seconds: float) -> AbstractContextManager[None]:
        """Around what only waits, for at most so long, until one of what these names stand for is free again.

        Before the attempt has said, asked or spent anything its run may be let go meanwhile, as by rest(); the tool is
        called again in the same attempt when the time has come, or whoever registered with `awaited` tells of room.
        """

    @property
    def rested_s(self) -> float:
        """How long this attempt had lasted when the tool was called again in it; 0 when it is called first."""

    def emit_text(self, text: str) -> None:
        """Streams words to whoever watches, up to limits.max_text characters. Raises RunTooLarge where the run has no
        room for them."""

    def emit(self, type: str, data: Json) -> None:
        """Writes a stored event of the catalogue. Raises RunTooLarge where the run has no room for it."""

    def progress(self, done: int, total: int | None = None) -> None:
        """Tells how far a long tool is."""

    def effect(self, name: str, payload: Json, *, also_on_failure: bool = False) -> None:
        """Asks for a registered write outside the run, once, in the transaction that completes this node run.

        With also_on_failure it happens too when this attempt fails, times out or is stopped: for what has happened
        whatever comes of the node, such as a model call that is to be paid. It is then written with the attempt's end.
        """

    def hold(self, size: int, *, happened: bool = False) -> None:
        """Counts bytes that are kept because of this attempt, besides what it writes, says and emits.

        Raises RunTooLarge where the run has no room for them. What has happened anyway is counted all the same, and
        the run ends with this node if that was too much.
        """

    def spend(self, usage: Usage) -> None:
        """Adds to what this node run spent."""

    def secret(self, name: str) -> str:
        """A secret by its name; raises SecretMissing. Never write it into state, text or events."""

    async def ask(
        self, question: str, *, schema: Json | None, default: Any, has_default: bool, timeout_s: float | None
    ) -> Any:
        """Pauses the run for a person; returns the answer once there is one."""

    async def sub_run(self, key: str, graph: str, version: int | None, initial_state: Json) -> Json:
        """Runs another graph as part of this node run and returns its final state; key tells sub-runs apart."""

    def listen(self) -> "asyncio.Queue[str]":
        """Where the keys of sub-runs come in that waited for a person and can go on, while this tool still works."""

    def unlisten(self) -> None:
        """For a tool that listened, before it waits itself."""


ToolFunction = Callable[[ToolContext, Mapping[str, Any]], Awaitable[Json]]
ConfigCheck = Callable[[Mapping[str, Any]], Iterable[tuple[str, str, str]]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A registered function that nodes run. Calling it calls the function."""

    name: str
    function: ToolFunction
    description: str
    inputs: Json = field(default_factory=dict)
    """JSON Schema of the state keys it reads; checked before it is called."""
    outputs: Json = field(default_factory=dict)
    """JSON Schema of its writes; checked when it returns."""
    config: Json = field(default_factory=dict)
    """JSON Schema of its node's config; checked when a graph is saved."""
    effects: bool = False
    """Whether it writes outside the run, which a dry run must not do."""
    rehearses: bool = False
    """Whether a dry run calls it although it has effects: it asks `context.dry_run`, and leaves them out."""
    deterministic: bool = False
    """Whether it always does the same with the same state: a loop of such tools that changes nothing has no end."""
    rests: bool = False
    """Whether its attempt goes on after a crash as the same one: it only waits, for its time or for sub-runs."""
    config_check: ConfigCheck | None = None
    """What JSON Schema cannot say of a config that fits it: yields (pointer in the config, code, message)."""

    def __call__(self, context: ToolContext, state: Mapping[str, Any]) -> Awaitable[Json]:
        return self.function(context, state)


Promise = Callable[[], Iterable[Tool]]
"""Makes the tools that were promised."""


class Registry:
    """Tools by name."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        self._promised: dict[str, Promise] = {}
        self._lock = RLock()
        for tool in tools:
            self.add(tool)

    def promise(self, names: Iterable[str], promise: Promise) -> None:
        """Tools by their names, which are made when one of them is first asked for: to load them may take long."""
        self._promised |= dict.fromkeys(names, promise)

    def add(self, tool: Tool) -> Tool:
        """Adds a tool; adding the same again changes nothing."""
        return self._put(tool, self._find(tool.name))

    def _put(self, tool: Tool, known: Tool | None) -> Tool:
        if known is not None and not _same(known, tool):
            raise ToolTwice(
                f"A tool named {tool.name!r} is registered already ({_place(known)}); {_place(tool)} needs another name"
            )
        for part in ("inputs", "outputs", "config"):
            problem = schema_problem(getattr(tool, part))
            if problem is not None:
                raise ToolMisdeclared(f"The {part} of tool {tool.name!r} are not a JSON Schema: {problem}")
        if not tool.name or len(tool.name) > MAX_NAME:
            raise ToolMisdeclared(f"A tool's name has 1 to {MAX_NAME} characters, not {len(tool.name)}")
        self._tools[tool.name] = tool
        return tool

    def get(self, name: str) -> Tool:
        tool = self._find(name)
        if tool is None:
            there_are = ", ".join(sorted({*self._tools, *self._promised})) or "none"
            raise ToolUnknown(f"No tool is named {name!r}; there are {there_are}")
        return tool

    def _find(self, name: str) -> Tool | None:
        tool = self._tools.get(name)
        if tool is None and (promise := self._promised.get(name)) is not None:
            self._keep(promise)
            tool = self._tools.get(name)
        return tool

    def _keep(self, promise: Promise) -> None:
        with self._lock:
            if promise in self._promised.values():
                for tool in promise():
                    self._put(tool, self._tools.get(tool.name))
                # Only now: who asks meanwhile must find it in one or the other.
                self._promised = {name: other for name, other in self._promised.items() if other is not promise}

    def _keep_all(self) -> None:
        for promise in set(self._promised.values()):
            self._keep(promise)

    def __contains__(self, name: object) -> bool:
        return name in self._tools or name in self._promised

    def __iter__(self) -> Iterator[Tool]:
        self._keep_all()
        return iter(sorted(self._tools.values(), key=lambda tool: tool.name))

    def __len__(self) -> int:
        self._keep_all()
        return len(self._tools)


REGISTRY = Registry()
"""The process's tools: what `register` and plug-ins add to unless told otherwise."""


def register(
    name: str,
    *,
    description: str | None = None,
    inputs: Json | None = None,
    outputs: Json | None = None,
    config: Json | None = None,
    effects: bool = False,
    rehearses: bool | None = None,
    deterministic: bool = False,
    config_check: ConfigCheck | None = None,
    registry: Registry | None = None,
) -> Callable[[Callable[..., Any]], Tool]:
    """Decorator: makes an async function a tool and registers it."""

    def decorate(function: Callable[..., Any]) -> Tool:
        tool = make_tool(
            name,
            function,
            description=description,
            inputs=inputs,
            outputs=outputs,
            config=config,
            effects=effects,
            rehearses=rehearses,
            deterministic=deterministic,
            config_check=config_check,
        )
        return (REGISTRY if registry is None else registry).add(tool)

    return decorate


def make_tool(
    name: str,
    function: Callable[..., Any],
    *,
    description: str | None = None,
    inputs: Json | None = None,
    outputs: Json | None = None,
    config: Json | None = None,
    effects: bool = False,
    rehearses: bool | None = None,
    deterministic: bool = False,
    rests: bool = False,
    config_check: ConfigCheck | None = None,
) -> Tool:
    """A tool of an async function; what is not said is taken from its annotations, its docstring and its code."""
    if not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))):  # noqa: B004
        raise ToolMisdeclared(f"Tool {name!r} must be an async function, {function!r} is not")
    call, inferred = _adapted(name, function)
    return Tool(
        name=name,
        function=call,
        description=description if description is not None else _first_line(function),
        inputs=inputs if inputs is not None else inferred,
        outputs=outputs if outputs is not None else _returned(function),
        config=config or {},
        effects=effects,
        rehearses=_asks_dry_run(function) if rehearses is None else rehearses,
        deterministic=deterministic,
        rests=rests,
        config_check=config_check,
    )


def load_plugins(registry: Registry = REGISTRY, points: Iterable[EntryPoint] | None = None) -> list[str]:
    """Loads every plug-in that is installed and answers their names; raises ToolMisdeclared where that fails."""
    names = []
    for point in entry_points(group=ENTRY_POINT_GROUP) if points is None else points:
        try:
            loaded = point.load()
        except (ImportError, AttributeError, SyntaxError) as error:
            raise ToolMisdeclared(f"The plug-in {point.name!r} ({point.value}) cannot be loaded: {error}") from error
        if isinstance(loaded, Tool):
            registry.add(loaded)
        elif callable(loaded):
            loaded(registry)
        elif not inspect.ismodule(loaded):
            raise ToolMisdeclared(
                f"The plug-in {point.name!r} ({point.value}) must name a tool, a function that takes the registry, or "
                f"a module that registers its tools when it is imported; it names {loaded!r}"
            )
        names.append(point.name)
    return names


def _adapted(name: str, function: Callable[..., Any]) -> tuple[ToolFunction, Json]:
    """The function as (context, state), and the schema of its inputs."""
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise ToolMisdeclared(f"Tool {name!r} must take a context, and the state or keys of it")
    keys = parameters[1:]
    if len(keys) == 1 and keys[0].kind is not keys[0].KEYWORD_ONLY and keys[0].name in ("state", "_state", "_"):
        return cast("ToolFunction", function), {}
    for key in keys:
        if key.kind in (key.VAR_POSITIONAL, key.VAR_KEYWORD, key.POSITIONAL_ONLY):
            raise ToolMisdeclared(f"Tool {name!r} must name the keys of the state it reads; {key} names none")
    hints = get_type_hints(function)
    names = tuple(key.name for key in keys)
    schema: Json = {
        "type": "object",
        "properties": {key: schema_of(hints.get(key, Any)) for key in names},
        "required": [key.name for key in keys if key.default is key.empty],
    }

    def call(context: ToolContext, state: Mapping[str, Any]) -> Awaitable[Json]:
        result: Awaitable[Json] = function(context, **{key: state[key] for key in names if key in state})
        return result

    call.__module__, call.__qualname__ = function.__module__, function.__qualname__
    return call, schema


def _returned(function: Callable[..., Any]) -> Json:
    try:
        returned = get_type_hints(function).get("return")
    except (NameError, TypeError):
        return {}
    schema = schema_of(returned)
    return schema if schema.get("properties") else {}


def _asks_dry_run(function: Callable[..., Any]) -> bool:
    """Whether the function's own code names `dry_run`; one that has a helper ask says rehearses=True."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and "dry_run" in code.co_names


def _first_line(function: Callable[..., Any]) -> str:
    lines = (inspect.getdoc(function) or "").splitlines()
    return lines[0] if lines else ""


def _same(one: Tool, other: Tool) -> bool:
    """Whether it is the same tool, also when its module was imported twice."""
    return one == other or (_place(one) == _place(other) and "<locals>" not in _place(one))


def _place(tool: Tool) -> str:
    function = tool.function
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '?')}.{name}"
