"""What an error says of itself, in the shapes that servers use: its words, its marks, and how long to wait."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from refine_app.diffs.errors import excerpt

LONGEST_WAIT_S = 300.0
WORDS = ("error", "message", "detail", "error_msg", "error_message", "status_msg", "msg", "errors", "title")
"""Fields that hold an error's words, or an object that does."""
MARKS = ("status", "code", "type", "error_type", "error_code", "status_code")
"""Fields that tell its kind."""

_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size|exceed)|too many tokens|maximum.{0,40}tokens"
    r"|inputs?`? tokens.{0,40}(must|exceed)|(prompt|input|request)( is)? too (long|large)"
    r"|maximum (prompt|input|allowed input) length|range of input length|inputs` must have less|token limit"
    r"|reduce the length of the (messages|prompt)|exceed_context",
    re.IGNORECASE,
)
_TITLE = re.compile(r"<title>([^<]{1,200})", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,300}>")
_AMOUNT = re.compile(
    r"(?<![\d.])(\d{1,9}+(?:\.\d{1,12}+)?)\s?(milliseconds?|ms|hours?|h|minutes?|min|m|seconds?|sec|s)(?![a-z])",
    re.IGNORECASE,
)
_WAIT = re.compile(
    r"(?:try again|retry|wait|available|reset)[^\d]{0,30}((?:\d{1,9}(?:\.\d{1,12})?\s?[a-z]{1,12}[\s,]{0,2}){1,4})",
    re.IGNORECASE,
)
_SECONDS = {"m": 60.0, "h": 3600.0, "s": 1.0}
_PLAIN = re.compile(r"\d{1,16}(?:\.\d{1,12})?")


def body_of(response: httpx2.Response) -> Any:
    try:
        text = response.text
    except httpx2.ResponseNotRead:
        return None
    return _parsed(text)


def words_of(body: Any) -> str:
    """The message somewhere in a body; with that of the server behind, where a gateway passes it on."""
    behind = ""
    for _ in range(6):
        if isinstance(body, list) and body and isinstance(body[0], Mapping) and "error" in body[0]:
            body = body[0]
        if not isinstance(body, Mapping):
            break
        metadata = body.get("metadata")
        raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
        behind = behind or (words_of(_parsed(raw)) if isinstance(raw, str) else "")
        body = next((body[key] for key in WORDS if body.get(key) and body[key] is not True), "")
    said = _without_markup(body) if isinstance(body, str) else json.dumps(body) if body else ""
    return excerpt(": ".join(part for part in (said, behind) if part))


def marks_of(body: Any) -> list[str]:
    """What an error says of its kind, besides its words."""
    marks = []
    for holder in holders(body):
        marks += [str(holder[name]) for name in MARKS if holder.get(name) and not isinstance(holder[name], dict | list)]
    return marks


def holders(body: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a body that tell of the error, the outer one first."""
    for _ in range(6):
        if isinstance(body, list) and body:
            body = body[0]
        if isinstance(body, str):
            body = _parsed(body)
        if not isinstance(body, Mapping):
            return
        yield body
        metadata = body.get("metadata")
        raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
        body = raw if raw else next((body[key] for key in WORDS if isinstance(body.get(key), Mapping)), None)


def is_too_long(words: str) -> bool:
    """Whether an error is about a text that is longer than the model can read; its marks belong to its words."""
    return _TOO_LONG.search(words) is not None


def wait_in(headers: Mapping[str, str], body: Any, now: float | None = None) -> float | None:
    """After how many seconds to ask again: by the standard's header, by the makers' own, by the body, by its words."""
    now = time.time() if now is None else now
    milliseconds = _PLAIN.fullmatch(headers.get("retry-after-ms", "").strip())
    found = None if milliseconds is None else float(milliseconds[0]) / 1000
    for wait_s in (found, _retry_after(headers, now), _reset(headers, now), _estimated(body), _in_words(body)):
        if wait_s is not None:
            return min(max(wait_s, 0.0), LONGEST_WAIT_S)
    return None


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    said = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", said):
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - datetime.fromtimestamp(now, UTC)).total_seconds()


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """When the limits that are used up begin anew; where none says so, the one that does so first."""
    spent: list[float] = []
    others: list[float] = []
    for name, value in headers.items():
        limit = name.lower().removeprefix("x-").removeprefix("anthropic-").removeprefix("ratelimit-")
        if limit == name.lower() or not limit.startswith("reset"):
            continue
        wait_s = _duration(value.strip(), now)
        if wait_s is not None:
            left = headers.get(name.lower().replace("reset", "remaining"), "").strip()
            (spent if left in ("0", "0.0") else others).append(wait_s)
    return max(spent) if spent else min(others) if others else None


def _duration(said: str, now: float) -> float | None:
    """Seconds in "12", "7.66s", "1m30.5s", or until a moment that is given in seconds or milliseconds."""
    if _PLAIN.fullmatch(said):
        value = float(said)
        return value / 1000 - now if value > 1e12 else value - now if value > 1e9 else value
    amounts = _AMOUNT.findall(said[:100])
    return sum(_seconds(float(number), unit.lower()) for number, unit in amounts) if amounts else None


def _seconds(number: float, unit: str) -> float:
    return number / 1000 if unit.startswith(("ms", "mil")) else number * _SECONDS[unit[0]]


def _estimated(body: Any) -> float | None:
    """How long a model that is being loaded is expected to take, or a cloud's advice in the details of its error."""
    said = body.get("estimated_time") if isinstance(body, Mapping) else None
    # A bool is a number to Python, and Python's JSON may hold NaN and Infinity.
    if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said < float("inf"):
        return float(said)
    for holder in holders(body):
        details = holder.get("details")
        for detail in details if isinstance(details, list) else ():
            delay = detail.get("retryDelay") if isinstance(detail, Mapping) else None
            if isinstance(delay, str):
                return _duration(delay, 0.0)
    return None


def _in_words(body: Any) -> float | None:
    found = _WAIT.search(words_of(body))
    return None if found is None else _duration(found[1], 0.0)


def _without_markup(text: str) -> str:
    """A web page's title, or its words."""
    if not text.lstrip().startswith("<"):
        return text
    title = _TITLE.search(text)
    return " ".join((_TAG.sub(" ", text[:4000]) if title is None else title[1]).split())


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
