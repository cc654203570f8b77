"""Edits in the forms that models write besides whole texts: unified diffs, SEARCH/REPLACE blocks, "*** Begin Patch".

Each is recognised by what it holds, whatever its fence is called, and is applied exactly or refused with the place.
Sources of the forms: unified diffs of GNU and git; SEARCH/REPLACE of aider and Cline; the patches of OpenAI's
apply_patch (V4A).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Literal

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from refine_app.diffs.errors import DiffDoesNotApply
from refine_app.diffs.lines import split_lines
from refine_app.diffs.placing import heads_of, place, places_of

Form = Literal["diff", "search_replace", "patch"]
DIFF_INFO = ("diff", "patch", "udiff")

_DIFF_START = re.compile(r"^(diff --git |Index: |--- [^\n]*\n\+\+\+ |@@ [^\n]*@@|@@\s*$)", re.MULTILINE)
_DIFF_LINE = re.compile(r"^(diff --git |--- a/|\+\+\+ b/|@@ [^\n]*@@|@@\s*$)")
_HUNK_HEADER = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$")
_BARE_HEADER = re.compile(r"^@@ ?([^@\n]*)(?:@@ ?(.*))?$")
_SEARCH = re.compile(r"^(?:<{5,9}|-{5,9}) ?(?:SEARCH|ORIGINAL)\b[^\n]*$")
_MIDDLE = re.compile(r"^={5,9}[ \t]*$")
_REPLACE = re.compile(r"^(?:>{5,9}|\+{5,9}) ?(?:REPLACE|UPDATED)\b[^\n]*$")
_PATCH_BEGIN = re.compile(r"^\*\*\* (?:Begin Patch|Update File: |Add File: |Delete File: )", re.MULTILINE)


@dataclass(slots=True)
class Edit:
    """Lines that stand somewhere, and those that take their place; both without line ends."""

    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    claimed: int | None = None
    """The line, from 0, at which the old ones are said to be."""
    section: str = ""
    """A line above it that the edit names."""
    name: str = "The edit"


def form_of(code: str, info: str = "") -> Form | None:
    """The form that a block's content is in; None for a text of its own."""
    lines = code.split("\n")
    if any(map(_SEARCH.match, lines)) and any(map(_REPLACE.match, lines)):
        return "search_replace"
    if _PATCH_BEGIN.search(code):
        return "patch"
    if info.lower() in DIFF_INFO or _DIFF_START.match(code.lstrip("\n")):
        return "diff"
    return None


def is_of_form(line: str) -> bool:
    """Whether a line, alone, tells that the block it stands in is no text of its own."""
    return any(marks.match(line) for marks in (_SEARCH, _PATCH_BEGIN, _DIFF_LINE))


def begins_with_edits(text: str) -> bool:
    """Whether edits stand there from the first line on, without a fence around them."""
    head = text.split("\n", 1)[0]
    return any(pattern.match(head) for pattern in (_SEARCH, _PATCH_BEGIN)) or _DIFF_START.match(text) is not None


def apply_edits(code: str, form: Form, base: str) -> str:
    """The base after the edits. Raises DiffDoesNotApply; all of them are applied, or none."""
    lines = [line.removesuffix("\n").removesuffix("\r") for line in split_lines(base)]
    edits = list({"diff": _of_diff, "search_replace": _of_search_replace, "patch": _of_patch}[form](code))
    if not edits:
        raise DiffDoesNotApply("The answer has the form of a change, but there is no change in it.", code)
    changed = _in_order(edits, lines, code) if form != "search_replace" else _one_by_one(edits, lines, code)
    return "".join(line + "\n" for line in changed)


def headless_diff(code: str, base: str) -> str | None:
    """The base after a block of lines with + and - but no header, where its other lines are the base's; else None."""
    lines = code.rstrip("\n").split("\n")
    if not all(line[:1] in ("+", "-", " ", "") for line in lines) or {"+", "-"} - {line[:1] for line in lines}:
        return None
    edit = _edit_of(lines)
    known = [line.removesuffix("\n").removesuffix("\r") for line in split_lines(base)]
    found = places_of(edit.old, known)
    if len(found) != 1 or places_of(lines, known):
        return None
    start = found[0]
    return "".join(f"{line}\n" for line in [*known[:start], *edit.new, *known[start + len(edit.old) :]])


def _in_order(edits: Sequence[Edit], lines: Sequence[str], answer: str) -> list[str]:
    """The hunks of a diff stand in the order of the text."""
    result: list[str] = []
    at = 0
    for edit in edits:
        start = _start_of(edit, lines, at, answer)
        result += [*lines[at:start], *edit.new]
        at = start + len(edit.old)
    return [*result, *lines[at:]]


def _one_by_one(edits: Sequence[Edit], lines: Sequence[str], answer: str) -> list[str]:
    """Blocks stand in any order; each is applied to what the one before it left."""
    current = list(lines)
    for edit in edits:
        start = _start_of(edit, current, 0, answer)
        current[start : start + len(edit.old)] = edit.new
    return current


def _start_of(edit: Edit, lines: Sequence[str], at: int, answer: str) -> int:
    if edit.old:
        return place(edit.old, lines, at=at, claimed=edit.claimed, section=edit.section, edit=edit.name, answer=answer)
    if edit.claimed is not None and at <= edit.claimed <= len(lines):
        return edit.claimed
    last = edit.section.split("\n")[-1].strip()
    heads = [number for number in heads_of(edit.section, lines) if number >= at and lines[number].strip() == last]
    if len(heads) == 1:
        return heads[0] + 1
    if not lines:
        return 0
    raise DiffDoesNotApply(f"{edit.name} only adds lines and does not say where; give lines of context.", answer)


# Unified diffs ------------------------------------------------------------------------------------


def _of_diff(diff: str) -> Iterator[Edit]:
    text, claims = _recounted(diff)
    try:
        patch = PatchSet(StringIO(text))
    except UnidiffParseError as error:
        raise DiffDoesNotApply(f"The diff is malformed: {error}.", diff) from error
    if len(patch) != 1:
        raise DiffDoesNotApply(f"The diff changes {len(patch)} files; it may change exactly one.", diff)
    for hunk, is_claimed in zip(patch[0], claims, strict=True):
        start = hunk.source_start - 1 if hunk.source_length else hunk.source_start
        yield Edit(
            [line.value.rstrip("\r\n") for line in hunk if line.is_context or line.is_removed],
            [line.value.rstrip("\r\n") for line in hunk if line.is_context or line.is_added],
            claimed=start if is_claimed else None,
            section=(hunk.section_header or "").strip(),
            name=f"The hunk @@ -{hunk.source_start},{hunk.source_length} @@" if is_claimed else "The hunk @@ … @@",
        )


def _recounted(diff: str) -> tuple[str, list[bool]]:
    """The diff with true counts in its hunk headers (models miscount), and with file names if it has none.

    Also whether each header says where its hunk is: models write "@@ ... @@", or "@@ def name():".
    """
    out: list[str] = []
    claims: list[bool] = []
    header: tuple[int, str, str, str] | None = None
    old = new = 0
    lines = diff.strip("\n").split("\n")

    def close() -> None:
        if header is not None:
            at, source, target, section = header
            out[at] = f"@@ -{source},{old} +{target},{new} @@{section}\n"

    for index, line in enumerate(lines):
        match = _header(line.rstrip("\r"))
        if match is not None or _starts_file(lines, index):
            close()
            header = None
            old = new = 0
        if match is not None:
            if not any(done.startswith("+++ ") for done in out):
                out += ["--- a/document\n", "+++ b/document\n"]
            source, target, section = match
            claims.append(bool(source))
            header = (len(out), source or "1", target or "1", f" {section.strip()}" if section.strip() else "")
        elif header is not None:
            line = line if line[:1] in ("+", "-", " ", "\\") else " " + line
            old += line[0] in " -"
            new += line[0] in " +"
        out.append(line + "\n")
    close()
    return "".join(out), claims


def _header(line: str) -> tuple[str, str, str] | None:
    """The lines that a hunk's header claims, empty when it does not say, and the section that it names."""
    if not line.startswith("@@"):
        return None
    if numbered := _HUNK_HEADER.match(line):
        return numbered[1], numbered[2], numbered[3]
    return "", "", _section(line)


def _section(line: str) -> str:
    """What a header without numbers names: behind its second @@, else behind its first one."""
    bare = _BARE_HEADER.match(line)
    words = (bare[2] or bare[1] if bare is not None else line[2:]).strip()
    return "" if not words.strip(".… -+,0123456789") else words


def _starts_file(lines: Sequence[str], index: int) -> bool:
    if lines[index].startswith("diff --git "):
        return True
    return (
        lines[index].startswith("--- ") and lines[index + 1 : index + 2] != [] and lines[index + 1].startswith("+++ ")
    )


# SEARCH/REPLACE blocks ----------------------------------------------------------------------------


def _of_search_replace(text: str) -> Iterator[Edit]:
    edit: Edit | None = None
    is_new = False
    count = 0
    for line in (line.rstrip("\r") for line in text.split("\n")):
        if _SEARCH.match(line):
            if edit is not None:
                raise DiffDoesNotApply(f"{edit.name} has no end before the next one begins.", text)
            count += 1
            edit, is_new = Edit(name=f"SEARCH/REPLACE block {count}"), False
        elif edit is None:
            continue
        elif _MIDDLE.match(line) and not is_new:
            is_new = True
        elif _REPLACE.match(line):
            if not is_new:
                raise DiffDoesNotApply(
                    f"{edit.name} has no ======= between what it looks for and what it writes.", text
                )
            yield edit
            edit = None
        else:
            (edit.new if is_new else edit.old).append(line)
    if edit is not None:
        raise DiffDoesNotApply(f"{edit.name} has no end.", text)


# *** Begin Patch ----------------------------------------------------------------------------------


def _of_patch(text: str) -> Iterator[Edit]:
    files = re.findall(r"^\*\*\* (Update|Add|Delete) File: ", text, re.MULTILINE)
    if len(files) > 1 or "Delete" in files or "*** Move to:" in text:
        raise DiffDoesNotApply("The patch may update one file, and neither delete nor move any.", text)
    if "*** Begin Patch" in text and "*** End Patch" not in text:
        raise DiffDoesNotApply("The patch has no '*** End Patch': it is not whole.", text)
    block: list[str] = []
    section = ""
    for line in [*(line.rstrip("\r") for line in text.strip("\n").split("\n")), "*** End Patch"]:
        if line.startswith(("@@", "*** ")):
            if any(one[:1] in ("+", "-") for one in block):
                yield _edit_of(block, section, "The patch's hunk")
                section = ""
            block = []
            if line.startswith("@@"):
                section = f"{section}\n{_section(line)}".strip("\n")
        elif line[:1] in ("+", "-", " ", ""):
            block.append(line)
        else:
            raise DiffDoesNotApply(
                f"The patch has a line that begins with none of '+', '-' and ' ': {line[:80]!r}.", text
            )


def _edit_of(lines: Sequence[str], section: str = "", name: str = "The change") -> Edit:
    """Lines with +, - and blanks before them."""
    while lines and not lines[-1]:
        lines = lines[:-1]
    return Edit(
        [line[1:] for line in lines if line[:1] != "+"],
        [line[1:] for line in lines if line[:1] != "-"],
        section=section,
        name=name,
    )
