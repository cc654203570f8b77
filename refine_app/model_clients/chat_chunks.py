"""What the chunks of an answer say, put together: its words, its thoughts, its tokens, and why it ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from refine_app.diffs.answers import clean
from refine_app.diffs.errors import excerpt
from refine_app.model_clients.errors import EndpointUnavailable, ModelError, OutputInvalid, StreamBroken
from refine_app.model_clients.tokens import estimate

CUT = frozenset({
    "length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit",
    "model_context_window_exceeded", "context_length_exceeded",
})  # fmt: skip
FILTERED = frozenset({
    "content_filter", "content_filtered", "content_policy", "sensitive", "safety", "recitation", "refusal", "blocklist",
    "prohibited_content", "spii", "guardrail_intervened",
})  # fmt: skip
BROKEN = frozenset({"error", "abort", "aborted", "cancelled", "network_error", "insufficient_system_resource"})
"""Words for why an answer ended, by what they come to; every other word is one for stop."""
THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
"""Fields of thoughts beside the content: DeepSeek and SGLang, OpenRouter, Groq and vLLM, Ollama, and lists of parts."""
SILENT_PARTS = ("reference", "citation", "citations", "image_url", "redacted_thinking", "tool_use")


@dataclass(frozen=True, slots=True)
class Piece:
    """What a chunk says."""

    text: str = ""
    thought: str = ""
    finish_reason: str | None = None
    usage: tuple[int, int] | None = None
    thought_tokens: int = 0
    declined: str = ""
    tool: str = ""
    """The name of a tool that is called."""


@dataclass(slots=True)
class Heard:
    """What has come of one answer."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    length: int = 0
    finish_reason: str | None = None
    """As the server said it."""
    usage: tuple[int, int] | None = None
    reported_thoughts: int = 0
    declined: str = ""
    tool: str = ""
    _half: str = ""
    """The first half of a letter whose other half is still to come."""

    def add(self, piece: Piece) -> tuple[str, str]:
        """Takes a piece; returns the text and the thoughts that it comes to."""
        text, thought = self._whole_letters(piece.text), clean(piece.thought)
        if text:
            self.texts.append(text)
        if thought:
            self.thoughts.append(thought)
        self.length += len(text) + len(thought)
        self.finish_reason = piece.finish_reason or self.finish_reason
        self.usage = piece.usage or self.usage
        self.reported_thoughts = piece.thought_tokens or self.reported_thoughts
        self.declined += piece.declined
        self.tool = self.tool or piece.tool
        return text, thought

    def _whole_letters(self, text: str) -> str:
        """Servers that count in UTF-16 cut letters beyond its first plane in two."""
        if not text:
            return ""
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text.isascii():
            return clean(text)
        return clean(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore"))

    @property
    def answer(self) -> str:
        return "".join(self.texts)

    @property
    def said(self) -> str:
        """All that was written, which is what is paid for."""
        return "".join(self.thoughts) + self.answer

    @property
    def thought_tokens(self) -> int:
        """As the server says, else by the thoughts that it showed."""
        return self.reported_thoughts or estimate("".join(self.thoughts))

    @property
    def is_cut(self) -> bool:
        """Whether the answer ended at its limit."""
        return (self.finish_reason or "").lower() in CUT

    def raise_if_none(self, endpoint: str) -> None:
        """Raises a ModelError where what came is no answer, as the reason for its end says."""
        reason = (self.finish_reason or "").lower()
        error: ModelError | None = None
        if reason in FILTERED:
            why = f": {excerpt(self.declined)}" if self.declined else ""
            error = EndpointUnavailable(
                f"A filter stopped the answer of {endpoint!r} ({reason}){why}. What came of it is not used; word the "
                "request otherwise, or ask another model.",
                retryable=False,
            )
        elif reason in BROKEN:
            error = StreamBroken(f"{endpoint!r} broke its answer off after {self.length} characters: {reason}.")
        elif self.declined and not self.answer.strip():
            error = EndpointUnavailable(f"{endpoint!r} declines: {excerpt(self.declined)}", retryable=False)
        elif self.tool and not self.answer.strip():
            error = OutputInvalid(f"{endpoint!r} called the tool {self.tool!r} in place of an answer; it has none.")
        if error is not None:
            raise error


def read_chunk(chunk: Any) -> Piece:
    """A chunk's words. Chunks without choices, and choices without words, are usual."""
    choices = chunk.choices or []
    usage = next((one for one in _usages(chunk, choices) if one is not None), None)
    counts, thought_tokens = (None, 0) if usage is None else (_counts(usage), _reasoning_tokens(usage))
    if not choices:
        return Piece(usage=counts, thought_tokens=thought_tokens)
    delta = choices[0].delta
    reason = choices[0].finish_reason
    if delta is None:
        return Piece(finish_reason=reason, usage=counts, thought_tokens=thought_tokens)
    text, thought, declined = _said(delta.content)
    refusal = getattr(delta, "refusal", None)
    return Piece(
        text,
        thought + _thought(delta),
        reason,
        counts,
        thought_tokens,
        declined + (refusal if isinstance(refusal, str) else ""),
        _tool(delta),
    )


def _said(content: Any) -> tuple[str, str, str]:
    """Text, thoughts and words of refusal of a content: a text, or a typed part or a list of them (Mistral, OpenAI)."""
    if content is None or isinstance(content, str):
        return content or "", "", ""
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        raise TypeError(f"a delta's content is a {type(content).__name__}, not text")
    text = thought = declined = ""
    for part in content:
        if isinstance(part, str):
            text += part
            continue
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in SILENT_PARTS:
            continue
        if kind == "refusal":
            declined += str(part.get("refusal") or "")
        elif kind in ("thinking", "reasoning", "reasoning_text", "summary_text") or _is_marked(part):
            thought += _words_of(part)
        elif kind in ("text", "output_text") or (kind is None and isinstance(part, Mapping) and "text" in part):
            text += str(part.get("text") or "")
        else:
            raise TypeError(f"a delta's content has a part of type {kind!r}, not text")
    return text, thought, declined


def _is_marked(part: Any) -> bool:
    """Gemini's parts say of themselves that they are thoughts."""
    return isinstance(part, Mapping) and part.get("thought") is True


def _thought(delta: Any) -> str:
    """The thoughts beside the content; a server that tells them under several names tells the same ones."""
    for name in THOUGHTS:
        said = getattr(delta, name, None)
        if isinstance(said, list):
            said = "".join(_words_of(part) for part in said if isinstance(part, Mapping))
        if isinstance(said, str) and said:
            return said
    return ""


def _words_of(part: Mapping[str, Any]) -> str:
    """A thought's words: text, or a list of parts of text."""
    for name in ("thinking", "reasoning", "text", "summary"):
        inner = part.get(name)
        if isinstance(inner, list):
            return _said(inner)[0]
        if isinstance(inner, str) and inner:
            return inner
    return ""


def _tool(delta: Any) -> str:
    calls = getattr(delta, "tool_calls", None)
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping) and function.get("name"):
            return str(function["name"])[:100]
    return ""


def _usages(chunk: Any, choices: list[Any]) -> Iterator[Any]:
    """Where servers put the counts: in the chunk, in its choice (Kimi), in a field of the maker (Groq)."""
    yield chunk.usage
    yield getattr(choices[0], "usage", None) if choices else None
    own = getattr(chunk, "x_groq", None)
    yield own.get("usage") if isinstance(own, Mapping) else None


def _counts(usage: Any) -> tuple[int, int] | None:
    prompt, completion = _of(usage, "prompt_tokens"), _of(usage, "completion_tokens")
    return (prompt, completion) if type(prompt) is int and type(completion) is int else None


def _reasoning_tokens(usage: Any) -> int:
    details = _of(usage, "completion_tokens_details")
    for said in (_of(details, "reasoning_tokens"), _of(usage, "reasoning_tokens")):
        if type(said) is int and said > 0:
            return said
    return 0


def _of(holder: Any, name: str) -> Any:
    """A field of one of the library's objects, or of a mapping."""
    return holder.get(name) if type(holder) is dict else getattr(holder, name, None)
