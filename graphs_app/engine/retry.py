"""Whether, and after how long, a failed attempt is made again. Pure."""

from random import Random

from graphs_app.engine.graph import Retry
from graphs_app.engine.limits import MAX_RETRY_AFTER_S


def delay_s(*, retry: Retry, attempt: int, error: BaseException, random: Random) -> float | None:
    """Seconds until the next attempt; None when there is none. The first attempt is 1.

    The wait is drawn between nothing and backoff * 2^(attempt - 1), at most backoff_max (full jitter), and is never
    shorter than what the error asks for by its `retry_after_s`.
    """
    if attempt >= retry.max_attempts or not getattr(error, "retryable", True):
        return None
    asked = getattr(error, "retry_after_s", None) or 0.0
    if asked > MAX_RETRY_AFTER_S:
        return None
    # The exponent is bounded, or a patient retry would overflow a float.
    ceiling = min(retry.backoff_max_s, retry.backoff_s * 2 ** min(attempt - 1, 64))
    waited: float = random.uniform(0, ceiling) if retry.jitter else ceiling
    return max(waited, asked)
