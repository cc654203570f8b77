"""Server-sent events as the HTML standard defines them (section 9.2.6), and what servers send in their place.

The client library reads lines that begin with "data: "; servers send "data:" without the space, events over several
lines, carriage returns alone, a byte order mark, JSON objects line by line, or one of them where a stream was asked
for. All of it comes out of here as lines that the library reads.
"""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from refine_app.model_clients.answer_shapes import as_chunk, is_whole, reported_in
from refine_app.model_clients.error_words import words_of

DONE = "[DONE]"
FIELDS = ("data", "event", "id", "retry", "")
"""Of the standard; a comment is a field without a name."""
SHOWN = 300
"""Characters of what is no answer that are told."""


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
        self._rest: list[bytes] = []
        """Of a line that has not ended; in pieces, because there may be as many of them as it has bytes."""
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
                self._waiting, self._rest = [b"".join(self._rest)], []
                break
            part = self._with_line_feeds(part)
            if b"\n" in part:
                first, *others = b"".join([*self._rest, part]).split(b"\n")
                self._waiting, self._rest = [first, *others[:-1]][::-1], [others[-1]] if others[-1] else []
            elif part:
                self._rest.append(part)
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

    __slots__ = ("_data", "_ended", "_form", "_lines", "_name", "_on_end", "_strange")

    def __init__(self, lines: AsyncIterator[str], on_end: Callable[[], None]) -> None:
        self._lines = lines
        self._data: list[str] = []
        self._name = ""
        self._form = ""
        """"events" once a line has come that is of an event stream; "objects" when each line is a JSON object."""
        self._strange = ""
        """The beginning of what came before and is of neither form."""
        self._ended = False
        self._on_end = on_end
        """Called at the protocol's word for the end, and for one object in place of a stream, which needs none."""

    def __aiter__(self) -> "DataLines":
        return self

    async def __anext__(self) -> str:
        while not self._ended:
            line = await anext(self._lines, None)
            if line is None:
                self._ended = True
                said = self._last()
                if not self._form and self._strange:
                    raise NotAStream(self._strange)
            elif self._form != "events" and line.lstrip()[:1] in ("{", "[", "<"):
                said = await self._outside_events(line)
            else:
                said = self._taken(line)
            if said is not None:
                return said
        raise StopAsyncIteration

    def _taken(self, line: str) -> str | None:
        """Takes one line; an event's data when it is complete."""
        if not line:
            return self._dispatched()
        name, _, value = line.partition(":")
        if name not in FIELDS:
            self._strange = f"{self._strange}\n{line}".lstrip()[:SHOWN]
            return None
        self._form = "events"
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        if name != "data":
            return None
        said = self._dispatched() if self._data and _is_another(self._data[-1], value) else None
        self._data.append(value)
        return said

    def _last(self) -> str | None:
        """The standard drops an event without its end; a server's last words are ours, unless they are cut in two."""
        data = "\n".join(self._data).strip()
        if self._name != "error" and data != DONE and _parsed(data) is None:
            return None
        return self._dispatched()

    def _dispatched(self) -> str | None:
        """The event that was gathered, if it has any data."""
        data, name = "\n".join(self._data).strip(), self._name
        self._data, self._name = [], ""
        if not data:
            return None
        if name == "error":
            raise Reported(_error_in(data))
        if data == DONE:
            return self._done()
        return _checked(data)

    def _done(self) -> str:
        self._on_end()
        return f"data: {DONE}"

    async def _outside_events(self, line: str) -> str | None:
        """An object that has a line of its own; else all that comes, as one answer that was not streamed."""
        if line.strip() == DONE:
            return self._done()
        content = _parsed(line)
        if not isinstance(content, dict):
            self._ended = True
            whole = await self._whole(line)
            if whole is None:
                return None
            content = whole
        self._form = "objects"
        if is_whole(content):
            self._on_end()
        return _line_of(content)

    async def _whole(self, first: str) -> dict[str, Any] | None:
        """The answer of a server that did not stream; of a list its first object; None for an object that was cut."""
        lines = [first]
        async for line in self._lines:
            lines.append(line)
        body = "\n".join(lines)
        if self._form == "objects" and len(lines) == 1:
            return None
        content = _parsed(body)
        if isinstance(content, list) and content:
            content = content[0]
        if not isinstance(content, dict):
            raise NotAStream(_shown(body))
        return content


def _is_another(before: str, value: str) -> bool:
    """Whether two lines of data are two events of a server that leaves out the blank line between.

    In one JSON value a closing brace is never followed by an opening one.
    """
    return value == DONE or (before.endswith("}") and value.startswith("{"))


def _checked(data: str) -> str:
    """A line of data for the library; what is no chunk of the protocol, as one."""
    if ('"delta":{' in data or '"delta": {' in data) and '"error"' not in data:
        return f"data: {data}"
    content = _parsed(data)
    return _line_of(content) if isinstance(content, dict) else f"data: {data}"


def _line_of(content: dict[str, Any]) -> str:
    error = reported_in(content)
    if error is not None:
        raise Reported(error)
    return f"data: {json.dumps(as_chunk(content))}"


def _error_in(data: str) -> Any:
    """What an event named error says."""
    content = _parsed(data)
    if not isinstance(content, dict):
        return data
    error = reported_in(content)
    return content if error is None else error


def _parsed(text: str) -> Any:
    """A text's JSON; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _shown(body: str) -> str:
    return words_of(body)[:SHOWN] or body[:SHOWN]
