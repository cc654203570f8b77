"""What one server will not take of the chat protocol, as its refusals taught; remembered for its endpoint."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

Payload = dict[str, Any]

NEVER_DROPPED = frozenset({"model", "messages", "max_tokens", "max_completion_tokens"})
"""Without a limit an answer has no bound in time or money; without the others there is no question."""
FIRST_ROOM = 8_192
MOST_ROOM = 65_536
"""Tokens for thoughts, at first and at most."""
KNOWN_THINKERS = re.compile(
    r"(^|/)(o[134](-|$)|gpt-5|gpt-oss|deepseek-r1|deepseek-reasoner|qwq|magistral)|thinking|reasoning|-r1(-|$)",
    re.IGNORECASE,
)
"""Models that are known to think before they answer, by their name."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a request to this endpoint differs from the protocol. Immutable; to learn makes another."""

    dropped: frozenset[str] = frozenset()
    """Parameters that it does not take."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Parameters that it takes under another name."""
    most_tokens: int | None = None
    """The largest limit of tokens that it takes."""
    context_tokens: int | None = None
    """Tokens that a question and its answer may have together, as the server said."""
    folds_system: bool = False
    """The system's words are put before the first of the user's."""
    alternates: bool = False
    """Messages of one role that follow each other are put together."""
    thinking_room: int = 0
    """Tokens to ask for beyond the answer's, because its thoughts are counted with it."""
    server: str = field(default="", compare=False)
    """A mark of the URL and the model that this was learnt of; another server behind the same name has its own."""

    def applied(self, payload: Mapping[str, Any]) -> Payload:
        """The request's body as this endpoint takes it."""
        sent = {self.renamed.get(name, name): value for name, value in payload.items() if name not in self.dropped}
        if "stream" in self.dropped:
            sent.pop("stream_options", None)
        for name in ("max_tokens", "max_completion_tokens"):
            if self.most_tokens is not None and isinstance(sent.get(name), int):
                sent[name] = min(sent[name], self.most_tokens)
        if self.folds_system or self.alternates:
            sent["messages"] = _together(_folded(payload["messages"]) if self.folds_system else payload["messages"])
        return sent

    def with_thoughts(self, tokens: int, *, limit_spent: bool, limit: int) -> Self:
        """After an answer with so many tokens of thoughts; `limit_spent`: it ended at its limit before any words."""
        wanted = max(FIRST_ROOM, 2 * limit if limit_spent else math.ceil(1.5 * tokens))
        return replace(self, thinking_room=min(MOST_ROOM, max(self.thinking_room, wanted)))

    def as_json(self) -> dict[str, Any]:
        """For the database; from_json() reads it."""
        kept = asdict(self) | {"dropped": sorted(self.dropped), "renamed": dict(self.renamed)}
        plain = asdict(NO_QUIRKS) | {"dropped": [], "renamed": {}}
        differs = {name: value for name, value in kept.items() if value != plain[name]}
        return {} if set(differs) == {"server"} else differs

    @classmethod
    def from_json(cls, kept: Any, server: str = "") -> "Quirks":
        """What as_json() made; anything else is no quirk, and neither is what was learnt of another server."""
        if not isinstance(kept, Mapping) or kept.get("server", server) != server:
            return Quirks(server=server)
        room = kept.get("thinking_room")
        renamed = kept.get("renamed")
        return cls(
            dropped=frozenset(name for name in kept.get("dropped") or () if isinstance(name, str)) - NEVER_DROPPED,
            renamed={str(old): str(new) for old, new in renamed.items()} if isinstance(renamed, Mapping) else {},
            most_tokens=_count(kept.get("most_tokens")),
            context_tokens=_count(kept.get("context_tokens")),
            folds_system=kept.get("folds_system") is True,
            alternates=kept.get("alternates") is True,
            thinking_room=min(room, MOST_ROOM) if isinstance(room, int) and room > 0 else 0,
            server=server,
        )

    def in_words(self) -> str:
        """One line for an operator; empty when there is nothing to say."""
        said = [f"{new} instead of {old}" for old, new in sorted(self.renamed.items())]
        said += [f"no {name}" for name in sorted(self.dropped)]
        if self.most_tokens is not None:
            said.append(f"at most {self.most_tokens:,} tokens")
        if self.context_tokens is not None:
            said.append(f"a context of {self.context_tokens:,} tokens")
        if self.folds_system:
            said.append("no system role: its words go into the first user message")
        if self.alternates:
            said.append("roles must alternate")
        if self.thinking_room:
            said.append(f"thinks: {self.thinking_room:,} tokens of room")
        return "; ".join(said)


NO_QUIRKS = Quirks()


def first_guess(model: str) -> Quirks:
    """What the model's name alone tells, before it was ever asked."""
    return Quirks(thinking_room=FIRST_ROOM) if KNOWN_THINKERS.search(model) else NO_QUIRKS


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _folded(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The system's words at the beginning of the first message of the user."""
    system = "\n\n".join(str(message["content"]) for message in messages if message["role"] == "system")
    others = [dict(message) for message in messages if message["role"] != "system"]
    first = next((message for message in others if message["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": system}, *others]
    first["content"] = f"{system}\n\n{first['content']}"
    return others


def _together(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages of one role in a row as one."""
    merged: list[dict[str, Any]] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1] = merged[-1] | {"content": f"{merged[-1]['content']}\n\n{message['content']}"}
        else:
            merged.append(dict(message))
    return merged
