"""Reading a new text out of a model's answer: a fenced block, a whole file, parts of one, or edits in their forms.

Answers are data from outside: bounded, never trusted to be complete, and never guessed at where guessing could lose
somebody's lines. What a text defines (its outline) tells a whole text from a part; where no outline can be had, its
length does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from refine_app.diffs.alignment import Match, align
from refine_app.diffs.blocks import blocks_of, is_bare, is_surely_closed
from refine_app.diffs.edit_forms import apply_edits, form_of, headless_diff
from refine_app.diffs.elided import elided_lines, merge_elided, refuse_elided
from refine_app.diffs.errors import (
    AmbiguousAnswer,
    AnswerTooLong,
    CutOffAnswer,
    ElidedAnswer,
    EmptyAnswer,
    RefusedAnswer,
)
from refine_app.diffs.fences import Fence
from refine_app.diffs.lines import line_ending, number_lines, split_lines
from refine_app.diffs.outline import PLACEHOLDER, Outline, defined, losses, takes_away
from refine_app.diffs.parts import Block, is_part, merge_parts
from refine_app.diffs.thoughts import without_thoughts
from sessions_app.plurals import counted

MAX_ANSWER = 4_000_000
MAX_SUMMARY = 2_000
SMALL = 10
"""Lines of a text so short that any answer may replace all of it."""
BYTE_ORDER_MARK = "\ufeff"

LOST = 2
"""So many lines of code for which there is only a remark now were left out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model's answer comes to."""

    new_text: str
    summary: str
    form: Literal["fence", "whole", "parts", "diff"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What can be read out of an answer before it is known what its texts define."""

    answer: str
    base: str
    summary: str
    texts: list[str] = field(default_factory=list)
    """Blocks in the code's language, or the whole bare answer."""
    edited: str | None = None
    """The base after the answer's edits, where it gives any."""
    bare: bool = False
    """The text was not fenced."""

    @property
    def plain_base(self) -> str:
        return self.base.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n")


def parse_answer(
    answer: str,
    *,
    base: str,
    languages: Sequence[str] = (),
    cut_off: bool = False,
    instruction: str = "",
    outline_of: Callable[[str], Outline | None] = lambda text: None,
) -> Answer:
    """The new text, in the base's own manner of ending lines. Raises an AnswerError that says what is wrong.

    languages: names by which the code's language goes, best first; cut_off: the model stopped at its token limit;
    outline_of: what a text defines, or None where that cannot be said.
    """
    reading = read_answer(answer, base=base, languages=languages, cut_off=cut_off)
    outlines = {text: outline_of(text) for text in (reading.plain_base, *reading.texts)}
    return choose(reading, outlines, instruction=instruction)


def read_answer(answer: str, *, base: str, languages: Sequence[str] = (), cut_off: bool = False) -> Reading:
    """The texts and edits that an answer gives."""
    if len(answer) > MAX_ANSWER:
        raise AnswerTooLong(f"The answer has {len(answer)} characters; at most {MAX_ANSWER} are read.", answer)
    text = without_thoughts(clean(answer).removeprefix(BYTE_ORDER_MARK), base).strip("\n")
    if not text.strip():
        raise EmptyAnswer("The answer is empty; give the whole new text in one fenced block.", answer)
    fences = [] if is_bare(text, _plain(base)) else blocks_of(text, base, languages)
    if not fences:
        return _without_fence(text, base, cut_off, answer)
    if not fences[-1].closed:
        raise CutOffAnswer("The answer ends in the middle of its code block; give all of it, or a diff.", answer)
    if cut_off and (
        not is_surely_closed(fences[-1], text, base, languages)
        or not text.split("\n", fences[-1].last_line + 1)[-1].strip()
    ):
        raise CutOffAnswer("The answer was cut off at its token limit; give all of it, or a diff.", answer)
    summary = _summary(text, fences)
    edits = [(fence.code, form) for fence in fences if (form := _form_in(fence, base, languages)) is not None]
    texts = _texts_of([fence for fence in fences if _form_in(fence, base, languages) is None], base, languages)
    edited = None
    for code, form in edits:
        edited = apply_edits(code, form, _plain(base) if edited is None else edited)
    if edited is None and len(texts) == 1:
        edited = headless_diff(texts[0], _plain(base))
        texts = texts if edited is None else []
    if edited is None and not texts:
        raise RefusedAnswer(
            "The answer has no block in the document's language; give the whole new text in one fenced block.", answer
        )
    return Reading(answer, base, summary, texts, edited)


def choose(reading: Reading, outlines: Mapping[str, Outline | None], *, instruction: str = "") -> Answer:
    """The one text that a reading comes to. Raises AmbiguousAnswer, ElidedAnswer or RefusedAnswer, never guesses."""
    answer = _chosen(reading, outlines, instruction)
    if not takes_away(instruction):
        _refuse_remarks_in_place_of_lines(answer.new_text, reading)
    return answer


def _chosen(reading: Reading, outlines: Mapping[str, Outline | None], instruction: str) -> Answer:
    if reading.edited is not None:
        _refuse_a_text_beside_edits(reading)
        return Answer(conform(reading.edited, reading.base), reading.summary, "diff")
    known = [(text, outlines.get(text)) for text in dict.fromkeys(reading.texts)]
    before = defined(outlines.get(reading.plain_base) or ())
    if not before or reading.bare or any(outline is None for _, outline in known):
        for text, _ in known:
            refuse_elided(text, reading.base, reading.answer)
    if not before or any(outline is None for _, outline in known):
        return _by_length(reading)
    base = Block(reading.plain_base, before)
    blocks = [Block(text, defined(outline or ())) for text, outline in known]
    if any(elided_lines(block.text, reading.plain_base) for block in blocks):
        merged = merge_elided(blocks, base, reading.answer)
        return Answer(conform(merged, reading.base), reading.summary, "parts")
    return _of_blocks(blocks, base, reading, instruction)


def _of_blocks(blocks: Sequence[Block], base: Block, reading: Reading, instruction: str) -> Answer:
    """The whole text among these blocks, or what they come to as its parts."""
    whole = [block for block in blocks if _is_whole(block, base, instruction)]
    if len(whole) > 1:
        whole = [block for block in whole if not _is_same(block.text, reading.plain_base)]
    if len(whole) == 1:
        return _answer(reading, whole[0].text)
    if whole or len(blocks) == 1:
        # Outside of a fence, a part and a whole that was cut off look the same.
        if not whole and is_part(blocks[0], base) and not reading.bare:
            merged = merge_parts(blocks, base, reading.answer)
            return Answer(conform(merged, reading.base), reading.summary, "parts")
        if not whole:
            return _answer(reading, blocks[0].text)
        raise AmbiguousAnswer(
            f"The answer gives {len(whole)} different versions of the whole text; give one, in one fenced block.",
            reading.answer,
        )
    parts = [block for block in blocks if block.top or block.text.strip("\n") not in base.text]
    if parts and all(is_part(block, base) for block in parts):
        return Answer(conform(merge_parts(parts, base, reading.answer), reading.base), reading.summary, "parts")
    raise AmbiguousAnswer(
        f"The answer gives {len(blocks)} blocks, and none of them is the whole text; give the whole new text in one "
        "fenced block.",
        reading.answer,
    )


def _answer(reading: Reading, text: str) -> Answer:
    return Answer(conform(text, reading.base), reading.summary, "whole" if reading.bare else "fence")


def _is_whole(block: Block, base: Block, instruction: str) -> bool:
    """Whether a block has all that the base defines at its top, but for what it was asked to do away with."""
    top = [one for one in base.outline if one.depth == 0]
    lost = losses(base.text, block.text, top, block.outline, instruction=instruction)
    return not lost and bool(block.text.strip())


def _is_same(one: str, other: str) -> bool:
    return one.strip() == other.strip()


def _by_length(reading: Reading) -> Answer:
    """Where nothing tells what a text defines: the only one that is not a fragment of the base."""
    fresh = [text for text in dict.fromkeys(reading.texts) if text.strip("\n") not in reading.plain_base]
    texts = fresh or list(dict.fromkeys(reading.texts))
    size = _size(reading.plain_base)
    whole = [text for text in texts if _size(text) * 2 >= size] or (texts if size <= SMALL else [])
    if len(whole) == 1:
        return _answer(reading, whole[0])
    if len(texts) == 1:
        raise AmbiguousAnswer(
            f"The answer has {counted(_size(texts[0]), 'line')} where the document has {size}; give the whole new text "
            "in one fenced block, also what stays as it is.",
            reading.answer,
        )
    raise AmbiguousAnswer(
        f"The answer gives {counted(len(texts), 'block')}; give the whole new text in one fenced block.", reading.answer
    )


def _size(text: str) -> int:
    return sum(1 for line in text.split("\n") if line.strip())


def _refuse_a_text_beside_edits(reading: Reading) -> None:
    """Edits count; blocks beside them may only show what the edits come to, or what was there before."""
    for text in reading.texts:
        shown = text.strip("\n")
        if shown.strip() and not any(shown in whole for whole in (reading.edited or "", reading.plain_base)):
            raise AmbiguousAnswer(
                "The answer gives a change and beside it a text that the change does not come to; give one of them.",
                reading.answer,
            )


def clean(text: str) -> str:
    """Without what no database and no editor takes: NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def conform(new: str, base: str) -> str:
    """A model's text with the base's byte order mark, line endings and way of ending the file.

    Models give line feeds only; without this every line of a file with CRLF would show as changed.
    """
    new = new.removeprefix(BYTE_ORDER_MARK)
    mark = BYTE_ORDER_MARK if base.startswith(BYTE_ORDER_MARK) else ""
    base_lines, new_lines = split_lines(base.removeprefix(BYTE_ORDER_MARK)), split_lines(new)
    if not new_lines:
        return mark
    ends_open = bool(base_lines) and not base_lines[-1].endswith("\n")
    if any(line.endswith("\r\n") for line in base_lines):
        new_lines = _with_endings_of(base_lines, new_lines)
    elif base_lines:
        new_lines = [line[:-2] + "\n" if line.endswith("\r\n") else line for line in new_lines]
    last = new_lines[-1].removesuffix("\n").removesuffix("\r")
    new_lines[-1] = last if ends_open else last + line_ending(base_lines)
    return mark + "".join(new_lines)


def apply_diff(diff: str, base: str) -> str:
    """Base after a model's unified diff. Raises DiffDoesNotApply."""
    return conform(apply_edits(diff, "diff", _plain(base)), base)


def _plain(base: str) -> str:
    return base.removeprefix(BYTE_ORDER_MARK)


def _form_in(fence: Fence, base: str, languages: Sequence[str]) -> Literal["diff", "search_replace", "patch"] | None:
    """The form of the edits in a block; None where the document itself has that form."""
    form = form_of(fence.code, fence.info)
    if form is None or form_of(base) == form or (form == "diff" and "diff" in languages):
        return None
    return form


def _texts_of(fences: Sequence[Fence], base: str, languages: Sequence[str]) -> list[str]:
    """Blocks in the code's own language, else those that name none, else those that look like the document."""
    named = [fence.code for fence in fences if fence.info.lower() in languages and fence.code.strip()]
    bare = [fence.code for fence in fences if not fence.info and fence.code.strip()]
    others = [
        fence.code for fence in fences if fence.code.strip() and (_looks_like(fence.code, base) or not base.strip())
    ]
    return named or bare or others


def _without_fence(text: str, base: str, cut_off: bool, answer: str) -> Reading:
    """An answer that is nothing but edits or a file. Prose is not taken for code."""
    form = form_of(text)
    if form is not None and form_of(base) != form:
        return Reading(answer, base, "", edited=apply_edits(text, form, _plain(base)))
    if cut_off:
        raise CutOffAnswer("The answer was cut off at its token limit before any code came.", text)
    if not _looks_like(text, base):
        raise RefusedAnswer("The answer has no fenced code block; give the whole new text in one fenced block.", text)
    return Reading(answer, base, "", [text + "\n"], bare=True)


def _looks_like(text: str, base: str) -> bool:
    """Whether a bare text is the file again: it keeps at least a third of the base's longer lines."""
    lines = {line.strip() for line in base.split("\n") if len(line.strip()) > 3}
    kept = lines.intersection(line.strip() for line in text.split("\n"))
    return bool(lines) and len(kept) * 3 >= len(lines)


def _refuse_remarks_in_place_of_lines(new_text: str, reading: Reading) -> None:
    """A change that takes lines of code away and writes nothing but remarks in their place left them out."""
    old, new = reading.plain_base.split("\n"), new_text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n").split("\n")
    at_old = at_new = 0
    for match in [*align(*number_lines(old, new)), Match(len(old), len(new), 0)]:
        removed, added = old[at_old : match.old], new[at_new : match.new]
        at_old, at_new = match.old + match.length, match.new + match.length
        remarks = [line for line in added if line.strip()]
        if not remarks or not all(map(PLACEHOLDER.match, remarks)):
            continue
        lost = [line for line in removed if line.strip() and not PLACEHOLDER.match(line)]
        if len(lost) >= LOST:
            raise ElidedAnswer(
                f"The answer has only {remarks[0].strip()[:120]!r} where the document has "
                f"{counted(len(lost), 'line')} of code, from {lost[0].strip()[:120]!r} on; write every line.",
                reading.answer,
            )


def _summary(text: str, fences: Sequence[Fence]) -> str:
    """The words around the blocks."""
    lines = text.split("\n")
    inside = {at for fence in fences for at in range(fence.first_line, fence.last_line + 1)}
    words = "\n".join(line for at, line in enumerate(lines) if at not in inside).strip()
    return words if len(words) <= MAX_SUMMARY else words[:MAX_SUMMARY] + "…"


def _with_endings_of(base: Sequence[str], new: Sequence[str]) -> list[str]:
    """Lines that the base has keep its ending; others take the one that most of its lines have."""
    bare_base = [line.removesuffix("\n").removesuffix("\r") for line in base]
    bare_new = [line.removesuffix("\n").removesuffix("\r") for line in new]
    ending = line_ending(base)
    result = [line + ending for line in bare_new]
    for match in align(*number_lines(bare_base, bare_new)):
        for k in range(match.length):
            kept = base[match.old + k]
            if kept.endswith("\n"):
                result[match.new + k] = kept
    return result
