"""What is said on a document's socket: the y-protocols, and a few messages more for clients that ask for them.

A frame is binary and holds one message. First the type, as a variable-length integer:

    0 sync        0 state vector ("what have you got that I lack?")  1 the answer: an update  2 an update
    1 awareness   for each client: its id, a clock, and its state as JSON, or null when it is gone
    3 query       "who is here?", answered by awareness

Any stock y-websocket client gets along with these. One that connects with ?agentsite=1 is also told

    100 hello     JSON: {"epoch", "number", "role", "read_only", "limits", ...}; first, and when the role changes
    101 stored    the sequence number that an update of this socket carried, and the document's number by then
    102 refused   JSON: {"seq", "code", "message", ...}: that update was not stored
    105 pong
and sends
    103 update    a sequence number of its own choice, and the update
    104 ping
"""

import json
from dataclasses import dataclass
from typing import Any

from sessions_app.crdt import lib0
from sessions_app.crdt.lib0 import Reader, Truncated

SYNC, AWARENESS, QUERY = 0, 1, 3
STATE_VECTOR, ANSWER, UPDATE = 0, 1, 2
HELLO, STORED, REFUSED, NUMBERED_UPDATE, PING, PONG = 100, 101, 102, 103, 104, 105

KEEP_ALIVE = b"\x01\x01\x00"
"""Awareness of nobody: says that the server is there to clients that give up after 30 silent seconds."""
PONG_FRAME = lib0.uint(PONG)


class MalformedMessage(ValueError):
    """Raised for a frame that is none of the messages above."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A state vector: the sender wants what it lacks."""

    state_vector: bytes


@dataclass(frozen=True, slots=True)
class Update:
    """An update that the sender wants stored."""

    update: bytes
    seq: int | None = None
    """The sender's number for it; None from a stock client."""
    is_answer: bool = False
    """It answers the server's question, and so may repeat what the server has."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Awareness: who is where."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """Who is here?"""


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


Message = Ask | Update | Presence | Query | Ping


def parse(frame: bytes) -> Message:
    """Reads a client's frame; raises MalformedMessage."""
    reader = Reader(frame)
    try:
        message = _message(reader, reader.uint())
    except Truncated as error:
        raise MalformedMessage(f"the message is malformed: {error}") from None
    if not reader.is_done:
        raise MalformedMessage(f"the message has {reader.end - reader.at} bytes after its end")
    return message


def _message(reader: Reader, kind: int) -> Message:
    if kind == SYNC:
        step = reader.uint()
        if step == STATE_VECTOR:
            return Ask(reader.bytes())
        if step in (ANSWER, UPDATE):
            return Update(reader.bytes(), is_answer=step == ANSWER)
        raise MalformedMessage(f"there is no sync message {step}")
    if kind == AWARENESS:
        return Presence(reader.bytes())
    if kind == QUERY:
        return Query()
    if kind == NUMBERED_UPDATE:
        seq = reader.uint()
        return Update(reader.bytes(), seq=seq, is_answer=True)
    if kind == PING:
        return Ping()
    raise MalformedMessage(f"there is no message of type {kind}")


def ask(state_vector: bytes) -> bytes:
    return b"\x00\x00" + lib0.array(state_vector)


def answer(update: bytes) -> bytes:
    return b"\x00\x01" + lib0.array(update)


def update(data: bytes) -> bytes:
    return b"\x00\x02" + lib0.array(data)


def presence(data: bytes) -> bytes:
    return b"\x01" + lib0.array(data)


def hello(told: dict[str, Any]) -> bytes:
    return lib0.uint(HELLO) + lib0.text(json.dumps(told))


def stored(seq: int, number: int) -> bytes:
    return lib0.uint(STORED) + lib0.uint(seq) + lib0.uint(number)


def refused(told: dict[str, Any]) -> bytes:
    return lib0.uint(REFUSED) + lib0.text(json.dumps(told))
