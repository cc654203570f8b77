"""What an endpoint says when it does not answer, as our errors."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from refine_app.diffs.errors import excerpt
from refine_app.model_clients.errors import (
    ContextTooLong,
    EndpointLoading,
    EndpointTimeout,
    EndpointUnavailable,
    ModelError,
    RateLimited,
    StreamBroken,
    Unauthorized,
)

LONGEST_WAIT_S = 300.0
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size|exceed)|too many tokens|maximum.{0,30}tokens|inputs? tokens.{0,40}(must|exceed)"
    r"|prompt is too long",
    re.IGNORECASE,
)

_ACCOUNT = re.compile(r"auth|permission|insufficient_quota|billing|api_key|payment", re.IGNORECASE)
_BUSY = re.compile(r"rate.?limit|overloaded|too_many|capacity|slow_down", re.IGNORECASE)
_REFUSED = re.compile(
    r"invalid|validation|unsupported|not_found|content_(filter|policy)|bad_?request|safety", re.IGNORECASE
)
"""What errors call themselves, by what is to be done."""


def from_response(endpoint: str, response: httpx2.Response) -> ModelError:
    """The error of a response that is not an answer."""
    status = response.status_code
    body = body_of(response)
    said = f"{endpoint!r} answered {status}: {words_of(body) or response.reason_phrase or 'nothing more'}"
    wait_s = _retry_after(response) or _estimated_time(body)
    if status in (401, 402, 403):
        return Unauthorized(f"{said}. Check the endpoint's token and its account.")
    if status == 429:
        return RateLimited(said, retry_after_s=wait_s)
    if status == 503:
        return EndpointLoading(said, retry_after_s=wait_s)
    if status in (408, 504):
        return EndpointTimeout(said, retry_after_s=wait_s)
    if status in (400, 413, 422) and (status == 413 or _TOO_LONG.search(said)):
        return ContextTooLong(said)
    return EndpointUnavailable(said, retry_after_s=wait_s, retryable=status >= 500 or status in (409, 425))


def from_reported(endpoint: str, error: Any) -> ModelError:
    """The error that a server reports with a status of 200: as the whole answer, or as an event of the stream.

    Its status, type and code say whether asking again can help; what says nothing of that is taken for a passing fault.
    """
    said = f"{endpoint!r} reported: {excerpt(words_of({'error': error}) or 'an error without words')}"
    marks = _marks(error)
    status = next((int(mark) for mark in marks if re.fullmatch(r"[45]\d\d", mark)), None)
    kinds = " ".join(marks)
    if _TOO_LONG.search(said):
        return ContextTooLong(said)
    if status in (401, 402, 403) or _ACCOUNT.search(kinds):
        return Unauthorized(f"{said}. Check the endpoint's token and its account.")
    if status in (429, 529) or _BUSY.search(kinds):
        return RateLimited(said)
    if (status is not None and status < 500 and status not in (408, 409, 425)) or _REFUSED.search(kinds):
        return EndpointUnavailable(said, retryable=False)
    return StreamBroken(said)


def _marks(error: Any) -> list[str]:
    """What an error says of its kind, besides its words."""
    if not isinstance(error, dict):
        return []
    return [str(error[name]) for name in ("status", "code", "type", "error_type") if error.get(name)]


def body_of(response: httpx2.Response) -> Any:
    try:
        text = response.text
    except httpx2.ResponseNotRead:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def words_of(body: Any) -> str:
    """The message somewhere in a body, in the shapes that servers use."""
    for _ in range(4):
        if not isinstance(body, dict):
            break
        body = next((body[key] for key in ("error", "message", "detail") if body.get(key)), "")
    return excerpt(body if isinstance(body, str) else json.dumps(body) if body else "")


def _retry_after(response: httpx2.Response) -> float | None:
    said = response.headers.get("retry-after", "").strip()
    if not said:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", said):
        return min(float(said), LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT_S)


def _estimated_time(body: Any) -> float | None:
    """How long a model that is being loaded is expected to take."""
    said = body.get("estimated_time") if isinstance(body, dict) else None
    # A bool is a number to Python, and Python's JSON may hold NaN and Infinity.
    if not isinstance(said, int | float) or isinstance(said, bool) or not 0 <= said < float("inf"):
        return None
    return min(float(said), LONGEST_WAIT_S)
