"""What one server will not take of the chat protocol, learnt from its refusals and remembered for its endpoint.

A refusal names the parameter (`param` of OpenAI's errors, `loc` of pydantic's, or the words). The request is sent again
without it, or with it renamed, and every later one is sent like that at once.
"""

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

_WORD = re.compile(r"\w+")
_NOT_TAKEN = re.compile(
    r"unsupported|not supported|unrecogni[sz]ed|unknown|unexpected|not permitted|extra inputs|not allowed|invalid"
    r"|not available|does not support|only the default|must be verified|cannot be used|disabled|forbidden",
    re.IGNORECASE,
)
_SYSTEM_ROLE = re.compile(
    r"system.{0,40}(role|message|prompt|instruction)|role.{0,20}system|developer instruction", re.I
)
_ALTERNATION = re.compile(r"alternat|consecutive.{0,30}(role|message|turn)", re.IGNORECASE)
_AT_MOST = re.compile(
    r"(?:at most|maximum(?: value)?(?: is| of)?|less than or equal to|up to|<=|≤|limit(?: is| of)?)\D{0,20}?(\d{2,7})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a request to this endpoint differs from the protocol. Immutable; to learn makes another."""

    dropped: frozenset[str] = frozenset()
    """Parameters that it does not take."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Parameters that it takes under another name."""
    most_tokens: int | None = None
    """The largest limit of tokens that it takes."""
    folds_system: bool = False
    """The system's words are put before the first of the user's."""
    alternates: bool = False
    """Messages of one role that follow each other are put together."""
    thinking_room: int = 0
    """Tokens to ask for beyond the answer's, because its thoughts are counted with it."""

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
        return {name: value for name, value in kept.items() if value != plain[name]}

    @classmethod
    def from_json(cls, kept: Any) -> "Quirks":
        """What as_json() made; anything else is no quirk."""
        if not isinstance(kept, Mapping):
            return NO_QUIRKS
        most, room = kept.get("most_tokens"), kept.get("thinking_room")
        renamed = kept.get("renamed")
        return cls(
            dropped=frozenset(name for name in kept.get("dropped") or () if isinstance(name, str)) - NEVER_DROPPED,
            renamed={str(old): str(new) for old, new in renamed.items()} if isinstance(renamed, Mapping) else {},
            most_tokens=most if isinstance(most, int) and most > 0 else None,
            folds_system=kept.get("folds_system") is True,
            alternates=kept.get("alternates") is True,
            thinking_room=min(room, MOST_ROOM) if isinstance(room, int) and room > 0 else 0,
        )

    def in_words(self) -> str:
        """One line for an operator; empty when there is nothing to say."""
        said = [f"{new} instead of {old}" for old, new in sorted(self.renamed.items())]
        said += [f"no {name}" for name in sorted(self.dropped)]
        if self.most_tokens is not None:
            said.append(f"at most {self.most_tokens:,} tokens")
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


def learnt(quirks: Quirks, body: Any, words: str, sent: Mapping[str, Any]) -> Quirks | None:
    """What a refusal (status 400, 404, 405, 422 or 501) teaches; None when it is about something else.

    body: the refusal's JSON; words: its message; sent: the request's body as it was sent.
    """
    roles = [message["role"] for message in sent["messages"]]
    if "system" in roles and not quirks.folds_system and _SYSTEM_ROLE.search(words):
        return replace(quirks, folds_system=True)
    if not quirks.alternates and _ALTERNATION.search(words):
        return replace(quirks, alternates=True, folds_system=quirks.folds_system or roles[:1] == ["system"])
    name = _named(body, words, sent)
    if name in ("max_tokens", "max_completion_tokens"):
        return _limit_learnt(quirks, name, words, sent)
    if name is None or name in NEVER_DROPPED or not _NOT_TAKEN.search(f"{words} {_code(body)}"):
        return None
    return replace(quirks, dropped=quirks.dropped | {name})


def _limit_learnt(quirks: Quirks, name: str, words: str, sent: Mapping[str, Any]) -> Quirks | None:
    other = "max_completion_tokens" if name == "max_tokens" else "max_tokens"
    if other in words and name not in quirks.renamed.values():
        return replace(quirks, renamed={**quirks.renamed, name: other})
    most = _AT_MOST.search(words)
    if most is not None and int(most[1]) < sent[name]:
        return replace(quirks, most_tokens=int(most[1]))
    if name == "max_tokens" and not quirks.renamed and _NOT_TAKEN.search(words):
        return replace(quirks, renamed={"max_tokens": other})
    return None


def _named(body: Any, words: str, sent: Mapping[str, Any]) -> str | None:
    """The parameter that a refusal is about: as its fields say, else the one that its words name."""
    said = _params(body)
    found = [name for name in said if name in sent]
    if not found:
        named = set(_WORD.findall(words))
        found = [name for name in sent if name not in ("model", "messages") and name in named]
    # "stream_options" holds "stream" as a word of its own in no grammar but ours.
    if not found and "stream" in sent and re.search(r"\bstreaming\b", words, re.IGNORECASE):
        found = ["stream"]
    return found[0] if found else None


def _params(body: Any) -> list[str]:
    if not isinstance(body, Mapping):
        return []
    inner = body.get("error")
    holder = inner if isinstance(inner, Mapping) else body
    said = [holder["param"]] if isinstance(holder.get("param"), str) else []
    details = body.get("detail")
    for detail in details if isinstance(details, list) else ():
        places = detail.get("loc") if isinstance(detail, Mapping) else None
        said += [place for place in places if isinstance(place, str)] if isinstance(places, list) else []
    return said


def _code(body: Any) -> str:
    inner = body.get("error") if isinstance(body, Mapping) else None
    return f"{inner.get('code') or ''} {inner.get('type') or ''}" if isinstance(inner, Mapping) else ""


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
