"""What can go wrong between us and a model's endpoint: one class per cause, with what a retry needs to know."""

from graphs_app.engine.errors import ToolError


class ModelError(ToolError):
    """The parent of all errors of model clients."""

    code = "model_error"


class EndpointUnavailable(ModelError):
    """Raised when an endpoint cannot be reached, fails, or does not take the request."""

    code = "endpoint_unavailable"


class EndpointLoading(ModelError):
    """Raised when an endpoint is waking up; retry_after_s is its own estimate."""

    code = "endpoint_loading"


class RateLimited(ModelError):
    """Raised when an endpoint asks us to come back later."""

    code = "rate_limited"


class EndpointTimeout(ModelError):
    """Raised when an endpoint is silent for too long, or takes longer than a whole call may."""

    code = "endpoint_timeout"


class StreamBroken(ModelError):
    """Raised when an answer ends before its end."""

    code = "stream_broken"


class OutputInvalid(ModelError):
    """Raised when what an endpoint sends is not the chat protocol, or is longer than any answer may be."""

    code = "invalid_output"


class Unauthorized(ModelError):
    """Raised when an endpoint does not accept our token, or its account."""

    code = "unauthorized"

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class ContextTooLong(ModelError):
    """Raised when the text is longer than the model can read."""

    code = "context_too_long"

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class ThinkingLimitReached(ModelError):
    """Raised when a model spent all its tokens on thoughts and never began to answer."""

    code = "thinking_limit_reached"

    def __init__(self, endpoint: str, *, limit: int, room: int, retryable: bool) -> None:
        more = (
            "It is asked again with more room."
            if retryable
            else "Lower its reasoning effort, set thinking_tokens of the endpoint, or ask another model."
        )
        super().__init__(
            f"{endpoint!r} spent its limit of {limit:,} tokens on thinking and did not begin to answer. {more}",
            retryable=retryable,
        )
        self.endpoint, self.limit = endpoint, limit
        self.room = room
        """Tokens for thoughts that the next call should have beyond the answer's."""

    def given_up(self) -> "ThinkingLimitReached":
        """The same after it was asked with more room."""
        return ThinkingLimitReached(self.endpoint, limit=self.limit, room=self.room, retryable=False)


class NoRoom(ModelError):
    """The parent of what is raised where no call is made just now, so that who waits has lost no attempt."""

    endpoints: tuple[str, ...] = ()
    """Those that refused, by their slugs; any of them is waited for."""


class EndpointBusy(NoRoom):
    """Raised when an endpoint is at a limit of ours: calls at once, or requests or tokens a minute."""

    code = "endpoint_busy"


class EndpointResting(NoRoom):
    """Raised when an endpoint's breaker is open: it failed too often in a row, or an operator opened it."""

    code = "endpoint_resting"


class BudgetExhausted(ModelError):
    """Raised before a call that could pass a budget; nothing was asked, and nothing is to be paid."""

    code = "budget_exhausted"

    def __init__(
        self,
        message: str,
        *,
        budget: str,
        limit_usd: str,
        left_usd: str,
        needed_usd: str | None,
        asks_for_s: float = 0.0,
    ) -> None:
        super().__init__(message, retryable=False)
        self.asks_for_s = asks_for_s
        """How long a person is asked what to do; 0 where the run is to end at once."""
        self.budget = budget
        """run, session, user, graph or site."""
        self.limit_usd = limit_usd
        self.left_usd = left_usd
        self.needed_usd = needed_usd


class RunStuck(ModelError):
    """Raised when a run asks the same again and again, and would only be told the same."""

    code = "run_stuck"

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)
