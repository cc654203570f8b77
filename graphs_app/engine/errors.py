"""What can go wrong in a graph and in a run: one class per cause, each with a stable `code`.

Raised when a graph is saved: DefinitionInvalid, ConditionInvalid. Raised by tools: ToolError and its kin. Everything
else is raised by the engine while a run goes on; `error_json` is the form in which a journal keeps any of them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sessions_app.plurals import counted

if TYPE_CHECKING:
    from graphs_app.engine.validate import Problem


class EngineError(Exception):
    """The parent of all errors of the engine."""

    code = "engine_error"
    retryable = True
    """Whether another attempt of the node could do better."""


# While a graph is saved or a run is started


class DefinitionInvalid(EngineError):
    """Raised when a definition with problems is to be compiled."""

    code = "definition_invalid"
    retryable = False

    def __init__(self, problems: "Sequence[Problem]") -> None:
        self.problems = tuple(problems)
        first = f": {self.problems[0].pointer} {self.problems[0].message}" if self.problems else ""
        super().__init__(f"The graph's definition has {counted(len(self.problems), 'problem')}{first}")


class ConditionInvalid(EngineError):
    """Raised when an expression does not parse; `column` counts from 1."""

    code = "condition_invalid"
    retryable = False

    def __init__(self, message: str, column: int) -> None:
        self.column = column
        super().__init__(f"column {column}: {message}")


class ToolUnknown(EngineError):
    """Raised when no tool is registered by a name."""

    code = "tool_unknown"
    retryable = False


class ToolTwice(EngineError):
    """Raised when a second tool wants a name that is taken."""

    code = "tool_twice"
    retryable = False


class ToolMisdeclared(EngineError):
    """Raised when a function cannot be a tool as it is declared."""

    code = "tool_misdeclared"
    retryable = False


# By tools


class ToolError(EngineError):
    """A tool's own failure. `retry_after_s` is the least time to wait before the next attempt."""

    code = "tool_error"

    def __init__(self, message: str, *, retry_after_s: float | None = None, retryable: bool = True) -> None:
        self.retry_after_s = retry_after_s
        self.retryable = retryable
        super().__init__(message)


class RetryableError(ToolError):
    """A failure that may pass, such as an endpoint that is busy."""

    code = "retryable_error"


class PermanentError(ToolError):
    """A failure that another attempt would only repeat."""

    code = "permanent_error"

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class SecretMissing(PermanentError):
    """Raised when a tool asks for a secret that nobody has set."""

    code = "secret_missing"


class SubRunFailed(ToolError):
    """Raised in the parent's tool when a sub-run failed or was cancelled; `error` is the sub-run's."""

    code = "sub_run_failed"

    def __init__(self, message: str, error: dict[str, Any] | None = None) -> None:
        self.error = error
        super().__init__(message)


class NestingTooDeep(PermanentError):
    """Raised when sub-graphs call each other without end."""

    code = "nesting_too_deep"


# While a node runs


class NodeError(EngineError):
    """What the engine has against a node run. The message names run, node and attempt."""

    code = "node_error"


class AttemptLost(NodeError):
    """An attempt whose worker stopped or died before it was over; never raised, only recorded."""

    code = "attempt_lost"


class NodeTimeout(NodeError):
    """Raised when an attempt takes longer than its node's timeout_s."""

    code = "node_timeout"


class NodeIgnoredCancel(NodeError):
    """Raised when a tool goes on after it was told to stop; it is left behind."""

    code = "node_ignored_cancel"
    retryable = False


class NodeBlockedLoop(NodeError):
    """Raised when a tool kept the event loop, and with it every other run, from working."""

    code = "node_blocked_loop"
    retryable = False


class NodeRaisedExit(NodeError):
    """Raised when a tool raises SystemExit, KeyboardInterrupt or another exception that is not an Exception."""

    code = "node_raised_exit"


class NodeCancelledItself(NodeError):
    """Raised when a tool raises CancelledError though nobody cancelled it."""

    code = "node_cancelled_itself"


class NodeCancelled(NodeError):
    """What is journaled for a node run that was stopped because its run ended."""

    code = "node_cancelled"
    retryable = False


class NodeRecursed(NodeError):
    """Raised when a tool recurses until Python gives up."""

    code = "node_recursed"
    retryable = False


class WritesInvalid(NodeError):
    """Raised when a tool returns what is not a JSON object."""

    code = "writes_invalid"


class OutputsMismatch(NodeError):
    """Raised when a tool's writes do not fit the outputs it declares."""

    code = "outputs_mismatch"


class InputsMismatch(NodeError):
    """Raised when the state does not hold what a tool declares as its inputs."""

    code = "inputs_mismatch"
    retryable = False


class ReducerMismatch(NodeError):
    """Raised when a reducer cannot combine what is in the state with what is written."""

    code = "reducer_mismatch"
    retryable = False


class StateTooLarge(NodeError):
    """Raised when a write would make the state larger than its limit."""

    code = "state_too_large"
    retryable = False


class StateReadOnly(EngineError):
    """Raised when a tool changes the state it was given in place instead of returning a write."""

    code = "state_read_only"
    retryable = False


class AskedTwice(NodeError):
    """Raised when one node run asks people more than one question."""

    code = "asked_twice"
    retryable = False


# That end a run


class LoopLimitError(EngineError):
    """Raised when an edge is traversed more often than max_iterations."""

    code = "loop_limit"


class LoopStuckError(LoopLimitError):
    """Raised when a run is back at a node with the very same state, and nothing in between could go otherwise; only in
    graphs that allow more rounds than usual."""

    code = "loop_stuck"


class ConditionFailed(EngineError):
    """Raised when an expression meets values it is not defined for; `column` counts from 1."""

    code = "condition_failed"
    retryable = False

    def __init__(self, message: str, column: int = 0) -> None:
        self.column = column
        super().__init__(f"column {column}: {message}" if column else message)


class RunTimeout(EngineError):
    """Raised when a run takes longer than its timeout_s."""

    code = "run_timeout"


class RunLimitReached(EngineError):
    """The parent of what ends a run because it takes more than it may; what it has done until then is kept."""

    code = "run_limit"
    retryable = False

    def __init__(self, message: str, *, limit: int, used: int) -> None:
        self.limit = limit
        self.used = used
        super().__init__(message)


class RunTooLarge(RunLimitReached):
    """Raised when a run and its sub-runs write more bytes than they may."""

    code = "run_too_large"


class TooManySteps(RunLimitReached):
    """Raised when a run and its sub-runs have more node runs than they may."""

    code = "too_many_steps"


class TooManySubRuns(RunLimitReached):
    """Raised when a run has more sub-runs, at all depths, than it may."""

    code = "too_many_sub_runs"


class RunCancelled(EngineError):
    """What is journaled for a run that a person, or a limit of its host, cancelled."""

    code = "run_cancelled"


class HistoryMismatch(EngineError):
    """Raised when a history does not belong to the graph it is replayed on."""

    code = "history_mismatch"


class LeaseLost(EngineError):
    """Raised by a journal when the run belongs to another worker now; nothing more is written."""

    code = "lease_lost"


MESSAGE_LIMIT = 4000


def clean_text(text: str) -> str:
    """The text without what stores refuse: NUL and lone surrogates become U+FFFD."""
    if text.isascii():
        return text.replace("\0", "\ufffd")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def error_json(
    error: BaseException, *, run_id: object = None, node_id: str | None = None, attempt: int | None = None
) -> dict[str, Any]:
    """The form of an error in journals, events and the API."""
    message = clean_text(str(error) or type(error).__name__)
    if len(message) > MESSAGE_LIMIT:
        message = f"{message[:MESSAGE_LIMIT]}… ({len(message)} characters)"
    body: dict[str, Any] = {"type": type(error).__name__, "message": message}
    code = getattr(error, "code", None)
    if isinstance(code, str):
        body["code"] = code
    if isinstance(error, RunLimitReached):
        body |= {"limit": error.limit, "used": error.used}
    if node_id is not None:
        body["node_id"] = node_id
    if attempt is not None:
        body["attempt"] = attempt
    if run_id is not None:
        body["run_id"] = str(run_id)
    return body
