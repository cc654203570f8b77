"""What an endpoint says when it does not answer, as our errors: by its status, by its marks, and then by its words."""

import re
from typing import Any

import httpx2

from refine_app.diffs.errors import excerpt
from refine_app.model_clients.error_words import body_of, is_too_long, marks_of, wait_in, words_of
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

BUSY = (429, 498, 529)
"""Too many requests, and what clouds made up for no room at the moment."""
SLOW = (408, 504, 522, 524)
_ACCOUNT = re.compile(r"auth|permission|insufficient_quota|billing|api_key|payment", re.IGNORECASE)
_BUSY = re.compile(
    r"rate.?limit|overloaded|too_many|capacity|slow_down|throttl|resource_exhausted|quota", re.IGNORECASE
)
_REFUSED = re.compile(
    r"invalid|validation|unsupported|not_?found|content_(filter|policy)|bad_?request|safety", re.IGNORECASE
)
"""What errors call themselves, by what is to be done."""


def from_response(endpoint: str, response: httpx2.Response) -> ModelError:
    """The error of a response that is not an answer."""
    status = response.status_code
    body = body_of(response)
    words, kinds = words_of(body), " ".join(marks_of(body))
    said = f"{endpoint!r} answered {status}: {words or response.reason_phrase or 'nothing more'}"
    wait_s = wait_in(response.headers, body)
    if status in (401, 402, 403) or (status == 429 and _ACCOUNT.search(kinds)):
        return Unauthorized(f"{said.removesuffix('.')}. Check the endpoint's token and its account.")
    if status in BUSY:
        return RateLimited(said, retry_after_s=wait_s)
    if status == 503:
        return EndpointLoading(said, retry_after_s=wait_s)
    if status in SLOW:
        return EndpointTimeout(said, retry_after_s=wait_s)
    if status == 404:
        return EndpointUnavailable(f"{said}. Check the endpoint's URL and the name of its model.", retryable=False)
    # Proxies give the refusals of the servers behind them the status of a fault of their own.
    if status == 413 or (status in (400, 422, 500, 502) and is_too_long(f"{words} {kinds}")):
        return ContextTooLong(said)
    return EndpointUnavailable(said, retry_after_s=wait_s, retryable=status >= 500 or status in (409, 425))


def from_reported(endpoint: str, error: Any) -> ModelError:
    """The error that a server reports with a status of 200: as the whole answer, or as an event of the stream.

    Its status, type and code say whether asking again can help; what says nothing of that is taken for a passing fault.
    """
    said = f"{endpoint!r} reported: {excerpt(words_of({'error': error}) or 'an error without words')}"
    marks = marks_of(error)
    status = next((int(mark) for mark in marks if re.fullmatch(r"[45]\d\d", mark)), None)
    kinds = " ".join(marks)
    if status in (401, 402, 403) or _ACCOUNT.search(kinds):
        return Unauthorized(f"{said.removesuffix('.')}. Check the endpoint's token and its account.")
    if status in BUSY or _BUSY.search(kinds):
        return RateLimited(said, retry_after_s=wait_in({}, error))
    if is_too_long(f"{said} {kinds}"):
        return ContextTooLong(said)
    if (status is not None and status < 500 and status not in (408, 409, 425)) or _REFUSED.search(kinds):
        return EndpointUnavailable(said, retryable=False)
    return StreamBroken(said)
