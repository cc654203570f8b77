"""What a tool is given: one Context for each attempt of a node run."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from graphs_app.engine.checkpoint import ENTRY_BYTES, Effect, Emitted, Entry, Json, Usage
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.errors import AskedTwice, PermanentError, ToolError, clean_text
from graphs_app.engine.host import Host
from graphs_app.engine.interrupt import Asked, Question
from graphs_app.engine.limits import MAX_FORM_BYTES, MAX_QUESTION, Limits
from graphs_app.engine.registry import Clock
from graphs_app.engine.values import frozen, frozen_object, text_size

NO_ANSWER = object()
HIDDEN = "[secret]"
LEAST_SECRET = 4
"""Characters. A shorter one would be found in half of all words."""


class Context:
    """See registry.ToolContext. Closed when its attempt is over: what a left-behind tool still says is not heard."""

    __slots__ = (
        "_activation",
        "_answer",
        "_asked",
        "_closed",
        "_consumption",
        "_host",
        "_lasted_s",
        "_length",
        "_note",
        "_said",
        "_texts",
        "_tries",
        "attempt",
        "awaits",
        "clock",
        "config",
        "effects",
        "held",
        "node_id",
        "rests_until",
        "secrets",
        "sub_runs",
        "usage",
    )

    def __init__(
        self,
        *,
        host: Host,
        note: Callable[[Entry], None],
        clock: Clock,
        activation: int,
        node_id: str,
        attempt: int,
        config: Mapping[str, Any],
        answer: Any,
        consumption: Consumption,
        tries: int,
        lasted_s: float = 0.0,
    ) -> None:
        self.node_id = node_id
        self.attempt = attempt
        self.config = config
        self.clock = clock
        self.effects: list[Effect] = []
        self.usage: Usage | None = None
        self._host = host
        self._note = note
        self._activation = activation
        self._answer = answer
        self._consumption = consumption
        self._tries = tries
        self._lasted_s = lasted_s
        self.rests_until: float | None = None
        """By the monotonic clock; None while the tool does not rest."""
        self.awaits: Collection[str] = ()
        """What it waits for until then, by names of `awaited`."""
        self.sub_runs = 0
        """How many the tool waits for."""
        self._asked = False
        self._closed = False
        self._said = answer is not NO_ANSWER
        """Whether calling the tool again would lose or repeat something."""
        self._texts: list[str] = []
        self._length = 0
        self.held = 0
        """Bytes that this attempt has taken of its run's allowance already, and that belong to the entry of its end."""
        self.secrets: tuple[str, ...] = ()
        """What the tool was given, which must not be written down."""

    @property
    def run_id(self) -> UUID:
        return self._host.run_id

    @property
    def node_run_id(self) -> UUID:
        return self._host.node_run_id(self._activation)

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self._host.metadata

    @property
    def dry_run(self) -> bool:
        return self._host.dry_run

    @property
    def text(self) -> str:
        """What was streamed."""
        if not self._texts:
            return ""
        return clean_text(hidden("".join(self._texts), self.secrets)[: self.limits.max_text])

    @property
    def limits(self) -> Limits:
        return self._consumption.limits

    def close(self) -> None:
        self._closed = True

    async def rest(self, seconds: float) -> None:
        left = max(0.0, seconds - self._lasted_s)
        self.rests_until = self.clock.monotonic() + left
        try:
            await self.clock.sleep(left)
        finally:
            self.rests_until = None

    @property
    def rested_s(self) -> float:
        return 0.0 if self._said else self._lasted_s

    @contextmanager
    def waits(self, names: Collection[str], seconds: float) -> Iterator[None]:
        if self._said:
            yield
            return
        self.rests_until, self.awaits = self.clock.monotonic() + max(0.0, seconds), names
        try:
            yield
        finally:
            self.rests_until, self.awaits = None, ()

    def emit_text(self, text: str) -> None:
        """What is over the limit is neither kept nor sent: nobody could read it again, and whoever reads slowly would
        have it in memory."""
        if self._closed or not text:
            return
        self._said = True
        text = hidden(text, self.secrets)
        offset = self._length
        room = self.limits.max_text - offset
        if len(text) > room:
            text = text[:room]
            if not text:
                return
        self.hold(text_size(text))
        self._length = offset + len(text)
        self._texts.append(text)
        self._host.stream(self._activation, self.node_id, self.attempt, offset, text)

    def emit(self, type: str, data: Json) -> None:
        if not self._closed:
            # A copy: it is stored later, when the tool may have changed what it gave.
            self._said = True
            payload, size = frozen_object(hidden(data, self.secrets))
            size += ENTRY_BYTES
            self._consumption.take(size)
            self._note(Emitted(self._activation, self.node_id, type, payload, self.clock.now(), size))

    def progress(self, done: int, total: int | None = None) -> None:
        if not self._closed:
            self._host.progress(self._activation, self.node_id, self.attempt, done, total)

    def effect(self, name: str, payload: Json, *, also_on_failure: bool = False) -> None:
        if self._closed:
            return
        if self.dry_run:
            raise ToolError(f"A dry run writes nothing outside itself: effect {name!r}", retryable=False)
        self._said = True
        copied, size = frozen_object(hidden(payload, self.secrets))
        self.hold(size, happened=also_on_failure)
        self.effects.append(Effect(name, copied, also_on_failure))

    def hold(self, size: int, *, happened: bool = False) -> None:
        if happened:
            self._consumption.kept_bytes += size
        else:
            self._consumption.take(size)
        self.held += size

    @property
    def effects_on_failure(self) -> tuple[Effect, ...]:
        """What happens although the attempt failed."""
        return tuple(effect for effect in self.effects if effect.also_on_failure)

    def spend(self, usage: Usage) -> None:
        self._said = True
        self.usage = usage if self.usage is None else _sum(self.usage, usage)
        self._host.spend(self._activation, usage)

    def secret(self, name: str) -> str:
        value = self._host.secret(name)
        if len(value) >= LEAST_SECRET:
            self.secrets = (*self.secrets, value)
        return value

    async def ask(
        self, question: str, *, schema: Json | None, default: Any, has_default: bool, timeout_s: float | None
    ) -> Any:
        if self._asked:
            raise AskedTwice(f"Node {self.node_id!r} asked already; a node run asks one question. Use a node for each")
        self._asked = True
        if self._answer is not NO_ANSWER:
            return self._answer
        size = _question_size(question, schema, default)
        self._consumption.take(ENTRY_BYTES + size)
        raise Asked(Question(hidden(question, self.secrets), schema, default, has_default, timeout_s, size))

    async def sub_run(self, key: str, graph: str, version: int | None, initial_state: Json) -> Json:
        initial_state = hidden(initial_state, self.secrets)
        self.sub_runs += 1
        try:
            return await self._host.sub_run(self._activation, key, graph, version, initial_state, self._tries)
        finally:
            self.sub_runs -= 1

    def listen(self) -> "asyncio.Queue[str]":
        return self._host.listen(self._activation)

    def unlisten(self) -> None:
        self._host.unlisten(self._activation)


def hidden(value: Any, secrets: tuple[str, ...]) -> Any:
    """The value without the secrets; the same object where there are none."""
    if not secrets:
        return value
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, dict):
        return {hidden(key, secrets): hidden(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item, secrets) for item in value]
    return value


def _question_size(question: str, schema: Json | None, default: Any) -> int:
    """In bytes. Raises PermanentError for one that is too large to be shown to everybody who may answer."""
    if len(question) > MAX_QUESTION:
        raise PermanentError(f"A question has at most {MAX_QUESTION:,} characters; this one has {len(question):,}")
    form = frozen(schema)[1] + frozen(default)[1]
    if form > MAX_FORM_BYTES:
        raise PermanentError(
            f"A question's schema and default have at most {MAX_FORM_BYTES:,} bytes together; these have {form:,}"
        )
    return text_size(question) + form


def _sum(one: Usage, other: Usage) -> Usage:
    known = [usage.cost_usd for usage in (one, other) if usage.cost_usd is not None]
    return Usage(
        endpoint=other.endpoint or one.endpoint,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        cost_usd=sum(known[1:], known[0]) if known else None,
    )
