"""Checks that a new text no longer makes: conditions that end early, filters, and what guards a function.

Whether one was lost or is made elsewhere now cannot be known for sure; so people are told, and a model is asked again
only where the words speak of who may do what.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from refine_app.diffs.outline import PLACEHOLDER, Definition, Loss, Outline, defined

CHECK = "check"
SHOWN = 80
LONGEST = 400
MOST = 50
MOST_LOOKED_AT = 2_000
KNOWN = 20_000
"""Characters of the words that stand where a new text decides something."""
LANGUAGES = frozenset(
    ("python", "javascript", "typescript", "tsx", "go", "rust", "java", "c", "cpp", "bash", "ruby", "php", "kotlin",
     "swift", "csharp", "sql")
)  # fmt: skip
_CONDITION = re.compile(r"\s*(?:[})]\s*)?(?:if|unless|guard|else if|elif|elsif)\b[ (]?(.*)")
_EXIT = re.compile(
    r"[ {}();]*(?:return|raise|throw|continue|break|abort|panic|exit|die|reject|redirect|forbidden|deny|fail)",
    re.IGNORECASE,
)
_EXIT_BEHIND = re.compile(r"[ {}();:](?:return|raise|throw|continue|break|abort|panic|exit|die|reject|deny)\b")
_CODE = re.compile(r"[({=\[]|\w\.\w|[:]$|\bthen$")
_GUARDING = re.compile(
    r"(?<![a-z])(?:is_?admin|admin|auth|authz|authn|authori[sz]\w*|authenti\w*|permi(?:t|ssion)\w*|allow\w*|deny|denied"
    r"|owner|owned|owns|role|csrf\w*|login|logged_in|staff|superuser|tenant|signature|verif\w*|forbidden|saniti[sz]\w*"
    r"|can_[a-z]+|may_[a-z]+|requires?_[a-z]+|protect\w*|secur\w*|access|whitelist\w*|blacklist\w*|quota|rate_?limit\w*"
    r")s?(?![a-z])",
    re.IGNORECASE,
)
_STATEMENT = re.compile(r"\s*(?:@|await |yield )?[\w.:>-]+[!?]?\(.*\)[;,?]?$|\s*@[\w.]+(?:\(.*)?$")
_FILTER = re.compile(
    r"\.(?:filter|exclude|where|filter_by|find_by)\(|^\s*(?:WHERE|AND|HAVING)\b|&&|\|\||^\s*return\b.*\b(?:and|or)\b"
)
_DECIDES = re.compile(
    r"\b(?:if|unless|elif|when|where|filter\w*|exclude|assert|require\w*|check\w*|ensure\w*|verif\w*|validat\w*|raise|match"
    r"|case|while|guard|any|all|max|min|clamp|and|or|not|get|switch)\b|&&|\|\||\?|^\s*@",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d]\w*")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_KEYWORDS = frozenset(
    _WORD.findall(
        "if unless guard else elif elsif not and or is in none null nil true false return raise throw continue break "
        "let var const self this new def fn func instanceof typeof undefined then do end"
    )
)


@dataclass(frozen=True, slots=True)
class Removed:
    """A check that is not made any more."""

    loss: Loss
    guards: bool
    """Its words speak of who may do what."""


def removed_checks(
    old: str, new: str, before: Outline, after: Outline, *, told: Sequence[Loss] = (), limit: int = MOST
) -> list[Removed]:
    """Checks of the old text that the new one neither makes as they were nor in other words."""
    old_lines, new_lines = old.split("\n"), new.split("\n")
    change = Counter(line.strip() for line in new_lines)
    change.subtract(line.strip() for line in old_lines)
    if not any(count < 0 for count in change.values()):
        return []
    known: Counter[str] = Counter()
    for line, count in change.items():
        if count > 0 and (_DECIDES.search(line) or _is_any_guarding(line)):
            known.update(_words(line))
    spoken = "\n".join(map(_plain, known))[:KNOWN]
    common = Counter(word for line in old_lines for word in _words(line))
    skipped = _skipped(before, after, told)
    found: list[Removed] = []
    looked_at = 0
    for number, check in _checks(old_lines):
        line = old_lines[number].strip()
        if change[line] >= 0 or number in skipped:
            continue
        change[line] += 1
        looked_at += 1
        if len(found) >= limit or looked_at > MOST_LOOKED_AT:
            break
        words = {word for word in _words(check) if word.lower() not in _KEYWORDS}
        guards = [word for word in words if _is_guarding(word)]
        telling = guards or sorted(words, key=lambda word: (common[word], word))[:1]
        kept = [word for word in telling if word in known or (guards and _plain(word) in spoken)]
        if len(kept) < len(telling):
            found.append(Removed(Loss(line[:SHOWN], CHECK, number + 1), bool(guards) and not kept))
    return found


def _plain(word: str) -> str:
    return word.replace("_", "").lower()


def _skipped(before: Outline, after: Outline, told: Sequence[Loss]) -> frozenset[int]:
    """Lines of definitions that are gone, or told as emptied: their checks are no news."""
    names = {one.simple_name for one in defined(after)}
    lost = {loss.line - 1 for loss in told}
    gone = [one for one in defined(before) if one.simple_name not in names or one.start in lost]
    return frozenset(line for one in _outermost(gone) for line in range(one.start, one.end))


def _outermost(found: Sequence[Definition]) -> Iterator[Definition]:
    end = -1
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if one.end > end:
            yield one
            end = one.end


def _checks(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines that check something, and the words that say what."""
    for number, line in enumerate(lines):
        if len(line) > LONGEST or PLACEHOLDER.match(line):
            continue
        if (condition := _CONDITION.match(line)) is not None and _CODE.search(line):
            following = next((one.strip() for one in lines[number + 1 : number + 3] if one.strip()), "")
            if _EXIT_BEHIND.search(line) or _EXIT.match(following) or _is_any_guarding(line):
                yield number, _EXIT_BEHIND.split(condition[1])[0]
        elif _is_any_guarding(line) and (_STATEMENT.match(line) or _FILTER.search(line)):
            yield number, line


def _is_any_guarding(line: str) -> bool:
    return any(map(_is_guarding, _words(line)))


@lru_cache(maxsize=4_096)
def _is_guarding(word: str) -> bool:
    return _GUARDING.search(_CAMEL.sub("_", word)) is not None


def _words(line: str) -> set[str]:
    return set(_WORD.findall(line))
