"""The session socket's language, without Django: what frames look like, and how a client's frames are read.

Server to client: {"seq", "type", "at", "run", "data"}. A frame with a number is a row of the session's log and comes
exactly once, in order, after the replay of everything past ?after=. A frame with "seq": null is not stored and may be
missing: text.delta carries the offset of its text, so a gap is seen and asked for.

Client to server: {"type": "ping"} is answered by {"type": "pong"}; {"type": "text.since", "node_run": id, "offset": n}
is answered by one text.delta with what is known from n on. Anything else closes the socket.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sessions_app import strict_json

CLIENT_FRAME_MAX_BYTES = 4096
PONG = '{"type":"pong"}'


class MalformedFrame(Exception):
    """Raised when a client's frame is none that the protocol knows."""


class FrameTooLarge(Exception):
    """Raised when a client's frame is longer than any that the protocol knows."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The client is there."""


@dataclass(frozen=True, slots=True)
class TextSince:
    """The client missed some of a node run's text, from this offset on."""

    node_run: UUID
    offset: int


@dataclass(frozen=True, slots=True)
class TextSoFar:
    """What a node run has streamed until now, in its current attempt."""

    run: UUID | None
    node_id: str
    attempt: int
    text: str


def parse(frame: str | bytes) -> Ping | TextSince:
    """Reads one frame of a client."""
    if len(frame) > CLIENT_FRAME_MAX_BYTES:
        raise FrameTooLarge(f"a frame of {len(frame):,}; at most {CLIENT_FRAME_MAX_BYTES:,} bytes are read")
    if isinstance(frame, bytes):
        raise MalformedFrame("a binary frame; this socket speaks JSON text")
    try:
        content = strict_json.loads(frame)
    except strict_json.JsonRefused as error:
        raise MalformedFrame(f"a frame that cannot be taken: {error}") from error
    if not isinstance(content, dict):
        raise MalformedFrame(f"a frame that is a {type(content).__name__}; expected an object with a 'type'")
    match content.get("type"):
        case "ping":
            return Ping()
        case "text.since":
            return _text_since(content)
        case other:
            raise MalformedFrame(f"a frame of type {str(other)[:40]!r}; expected 'ping' or 'text.since'")


def _text_since(content: dict[str, Any]) -> TextSince:
    offset = content.get("offset", 0)
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        raise MalformedFrame(f"text.since with offset {str(offset)[:40]!r}; expected a number from 0")
    try:
        return TextSince(node_run=UUID(content["node_run"]), offset=offset)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise MalformedFrame("text.since without the id of a node run") from error


def encode(frame: dict[str, Any]) -> str:
    """One frame as the socket carries it."""
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


NEWS_MAX = 16_000
"""Characters of events that go with the word that a log has grown; for more, the log is read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event of a log, encoded once for all sockets."""

    seq: int
    type: str
    text: str


def news_of(rows: Iterable[Row]) -> str | None:
    """New rows of a log as one text, a line for each; None when they are too much for that."""
    text = "\n".join(f"{row.seq} {row.type} {row.text}" for row in rows)
    return text if len(text) <= NEWS_MAX else None


def is_news(text: str) -> bool:
    """Whether the text is rows of a log, and not a frame, which is a JSON object."""
    return text[:1].isdigit()


def rows_of(news: str) -> list[Row]:
    """The rows that news_of() has written."""
    lines = (line.split(" ", 2) for line in news.split("\n"))
    return [Row(seq=int(seq), type=type, text=text) for seq, type, text in lines]


def text_delta(asked: TextSince, known: TextSoFar | None, *, at: str) -> dict[str, Any]:
    """The answer to text.since; with nothing known (any more, or not for this session) the text is empty."""
    known = known or TextSoFar(run=None, node_id="", attempt=0, text="")
    return {
        "seq": None,
        "type": "text.delta",
        "at": at,
        "run": str(known.run) if known.run else None,
        "data": {
            "node_run": str(asked.node_run),
            "node_id": known.node_id,
            "attempt": known.attempt,
            "offset": min(asked.offset, len(known.text)),
            "text": known.text[asked.offset :],
        },
    }


@dataclass(slots=True)
class Allowance:
    """How many frames a client may still send: a bucket that fills with time."""

    burst: float = 40
    per_second: float = 20
    left: float = 40
    at: float = 0.0

    def take(self, now: float, amount: float = 1) -> bool:
        """Takes one frame, or what else is counted, out of the bucket at this (monotonic) time; False when there is not
        so much left."""
        self.left = min(self.burst, self.left + (now - self.at) * self.per_second) if self.at else self.burst
        self.at = now
        if self.left < amount:
            return False
        self.left -= amount
        return True
