"""Answers that leave lines out and say so: what they give whole is taken where it is certain what it stands for."""

import re
from dataclasses import replace

from refine_app.diffs.emptied import LEAVES, head_of
from refine_app.diffs.errors import ElidedAnswer
from refine_app.diffs.outline import PLACEHOLDER, Definition
from refine_app.diffs.parts import Block, is_part, merge_parts

LONGEST = 200
"""Characters of a remark that stands for lines."""
_ELISION = re.compile(
    r"^\s*+(#|//|/\*|<!--|--)?\s*+(\.\.\.|…)\s*"
    r"(\(?(the )?(rest|remaining|existing|previous|unchanged|other|same|omitted|more)\b.*)"
    r"|^\s*+(#|//|/\*|<!--|--)\s*+\(?(the )?(rest|remainder) of (the|your) (code|file|class|function)\b.*"
    r"|^\s*+(#|//|/\*|<!--|--)\s*+\(?(existing|unchanged|same) code\b.*"
    r"|^\s*+[\[(<](the )?(rest|remain(ing|der)|snip|unchanged|existing|previous|same as|truncated|omitted)\b"
    r"[^\])>\n]*+[\])>]\s*+$|^\s*+(\[\.\.\.\]|\(\.\.\.\)|<\.\.\.>|\[…\])\s*+$",
    re.IGNORECASE,
)
"""The plainest remarks that stand for lines. Others are known by what they stand in the place of."""
_LETTER = re.compile(r"\w")


def elided_lines(text: str, base: str) -> dict[int, str]:
    """Remarks such as "... rest unchanged", by the number of their line. Taken as code they would delete lines."""
    return {
        number: line
        for number, line in enumerate(text.split("\n"))
        if len(line) < LONGEST and _ELISION.match(line) and line not in base
    }


def refuse_elided(text: str, base: str, answer: str) -> None:
    for line in elided_lines(text, base).values():
        raise _refusal(line, answer)


def merge_elided(blocks: list[Block], base: Block, answer: str) -> str:
    """The base with what blocks give that leave lines out: definitions whose name and head are the base's own.

    Raises ElidedAnswer or AmbiguousAnswer where that is not certain.
    """
    opened = [_without_remarks(block, base, answer) for block in blocks]
    for block in opened:
        if not is_part(block, base):
            raise _refusal(block.text.strip().split("\n")[0], answer)
    return merge_parts(opened, base, answer)


def _without_remarks(block: Block, base: Block, answer: str) -> Block:
    """The block with blank lines for its remarks, and without definitions of which it gives nothing else."""
    remarks = elided_lines(block.text, base.text)
    lines, outline = block.lines, list(block.outline)
    for number, remark in remarks.items():
        holders = [one for one in outline if one.start <= number < one.end]
        holder = max(holders, key=lambda one: one.depth, default=None)
        if holder is None or any(holder.start <= one.start < holder.end and one is not holder for one in outline):
            lines[number] = ""
        elif _is_nothing_else(holder, lines, remarks):
            # The line that opens it may be that of what holds it; only its own lines go.
            lines[holder.start : holder.end] = [""] * (holder.end - holder.start)
            outline.remove(holder)
        else:
            raise _refusal(remark, answer)
    opened = replace(block, text="\n".join(lines), outline=outline, elided=frozenset(remarks))
    for one in outline:
        _refuse_another_head(one, opened, base, answer)
    return opened


def _is_nothing_else(definition: Definition, lines: list[str], remarks: dict[int, str]) -> bool:
    text = "\n".join(lines[definition.start : definition.end])
    body = text[len(head_of(text)) :].split("\n")
    known = set(remarks.values())
    return all(line in known or PLACEHOLDER.match(line) or not _LETTER.search(line) for line in body)


def _refuse_another_head(one: Definition, block: Block, base: Block, answer: str) -> None:
    """A function whose parameters changed may be used in the lines that were left out."""
    found = [other for other in base.outline if other.simple_name == one.simple_name]
    if one.kind not in LEAVES or len(found) != 1:
        return
    heads = [
        " ".join(head_of("\n".join(of.lines[it.start : it.end])).split()) for of, it in ((block, one), (base, found[0]))
    ]
    if heads[0] != heads[1]:
        raise ElidedAnswer(
            f"The answer leaves lines out and changes {heads[1][:120]!r} to {heads[0][:120]!r}; write every line.",
            answer,
        )


def _refusal(remark: str, answer: str) -> ElidedAnswer:
    return ElidedAnswer(f"The answer leaves lines out at {remark.strip()[:LONGEST]!r}; write every line.", answer)
