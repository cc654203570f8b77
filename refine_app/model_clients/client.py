"""The Protocol of whoever answers messages, and the words it is spoken in."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from refine_app.model_clients.quirks import Quirks


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What the messages are about, for clients that work on the text itself."""

    code: str
    language: str
    instruction: str
    issues: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class TokenCount:
    """What a call took."""

    prompt: int
    completion: int
    estimated: bool
    """Counted by us, because the endpoint did not say, or said what cannot be."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer. The last one has the tokens and why the answer ended."""

    text: str = ""
    thought: str = ""
    """Of what the model thinks aloud, where its server tells thoughts and answer apart: no part of the answer."""
    tokens: TokenCount | None = None
    finish_reason: str | None = None
    """stop, or length when the answer was cut at max_tokens."""


class ModelClient(Protocol):
    """Answers messages. An implementation raises only the errors of errors.py."""

    @property
    def endpoint(self) -> str:
        """Its name in the ledger and on screens."""

    @property
    def model(self) -> str:
        """The model's id; empty when the endpoint has only one."""

    @property
    def is_model(self) -> bool:
        """False for what works by rules and costs nothing."""

    @property
    def quirks(self) -> Quirks:
        """How its server differs from the protocol, as far as it is known by now."""

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float, subject: Subject | None = None
    ) -> AsyncIterator[Delta]:
        """The answer as it comes. Close the iterator (contextlib.aclosing) to hang up early."""
