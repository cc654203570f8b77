"""Server-sent events as the HTML standard defines them (section 9.2.6), and what servers send in their place.

The client library reads lines that begin with "data: "; servers send "data:" without the space, events over several
lines, carriage returns alone, a byte order mark, or one JSON object where a stream was asked for. All of it comes out
of here as lines that the library reads.
"""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

DONE = "[DONE]"
_BEGINNINGS = ("data", "event", "id", "retry", ":")


class Reported(Exception):
    """Raised for an error that a server reports in place of an answer, with what it said of it."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error
        """A text, or an object such as {"message", "type", "code"}."""


class NotAStream(ValueError):
    """Raised when a body is neither events nor a JSON object."""


class Lines:
    """The lines of a response, as text; each may end in a line feed, a carriage return, or both."""

    __slots__ = ("_after_return", "_is_first", "_parts", "_rest", "_waiting")

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""
        self._waiting: list[bytes] = []
        """Whole lines, the last one first."""
        self._after_return = False
        """The last part ended in a carriage return, to which a line feed may still belong."""
        self._is_first = True

    def __aiter__(self) -> "Lines":
        return self

    async def __anext__(self) -> str:
        while not self._waiting:
            try:
                part = await anext(self._parts)
            except StopAsyncIteration:
                if not self._rest:
                    raise
                self._waiting, self._rest = [self._rest], b""
                break
            part = self._with_line_feeds(part)
            if b"\n" in part:
                first, *others = (self._rest + part).split(b"\n")
                self._waiting, self._rest = [first, *others[:-1]][::-1], others[-1]
            else:
                self._rest += part
        line = self._waiting.pop().decode("utf-8", "replace")
        if self._is_first:
            self._is_first = False
            line = line.removeprefix("\ufeff")
        return line

    def _with_line_feeds(self, part: bytes) -> bytes:
        if not part:
            return part
        rest = part[1:] if self._after_return and part.startswith(b"\n") else part
        self._after_return = part.endswith(b"\r")
        return rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in rest else rest


class DataLines:
    """Each event's data as one line "data: …", whatever form it came in. Raises Reported, NotAStream."""

    __slots__ = ("_data", "_ended", "_lines", "_name", "_on_whole", "_seen")

    def __init__(self, lines: AsyncIterator[str], on_whole: Callable[[], None]) -> None:
        self._lines = lines
        self._data: list[str] = []
        self._name = ""
        self._seen = False
        """Whether a line has come that is of an event stream."""
        self._ended = False
        self._on_whole = on_whole
        """Called when one JSON object came in place of a stream, which needs no other end."""

    def __aiter__(self) -> "DataLines":
        return self

    async def __anext__(self) -> str:
        while not self._ended:
            line = await anext(self._lines, None)
            if line is None:
                self._ended = True
                said = self._dispatched()  # the standard drops an event without its end; a server's last words are ours
            elif not self._seen and line and not line.startswith(_BEGINNINGS):
                self._ended = True
                return await self._whole(line)
            else:
                said = self._taken(line)
            if said is not None:
                return said
        raise StopAsyncIteration

    def _taken(self, line: str) -> str | None:
        """Takes one line; an event's data when it is complete."""
        if not line:
            return self._dispatched()
        self._seen = True
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        if name != "data":
            return None
        said = self._dispatched() if self._data and _is_another(self._data[-1], value) else None
        self._data.append(value)
        return said

    def _dispatched(self) -> str | None:
        """The event that was gathered, if it has any data."""
        data, name = "\n".join(self._data).strip(), self._name
        self._data, self._name = [], ""
        if not data:
            return None
        if name == "error":
            raise Reported(_error_in(data))
        if data == DONE:
            return "data: [DONE]"
        return _checked(data)

    async def _whole(self, first: str) -> str:
        """The answer of a server that did not stream."""
        lines = [first]
        async for line in self._lines:
            lines.append(line)
        body = "\n".join(lines)
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise NotAStream(body[:300]) from None
        if not isinstance(answer, dict):
            raise NotAStream(body[:300])
        self._on_whole()
        return _checked(body)


def _is_another(before: str, value: str) -> bool:
    """Whether two lines of data are two events of a server that leaves out the blank line between.

    In one JSON value a closing brace is never followed by an opening one.
    """
    return value == DONE or (before.endswith("}") and value.startswith("{"))


def _checked(data: str) -> str:
    """A line of data for the library; with `delta` for a server that answers with a whole `message`."""
    if '"error"' in data or ('"message"' in data and '"delta"' not in data):
        content = json.loads(data)
        if isinstance(content, dict):
            if content.get("error"):
                raise Reported(_error_of(content))
            for choice in content.get("choices") or ():
                if isinstance(choice, dict) and choice.get("delta") is None:
                    choice["delta"] = choice.get("message")
            return f"data: {json.dumps(content)}"
    return f"data: {data}"


def _error_in(data: str) -> Any:
    """What an event named error says."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return data
    return _error_of(content) if isinstance(content, dict) and content.get("error") else content


def _error_of(content: dict[str, Any]) -> Any:
    """With the type that TGI puts beside it."""
    error, kind = content["error"], content.get("error_type")
    return {"message": error, "type": kind} if isinstance(error, str) and kind else error
