"""What an endpoint says when it does not answer, as our errors."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from huggingface_hub.errors import OverloadedError, TextGenerationError

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


def from_response(endpoint: str, response: httpx2.Response) -> ModelError:
    """The error of a response that is not an answer."""
    status = response.status_code
    body = _body(response)
    said = f"{endpoint!r} answered {status}: {_words(body) or response.reason_phrase or 'nothing more'}"
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


def from_reported(endpoint: str, error: TextGenerationError) -> ModelError:
    """The error of an event in the stream that reports one."""
    said = f"{endpoint!r} reported: {excerpt(_words(error.args[0] if error.args else '') or type(error).__name__)}"
    if isinstance(error, OverloadedError):
        return RateLimited(said)
    if _TOO_LONG.search(said):
        return ContextTooLong(said)
    return StreamBroken(said)


def _body(response: httpx2.Response) -> Any:
    try:
        text = response.text
    except httpx2.ResponseNotRead:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _words(body: Any) -> str:
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
