"""What a server's refusal teaches of it: rules in order, the first that applies is the lesson.

A refusal names the parameter (`param` of OpenAI's errors, `loc` of pydantic's, or the words). The request is sent again
without it, or with it renamed, and every later one is sent like that at once.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from refine_app.model_clients.error_words import is_too_long, marks_of
from refine_app.model_clients.quirks import NEVER_DROPPED, Quirks

TEACHES = (400, 404, 405, 422, 500, 501)
"""Statuses of refusals that may be about the request's form and not about the question. Of a fault (500) only words
about roles and the context are believed: servers give it to what a model's template refuses."""
LEAST_SHARE = 4
"""An answer is asked for again in what is left of the context when that is at least this part of the limit."""
LIMITS = ("max_tokens", "max_completion_tokens")

_NUMBER = r"(\d{1,3}(?:,\d{3}){1,3}|\d{2,9})"
_WORD = re.compile(r"\w+")
_NOT_TAKEN = re.compile(
    r"unsupported|not supported|n.t support|unrecogni[sz]ed|unknown|unexpected|extraneous|not permitted|extra inputs"
    r"|extra fields|not allowed|invalid|not available|does not (?:support|accept)|may only be|deprecated|not enabled"
    r"|only.{0,20}(?:the default|allowed|supported)|must be verified|cannot (?:both )?be|disabled|forbidden"
    r"|not implemented|not (?:a )?valid|must be (?:one of|omitted|unset)|should be",
    re.IGNORECASE,
)
_SYSTEM_ROLE = re.compile(
    r"system.{0,40}(role|message|prompt|instruction)|role.{0,30}system|developer instruction", re.IGNORECASE
)
_TWO_ROLES = re.compile(
    r"only.{0,10}user.{0,10}assistant.{0,5}roles|input should be .user. or .assistant.|role.{0,30}one of.{0,20}user",
    re.IGNORECASE,
)
_ALTERNATION = re.compile(r"alternat|(role|message|turn)s?.{0,20}in a row|consecutive.{0,30}(role|message|turn)", re.I)
_SYSTEM_IS_TAKEN = re.compile(r"after the .{0,12}system message", re.IGNORECASE)
_AT_MOST = (
    re.compile(r"\[ ?\d{1,3} ?, ?" + _NUMBER),
    re.compile(r"\d > " + _NUMBER),
    re.compile(
        r"(?:at most|maximum(?: value)?(?: is| of)?|less than or equal to|lower than|no more than|up to|<=|≤"
        r"|limit(?: is| of)?)\D{0,20}?" + _NUMBER,
        re.IGNORECASE,
    ),
)
_LIMIT_IN_WORDS = re.compile(
    r"(maximum|max|number of) (output|completion|new)? ?tokens|max_?(new|output)_?tokens", re.IGNORECASE
)
_CONTEXT = re.compile(
    r"(?:context (?:length|window|size)[^\d.]{0,30}|max_new_tokens` must be <= )" + _NUMBER, re.IGNORECASE
)
_QUESTION = re.compile(
    _NUMBER + r" (?:tokens )?(?:(?:in|from) (?:the |your )?(?:input )?(?:messages|prompt)|`?inputs?`? tokens|`inputs`)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal, as the rules look at it."""

    body: Any
    words: str
    sent: Mapping[str, Any]
    """The request's body as it was sent."""
    is_fault: bool
    """Its status says that the server is at fault."""

    @property
    def roles(self) -> list[str]:
        return [message["role"] for message in self.sent["messages"]]

    @property
    def limit(self) -> str:
        """The name of the limit in the request."""
        return next((name for name in LIMITS if name in self.sent), LIMITS[0])


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a refusal teaches."""

    quirks: Quirks
    limit: int | None = None
    """The limit of tokens for this question alone, because only so many are left of the context."""


def learnt(quirks: Quirks, status: int, body: Any, words: str, sent: Mapping[str, Any]) -> Lesson | None:
    """What a refusal teaches; None when it is about something else. words: its message."""
    if status not in TEACHES:
        return None
    refusal = Refusal(body, words, sent, is_fault=status == 500)
    if is_too_long(f"{words} {' '.join(marks_of(body))}"):
        return _context(quirks, refusal) or _limit(quirks, refusal, by_number=True)
    for rule in RULES:
        lesson = rule(quirks, refusal)
        if lesson is not None:
            return lesson
    return None


def _context(quirks: Quirks, refusal: Refusal) -> Lesson | None:
    """Question and limit together are too long, and the question alone is not."""
    context, question = _CONTEXT.search(refusal.words), _QUESTION.search(refusal.words)
    limit = refusal.sent.get(refusal.limit)
    if context is None or question is None or not isinstance(limit, int):
        return None
    most = _value(context[1])
    left = most - _value(question[1])
    if not limit // LEAST_SHARE <= left < limit:
        return None
    return Lesson(replace(quirks, context_tokens=most), limit=left)


def _alternation(quirks: Quirks, refusal: Refusal) -> Lesson | None:
    if not _ALTERNATION.search(refusal.words):
        return None
    folds = refusal.roles[:1] == ["system"] and (quirks.alternates or not _SYSTEM_IS_TAKEN.search(refusal.words))
    changed = replace(quirks, alternates=True, folds_system=quirks.folds_system or folds)
    return None if changed == quirks else Lesson(changed)


def _system_role(quirks: Quirks, refusal: Refusal) -> Lesson | None:
    if "system" not in refusal.roles or quirks.folds_system:
        return None
    is_named = _SYSTEM_ROLE.search(refusal.words) and _NOT_TAKEN.search(refusal.words)
    if not is_named and not _TWO_ROLES.search(refusal.words):
        return None
    return Lesson(replace(quirks, folds_system=True))


def _limit(quirks: Quirks, refusal: Refusal, *, by_number: bool = False) -> Lesson | None:
    """The limit is too large, or goes by another name here. by_number: only what a number proves."""
    name, is_said = _named(refusal)
    if name is None and _LIMIT_IN_WORDS.search(refusal.words):
        name = refusal.limit
    if name not in LIMITS or name not in refusal.sent or refusal.is_fault:
        return None
    most = next((found for pattern in _AT_MOST if (found := pattern.search(refusal.words)) is not None), None)
    if most is not None and _value(most[1]) < refusal.sent[name]:
        return Lesson(replace(quirks, most_tokens=_value(most[1])))
    other = LIMITS[1 - LIMITS.index(name)]
    if by_number or not (is_said or other in refusal.words or _NOT_TAKEN.search(refusal.words)):
        return None
    if name in quirks.renamed.values():  # another server stands behind the name than the one that wanted it so
        return Lesson(replace(quirks, renamed={old: new for old, new in quirks.renamed.items() if new != name}))
    return Lesson(replace(quirks, renamed={**quirks.renamed, name: other}))


def _parameter(quirks: Quirks, refusal: Refusal) -> Lesson | None:
    name, is_said = _named(refusal)
    if name is None or name in NEVER_DROPPED or refusal.is_fault:
        return None
    if not is_said and not _NOT_TAKEN.search(f"{refusal.words} {' '.join(marks_of(refusal.body))}"):
        return None
    return Lesson(replace(quirks, dropped=quirks.dropped | {name}))


RULES: tuple[Callable[[Quirks, Refusal], Lesson | None], ...] = (_alternation, _system_role, _limit, _parameter)


def _named(refusal: Refusal) -> tuple[str | None, bool]:
    """The parameter that a refusal is about, and whether a field of it says so or only its words."""
    said = [name for name in _params(refusal.body) if name in refusal.sent]
    if said:
        return said[0], True
    words = set(_WORD.findall(refusal.words))
    named = [name for name in refusal.sent if name not in ("model", "messages") and name in words]
    # "stream_options" holds "stream" as a word of its own in no grammar but ours.
    if not named and "stream" in refusal.sent and re.search(r"\bstreaming\b", refusal.words, re.IGNORECASE):
        named = ["stream"]
    return (named[0] if named else None), False


def _params(body: Any, depth: int = 0) -> Iterator[str]:
    """What the fields `param` and `loc` say, wherever they stand."""
    if depth > 6:
        return
    if isinstance(body, list):
        for one in body:
            yield from _params(one, depth + 1)
    if not isinstance(body, Mapping):
        return
    for name, value in body.items():
        if name == "param" and isinstance(value, str):
            yield value
        elif name == "loc" and isinstance(value, list):
            yield from (place for place in value if isinstance(place, str))
        elif isinstance(value, dict | list):
            yield from _params(value, depth + 1)


def _value(number: str) -> int:
    return int(number.replace(",", ""))
