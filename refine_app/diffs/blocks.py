"""The blocks of an answer, also where the document holds fences itself and one end must be told from another."""

import re
from collections.abc import Collection, Sequence

from refine_app.diffs.edit_forms import begins_with_edits
from refine_app.diffs.errors import AmbiguousAnswer
from refine_app.diffs.fences import MARKDOWN, Fence, holds_fences, read_fences, read_outer_fence


def blocks_of(text: str, base: str, languages: Sequence[str]) -> list[Fence]:
    """An answer's blocks; of a document that holds fences itself, the outer one."""
    fences = read_fences(text)
    if len(fences) < 2 and all(fence.closed for fence in fences):
        return fences
    first = fences[0].info.lower()
    may_hold = first in MARKDOWN or first in languages or not first
    mark = text.split("\n")[fences[0].first_line].lstrip()[:3]
    if not (may_hold and _may_hold_fences(base, languages, (mark,))):
        return fences
    if sum(fence.info.lower() in (*MARKDOWN, *languages) for fence in fences) > 1 and first not in MARKDOWN:
        return fences
    own = [fence for fence in fences if fence.info.lower() in (*MARKDOWN, *languages, "")]
    if all(fence.closed and is_surely_closed(fence, text, base, languages) for fence in own):
        return fences
    outer = read_outer_fence(text)
    if outer is not None and all(fence.first_line <= outer.last_line for fence in fences):
        return [outer]
    if all(fence.closed and fence.info.lower() in MARKDOWN for fence in fences):
        return fences
    raise AmbiguousAnswer(
        "It is not certain where the document ends, because it holds fences itself; put it in a fence that is longer "
        "than any of its own.",
        text,
    )


def is_bare(text: str, base: str) -> bool:
    """Whether a text that holds fences is a document that does, or edits of one.

    What is around a document's fences is the base's; edits of it begin with their own first line.
    """
    if not holds_fences(base):
        return False
    if begins_with_edits(text):
        return True
    around = _around(base, read_fences(base))
    kept = around & _around(text, read_fences(text))
    return bool(around) and len(kept) * 2 > len(around)


def _around(text: str, fences: Sequence[Fence]) -> set[str]:
    """The longer lines that stand in no fence."""
    inside = {at for fence in fences if fence.closed for at in range(fence.first_line, fence.last_line + 1)}
    lines = (line.strip() for at, line in enumerate(text.split("\n")) if at not in inside)
    return {line for line in lines if len(line) > 3}


def _may_hold_fences(base: str, languages: Sequence[str], marks: Collection[str] = ("```", "~~~")) -> bool:
    return any(language in MARKDOWN for language in languages) or holds_fences(base, marks)


def is_surely_closed(fence: Fence, text: str, base: str, languages: Sequence[str]) -> bool:
    """Whether a block's end is its own, and not that of a block that the document holds."""
    opening = text.split("\n")[fence.first_line].strip()
    mark = opening[: len(opening) - len(opening.lstrip(opening[:1]))]
    inner = max((len(run) for run in re.findall(r"`{3,}|~{3,}", base) if run[0] == mark[0]), default=2)
    return len(mark) > (max(inner, 3) if any(language in MARKDOWN for language in languages) else inner)
