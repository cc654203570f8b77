"""Asking a model on behalf of a node: choose, reserve, stream, keep account; and ask a person where the budget ends.

1. The desk puts the endpoints that can be called in order, with reasons, and reserves the call's worst cost.
2. What is busy, resting or refuses before its first words gives way to the next.
3. The answer streams. One that breaks off ends the attempt: the engine's next one begins anew, elsewhere if it can.
4. Whatever came of it, the ledger has the call, and the run what it cost.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from graphs_app.engine.checkpoint import Usage
from graphs_app.engine.errors import RunLimitReached
from graphs_app.engine.registry import ToolContext
from graphs_app.engine.values import text_size
from graphs_app.snapshots import SNAPSHOT
from refine_app.diffs.thoughts import without_thoughts
from refine_app.model_clients import desk as desks
from refine_app.model_clients.client import Delta, Message, TokenCount
from refine_app.model_clients.desk import (
    Asked,
    Begun,
    Caller,
    Closed,
    Desk,
    Opened,
    Planned,
    Spent,
    planned_after,
    worst_of,
)
from refine_app.model_clients.endpoints import awaited_name, prepare_clients
from refine_app.model_clients.errors import (
    BudgetExhausted,
    EndpointTimeout,
    EndpointUnavailable,
    ModelError,
    NoRoom,
    OutputInvalid,
    RunStuck,
    StreamBroken,
    ThinkingLimitReached,
)
from refine_app.model_clients.quirks import Quirks
from refine_app.model_clients.tokens import count_tokens, estimate
from refine_app.prompts.rendering import PromptText
from refine_app.routing.endpoints import Choice, Complexity, Needs
from refine_app.routing.roles import role_of
from refine_app.tools.budget_end import ask_a_person, decided

EFFECT = "model_call.record"
KEPT_TEXT = 100_000
"""So many characters of a prompt or a reply are kept at most."""
FREER = 0.5
"""By how much the temperature is raised in a run that was taken back to before its loop."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a node asks a model."""

    messages: Sequence[Message]
    max_tokens: int
    temperature: float = 0.2
    complexity: Complexity = "medium"
    why_complexity: str = ""
    prompt_version: str = ""
    agent: str = ""
    mark: str = ""
    """What tags in the messages end in; it is new for every node run, and makes no other question."""

    @property
    def prompt_tokens(self) -> int:
        return sum(estimate(message.content) for message in self.messages)

    @property
    def input_hash(self) -> str:
        said = "\0".join(f"{message.role}:{message.content}" for message in self.messages)
        said = said.replace(self.mark, "") if self.mark else said
        return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


@dataclass(slots=True)
class Reply:
    """What a model answered."""

    endpoint: str
    model: str
    reason: str
    text: str = ""
    finish_reason: str = ""

    @property
    def answer(self) -> str:
        """Without the thoughts that stand in it."""
        return without_thoughts(self.text)


async def has_model(context: ToolContext) -> bool:
    """Whether any endpoint can be called; tools that can do without one ask this first."""
    return await desks.current().has_endpoints()


async def ask_model(context: ToolContext, question: Question, on_text: Callable[[str], None] | None = None) -> Reply:
    """The answer of the best endpoint that gives one. Raises ModelErrors; pauses the run at the end of its budget."""
    desk = desks.current()
    caller = _caller(context, question.agent)
    if context.metadata.get("rolled_back"):
        # The run turned in circles here before: the same again would only lead into the same circle.
        question = replace(question, temperature=min(1.0, question.temperature + FREER))
    asked = Asked(
        caller,
        _needs(context, question),
        messages=question.messages,
        prompt_version=question.prompt_version,
        input_hash=question.input_hash,
    )
    context.hold(sum(_kept_size(message.content) for message in question.messages))
    try:
        return await _try_each(context, desk, asked, question, on_text)
    except BudgetExhausted as error:
        exhausted = error
        decision = await ask_a_person(context, error)
    needs = await decided(desk, caller, decision, exhausted, asked.needs)
    return await _try_each(context, desk, replace(asked, needs=needs), question, on_text)


async def prompts_for(context: ToolContext, names: Sequence[str]) -> Mapping[str, PromptText]:
    """The prompts that a run asks with: those in production, or those of the snapshot that it goes by."""
    snapshot = context.metadata.get(SNAPSHOT)
    return await desks.current().prompts(names, UUID(snapshot) if isinstance(snapshot, str) else None)


def _kept_size(text: str) -> int:
    """Bytes that are kept of a prompt or a reply beside the run, where texts are kept."""
    return text_size(text[:KEPT_TEXT])


def _caller(context: ToolContext, agent: str) -> Caller:
    return Caller(
        run_id=context.run_id,
        node_run_id=context.node_run_id,
        node_id=context.node_id,
        attempt=context.attempt,
        agent=agent or str(context.config.get("agent") or context.node_id),
        dry_run=context.dry_run,
    )


def _needs(context: ToolContext, question: Question) -> Needs:
    wish = str(context.config.get("endpoint") or "")
    tier = str(context.config.get("tier") or "")
    return Needs(
        prompt_tokens=question.prompt_tokens,
        max_tokens=question.max_tokens,
        complexity=question.complexity,
        why_complexity=question.why_complexity,
        endpoint="" if wish == "auto" else wish,
        tier="" if tier == "auto" else tier,
        role=role_of(question.agent or str(context.config.get("agent") or "")) or "",
    )


async def _try_each(
    context: ToolContext, desk: Desk, asked: Asked, question: Question, on_text: Callable[[str], None] | None
) -> Reply:
    """The first answer. Where a call is refused before its first words, the next choice is asked."""
    try:
        begun = await _begin(context, desk, asked)
        planned, opened = begun.planned, begun.opened
        refusals, waiting = list(begun.refusals), list(begun.others)
        has_more_room = False
        while True:
            call = _Call(context, desk, planned, opened, question)
            try:
                return await call.run(on_text)
            except ModelError as refusal:
                if call.length:
                    raise
                if isinstance(refusal, ThinkingLimitReached):
                    if has_more_room:  # it would think for as long as it may, at our cost
                        raise refusal.given_up() from refusal
                    has_more_room = refusal.retryable
                    waiting[:0] = [_with_more_room(planned, call.quirks)] if has_more_room else []
                refusals.append(refusal)
            planned, opened = await _open_next(desk, asked, waiting, refusals)
    except RunStuck as stuck:
        if not context.dry_run:
            context.effect("run.roll_back", {"node_id": context.node_id, "reason": str(stuck)}, also_on_failure=True)
        raise


def _with_more_room(planned: Planned, quirks: Quirks) -> Choice:
    """The same endpoint again, now that it is known how much room its thoughts take."""
    return Choice(planned.endpoint.with_quirks(quirks), planned.reason)


async def _begin(context: ToolContext, desk: Desk, asked: Asked) -> Begun:
    """Waits where no endpoint may be called just now: nobody was asked, so that no attempt of the node's has failed."""
    began = context.clock.monotonic() - context.rested_s
    while True:
        try:
            return await desk.begin(asked)
        except NoRoom as refusal:
            patience_s = desk.patience_s(context.clock.monotonic() - began)
            if patience_s <= 0:
                raise
            with context.waits([awaited_name(slug) for slug in refusal.endpoints], patience_s):
                await desk.room(refusal, patience_s)


async def _open_next(
    desk: Desk, asked: Asked, waiting: list[Choice], refusals: list[ModelError]
) -> tuple[Planned, Opened]:
    while waiting:
        planned = planned_after(asked, waiting.pop(0), refusals)
        try:
            return planned, await desk.open(planned)
        except RunStuck:
            raise
        except ModelError as refusal:
            refusals.append(refusal)
    raise worst_of(refusals)


class _Call:
    """One call that was opened at the desk."""

    def __init__(self, context: ToolContext, desk: Desk, planned: Planned, opened: Opened, question: Question) -> None:
        self._context = context
        self._desk = desk
        self._planned = planned
        self._opened = opened
        self._question = question
        self._began = context.clock.monotonic()
        self._first_words_ms: float | None = None
        self._parts: list[str] = []
        self._tokens: TokenCount | None = None
        self._finish_reason = ""
        self.length = 0
        """Characters that were streamed."""
        self._thoughts: list[str] = []
        self.quirks = planned.endpoint.quirks
        """Of the endpoint's server, as far as they are known by now."""
        for lost in opened.unaccounted:
            _account(context, lost)

    async def run(self, on_text: Callable[[str], None] | None) -> Reply:
        await prepare_clients()
        client = self._planned.endpoint.client()
        question = self._question
        try:
            limit = self._planned.endpoint.limit_for(question.prompt_tokens, question.max_tokens)
            stream = client.stream(question.messages, max_tokens=limit, temperature=question.temperature)
            try:
                async with aclosing(cast(Any, stream)) as deltas:
                    async for delta in deltas:
                        self._take(delta, on_text)
            finally:
                self.quirks = client.quirks
        except ModelError as error:
            await self._close(error.code, error)
            raise
        except (asyncio.CancelledError, RunLimitReached):  # the run may say no more, and what was said is paid
            await asyncio.shield(self._close("cancelled", None))
            raise
        await self._close("completed", None)
        endpoint = self._planned.endpoint
        return Reply(endpoint.slug, endpoint.model, self._planned.reason, "".join(self._parts), self._finish_reason)

    def _take(self, delta: Delta, on_text: Callable[[str], None] | None) -> None:
        if delta.text:
            if self._first_words_ms is None:
                self._first_words_ms = self._elapsed_ms()
                if self._planned.endpoint.breaker != "closed":
                    self._desk.answers(self._planned.endpoint.slug)
            self._parts.append(delta.text)
            self.length += len(delta.text)
            self._desk.hear(self._opened.call_id, self._heard)
            if on_text is not None:
                on_text(delta.text)
        elif delta.thought:
            self._thoughts.append(delta.thought)
            self._desk.hear(self._opened.call_id, self._heard)
        self._tokens = delta.tokens or self._tokens
        self._finish_reason = delta.finish_reason or self._finish_reason

    def _heard(self) -> str:
        """Thoughts are paid for as words are."""
        self._parts, self._thoughts = ["".join(self._parts)], ["".join(self._thoughts)]
        return self._thoughts[0] + self._parts[0]

    def _elapsed_ms(self) -> float:
        return round((self._context.clock.monotonic() - self._began) * 1000, 3)

    async def _close(self, outcome: str, error: ModelError | None) -> None:
        tokens = self._tokens or self._estimated(error)
        endpoint = self._planned.endpoint
        closed = Closed(
            call_id=self._opened.call_id,
            endpoint=endpoint.slug,
            outcome=outcome,
            tokens=tokens,
            cost_usd=endpoint.cost_of(tokens.prompt, tokens.completion),
            latency_ms=self._elapsed_ms(),
            first_words_ms=self._first_words_ms,
            discarded=0 if outcome == "completed" else self.length,
            error="" if error is None else str(error)[:500],
            reply="".join(self._parts),
            is_fault=error is not None and _is_fault(error),
            rest_s=0.0 if error is None else error.retry_after_s or 0.0,
            learnt=None if self.quirks == endpoint.quirks else self.quirks,
        )
        self._context.hold(_kept_size(closed.reply), happened=True)
        _record(self._context, self._planned, closed)
        await self._desk.close(closed)

    def _estimated(self, error: ModelError | None) -> TokenCount:
        """Of a call that ended early: nothing was read where it was refused before the first words."""
        if not self.length and not self._thoughts:
            is_charged = error is None or isinstance(error, EndpointTimeout | StreamBroken | OutputInvalid)
            return TokenCount(self._question.prompt_tokens if is_charged else 0, 0, estimated=True)
        return count_tokens(self._question.messages, self._heard(), None, max_tokens=self._question.max_tokens)


def _is_fault(error: ModelError) -> bool:
    """Whether it tells of the endpoint's health, and not of our account, our limits or our text."""
    if isinstance(error, EndpointUnavailable):
        return error.retryable
    return isinstance(error, EndpointTimeout | StreamBroken | OutputInvalid)


def _record(context: ToolContext, planned: Planned, closed: Closed) -> None:
    """What the run spent, and the ledger's row in the transaction that says so."""
    tokens = closed.tokens
    context.spend(Usage(closed.endpoint, tokens.prompt, tokens.completion, closed.cost_usd))
    if context.dry_run:
        return
    context.effect(
        EFFECT,
        {
            "id": str(closed.call_id),
            "endpoint": closed.endpoint,
            "model": planned.endpoint.model,
            "node_id": planned.caller.node_id,
            "agent": planned.caller.agent,
            "attempt": planned.caller.attempt,
            "reason": planned.reason,
            "prompt_version": planned.asked.prompt_version,
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.completion,
            "tokens_estimated": tokens.estimated,
            "cost_usd": None if closed.cost_usd is None else str(closed.cost_usd),
            "latency_ms": closed.latency_ms,
            "discarded": closed.discarded,
            "outcome": closed.outcome,
        },
        also_on_failure=True,
    )


def _account(context: ToolContext, lost: Spent) -> None:
    """A dead worker's call is paid all the same, so the run's sums get it now."""
    context.spend(Usage(lost.endpoint, lost.prompt_tokens, lost.completion_tokens, lost.cost_usd))
    if not context.dry_run:
        context.effect(EFFECT, {"id": str(lost.call_id), "endpoint": lost.endpoint}, also_on_failure=True)
