"""Runs one node: attempts, their timeouts, and what may go wrong in a tool; always ends in an Outcome.

The node executor is one of the outer edges: whatever a tool raises is caught here, logged with its ids, and becomes
the node run's error.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable
from datetime import timedelta
from math import inf
from random import Random
from typing import Protocol

from graphs_app.engine.checkpoint import ENTRY_BYTES, Entry, NodeLost, NodeRetried, NodeStarted
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.context import Context, hidden
from graphs_app.engine.errors import (
    AttemptLost,
    EngineError,
    InputsMismatch,
    NodeBlockedLoop,
    NodeCancelledItself,
    NodeError,
    NodeIgnoredCancel,
    NodeRaisedExit,
    NodeRecursed,
    NodeTimeout,
    OutputsMismatch,
    WritesInvalid,
)
from graphs_app.engine.host import Host
from graphs_app.engine.interrupt import Asked, SubRunInterrupted
from graphs_app.engine.limits import Limits
from graphs_app.engine.node_run import HELD, STOPPED, NodeRun, Outcome, node_run_of
from graphs_app.engine.registry import Clock
from graphs_app.engine.retry import delay_s
from graphs_app.engine.state import NO_WRITES, Writes, check_writes
from graphs_app.engine.values import text_size

logger = logging.getLogger(__name__)

NOT_CALLED = "Not called: this is a dry run, and the tool writes outside it."


class Owner(Protocol):
    """What an executor asks of the run that its nodes belong to."""

    def expire(self, node_run: NodeRun) -> None:
        """The node's timeout_s is over."""

    def is_let_go(self) -> bool:
        """Whether the whole run stops here, and nothing more of it is to be written."""

    def is_draining(self) -> bool:
        """Whether the worker is stopping."""


class Executor:
    """Runs the nodes of one run."""

    __slots__ = ("clock", "consumption", "host", "limits", "note", "owner", "random")

    def __init__(
        self,
        *,
        host: Host,
        note: Callable[[Entry], None],
        clock: Clock,
        random: Random,
        limits: Limits,
        consumption: Consumption,
        owner: Owner,
    ) -> None:
        self.host = host
        self.note = note
        self.clock = clock
        self.random = random
        self.limits = limits
        self.consumption = consumption
        self.owner = owner

    async def execute(self, node_run: NodeRun) -> Outcome:
        """All attempts. Raises only what the journal raises, and CancelledError when the whole run is let go."""
        step = node_run.step
        if node_run.next_at is not None:
            left_s = (node_run.next_at - self.clock.now()).total_seconds()
            otherwise = await self._rest(node_run, max(0.0, left_s))
            if otherwise is not None:
                return otherwise
        while True:
            lasted_s = 0.0
            if node_run.goes_on:
                node_run.goes_on = False
                lasted_s = max(0.0, (self.clock.now() - node_run.started_at).total_seconds())
            else:
                if node_run.lost is not None:
                    self._tell_lost(node_run, node_run.lost)
                node_run.attempt += 1
                node_run.started_at = self.clock.now()
                self.note(
                    NodeStarted(
                        node_run.activation,
                        step.node.node_id,
                        step.tool.name,
                        node_run.attempt,
                        node_run.seen,
                        node_run.started_at,
                    )
                )
            node_run.started = self.clock.monotonic() - lasted_s
            outcome = await self._attempt(node_run, lasted_s)
            node_run.left_s = 0.0
            if outcome.error is None or node_run.stop == "stop" or node_run.abandoned:
                return outcome
            otherwise = await self._wait_for_next(node_run, outcome)
            if otherwise is not None:
                return otherwise

    def _tell_lost(self, node_run: NodeRun, saw: int) -> None:
        """Writes down an attempt that is over without anybody knowing how."""
        node_run.lost = None
        node, tool = node_run.step.node, node_run.step.tool
        body = node_run.error_json(
            AttemptLost(f"Its worker stopped or died before it was over, so it is made again ({node_run})")
        )
        size = ENTRY_BYTES + text_size(body["message"])
        self.consumption.kept_bytes += size
        self.note(
            NodeLost(
                node_run.activation, node.node_id, tool.name, node_run.attempt, saw, body, node_run.started_at, size
            )
        )

    async def _wait_for_next(self, node_run: NodeRun, outcome: Outcome) -> Outcome | None:
        """None when it is time for another attempt, else how the node run ends here."""
        error = outcome.error
        if error is None:
            raise RuntimeError("Only what failed is tried again")
        node_run.stop = ""
        node = node_run.step.node
        delay = delay_s(retry=node.retry, attempt=node_run.attempt, error=error, random=self.random)
        if delay is None:
            return outcome
        context = node_run.context
        body = node_run.error_json(error)
        text = "" if context is None else context.text
        held = 0 if context is None else context.held
        size = ENTRY_BYTES + text_size(body["message"]) + held
        self.consumption.kept_bytes += size - held + ENTRY_BYTES
        self.note(
            NodeRetried(
                node_run.activation,
                node.node_id,
                node_run.step.tool.name,
                node_run.attempt,
                node_run.seen,
                body,
                delay,
                self.clock.now(),
                None if context is None else context.usage,
                () if context is None else context.effects_on_failure,
                size,
                node_run.started_at,
                (self.clock.monotonic() - node_run.started) * 1000,
                text,
            )
        )
        if self.consumption.excess is not None:
            return outcome
        if context is not None:
            # This is told now; should the run end before the next attempt, it must not be told again.
            context.usage = None
            context.effects.clear()
            context.held = 0
        if self.owner.is_draining():
            return HELD
        node_run.next_at = self.clock.now() + timedelta(seconds=delay)
        return await self._rest(node_run, delay)

    async def _rest(self, node_run: NodeRun, delay: float) -> Outcome | None:
        """Waits for the next attempt; None when it is time, else how the node run ends here."""
        node_run.is_at_rest = True
        node_run.rests_until = self.clock.monotonic() + delay
        try:
            await self.clock.sleep(delay)
        except asyncio.CancelledError:
            if not node_run.stop or self.owner.is_let_go():
                raise
            await self._absorb_cancel()
            return STOPPED if node_run.stop == "stop" else HELD
        finally:
            node_run.is_at_rest = False
            node_run.next_at = None
        return None

    async def _attempt(self, node_run: NodeRun, lasted_s: float) -> Outcome:
        step = node_run.step
        node = step.node
        context = node_run.context = Context(
            host=self.host,
            note=self.note,
            clock=self.clock,
            activation=node_run.activation,
            node_id=node.node_id,
            attempt=node_run.attempt,
            config=node.config,
            answer=node_run.answer,
            consumption=self.consumption,
            tries=min(node_run.attempt, node.retry.max_attempts),  # an attempt after a crash is no second try
            lasted_s=lasted_s,
        )
        node_run.blocked_s = 0.0
        if node.timeout_s is not None:
            left_s = min(node.timeout_s, max(node.timeout_s - lasted_s, node_run.left_s))
            node_run.expires = self.clock.monotonic() + left_s
            node_run.timer = self.clock.call_later(left_s, lambda: self.owner.expire(node_run))
        try:
            if step.check_inputs is not None and (problem := step.check_inputs(node_run.view)) is not None:
                raise InputsMismatch(f"The state is not what tool {step.tool.name!r} needs: {problem} ({node_run})")
            if step.tool.effects and not step.tool.rehearses and self.host.dry_run:
                context.emit_text(NOT_CALLED)
                return Outcome("completed", NO_WRITES)
            writes = check_writes(await step.tool.function(context, node_run.view))
            if context.secrets:
                writes = check_writes(hidden(writes.values, context.secrets))
            if step.check_outputs is not None and (problem := step.check_outputs(writes.values)) is not None:
                raise OutputsMismatch(f"Tool {step.tool.name!r} breaks its declared outputs: {problem} ({node_run})")
            if node_run.stop or node_run.blocked_s:
                return await self._late(node_run, writes)
            return Outcome("completed", writes)
        except BaseException as error:
            if isinstance(error, GeneratorExit) and _is_thrown_away(node_run):
                raise
            return await self._raised(node_run, error)
        finally:
            if node_run.timer is not None:
                node_run.timer.cancel()
                node_run.timer = None
                node_run.expires = inf
            context.close()

    async def _late(self, node_run: NodeRun, writes: Writes) -> Outcome:
        """A result that came in spite of a timeout, a stop or a blocked loop."""
        await self._absorb_cancel()
        if node_run.stop == "timeout":
            return self._failed(node_run, _timed_out(node_run))
        if node_run.blocked_s > self.limits.max_blocked_s:
            return self._failed(node_run, _blocked(node_run))
        return Outcome("completed", writes)

    async def _raised(self, node_run: NodeRun, error: BaseException) -> Outcome:
        if isinstance(error, asyncio.CancelledError) or node_run.stop:
            await self._absorb_cancel()
        if node_run.stop == "stop":
            return STOPPED
        if node_run.stop == "timeout":
            return self._failed(node_run, _timed_out(node_run))
        if isinstance(error, asyncio.CancelledError):
            return self._failed(node_run, NodeCancelledItself(f"The tool cancelled itself ({node_run})"))
        if isinstance(error, Asked):
            return Outcome("waiting", question=error.question)
        if isinstance(error, SubRunInterrupted):
            return Outcome("waiting")
        return self._failed(node_run, _named(node_run, error))

    async def _absorb_cancel(self) -> None:
        """Takes a cancellation that was meant for the tool away from the task, also one not yet delivered."""
        if self.owner.is_let_go():
            raise asyncio.CancelledError
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            if self.owner.is_let_go():
                raise
        _uncancel()

    def _failed(self, node_run: NodeRun, error: BaseException) -> Outcome:
        expected = isinstance(error, EngineError)
        secrets = () if node_run.context is None else node_run.context.secrets
        told = str(error) if expected or not secrets else "".join(traceback.format_exception(error))
        logger.warning(
            "Node %s of run %s failed at attempt %d: %s: %s",
            node_run.step.node.node_id,
            node_run.run_id,
            node_run.attempt,
            type(error).__name__,
            hidden(told, secrets),
            exc_info=None if expected or secrets else error,
        )
        return Outcome("failed", error=error)


def left_behind(node_run: NodeRun, grace_s: float) -> Outcome:
    """The outcome of a node run whose tool did not stop when it was told to."""
    node_run.abandoned = True
    if node_run.context is not None:
        node_run.context.close()
    error = NodeIgnoredCancel(f"The tool went on for {grace_s} s after it was told to stop ({node_run})")
    logger.error("%s", error)
    return Outcome("failed", error=error)


def _is_thrown_away(node_run: NodeRun) -> bool:
    """Whether Python closes the coroutine, which must end then. A tool that raises by itself is in its own task."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return True
    return task is None or node_run_of(task) is not node_run


def _named(node_run: NodeRun, error: BaseException) -> BaseException:
    """The error, or where it does not say enough, one that names run, node and attempt."""
    try:
        str(error)
    except Exception:  # the words of a tool's own class of errors are the tool's code as well
        return NodeError(f"The tool raised {type(error).__name__}, whose message cannot be read ({node_run})")
    if isinstance(error, WritesInvalid):
        return WritesInvalid(f"{error} ({node_run})")
    if isinstance(error, RecursionError):
        return NodeRecursed(f"The tool recursed too deeply: {error} ({node_run})")
    if isinstance(error, Exception):
        return error
    return NodeRaisedExit(f"The tool raised {type(error).__name__}: {error} ({node_run})")


def _timed_out(node_run: NodeRun) -> NodeTimeout:
    return NodeTimeout(f"The tool took longer than its {node_run.step.node.timeout_s} s ({node_run})")


def _blocked(node_run: NodeRun) -> NodeBlockedLoop:
    return NodeBlockedLoop(
        f"The tool kept the event loop from working for {node_run.blocked_s:.1f} s ({node_run}); it must await, or use "
        "asyncio.to_thread for what takes long"
    )


def _uncancel() -> None:
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
