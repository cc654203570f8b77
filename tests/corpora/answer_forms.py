# ruff: noqa: E501 -- the sentences are models' own, and chance protects nothing
"""What models do with a file, form by form: right answers, parts, and mistakes."""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from tests.corpora.answer_sources import (
    Source,
    Unit,
    changed_unit,
    diff_of,
    draft_of,
    fenced,
    indented,
    lines_of,
    patch_of,
    search_replace,
    span,
    without,
)

NOTHING = ""
"""The text of an answer that may not come to any."""


class Made(NamedTuple):
    """An answer."""

    answer: str
    must: bool
    """It is right: the proposal has to be its text at the first try."""
    finish_reason: str = "stop"
    truth: str | None = None
    """The only text that it may come to with every check passed, where that is not the source's."""


Answered = Made | tuple[str, bool] | tuple[str, bool, str] | None
"""None where a file has no such form."""
Form = Callable[[Source, random.Random], Answered]
FORMS: dict[str, Form] = {}


def form(make: Form) -> Form:
    FORMS[make.__name__] = make
    return make


def second_change(source: Source) -> tuple[str, str]:
    """The first line of another unit, and the true text with a remark above it; empty where no remark can be."""
    line = source.base.split("\n")[span(source.base, source.others[0])[0]]
    if source.language in ("json", "notebook") or source.base.count(line) != 1 or line[:1].isspace():
        return "", ""
    return line, source.truth.replace(line, f"{source.said('Seen.')}\n{line}")


def repeated_line(source: Source, rng: random.Random, unit: Unit | None = None) -> str | None:
    """A line that the file has more than once; in this unit once, where it is given."""
    counts = Counter(source.base.split("\n"))
    start, end = span(source.base, unit) if unit is not None else (0, None)
    inside = Counter(source.base.split("\n")[start:end])
    found = [
        line
        for line, count in inside.items()
        if counts[line] > 1 and (unit is None or count == 1) and line.strip() and not line.endswith(("\\", "`"))
    ]
    return rng.choice(found) if found else None


IMPORT = re.compile(r"import\b|from \S+ import|#include\b|use |using |\t\"")


def imports_in(source: Source) -> list[int]:
    """The lines of the file that import something, from 0."""
    return [number for number, line in enumerate(source.truth.split("\n")) if source.is_code and IMPORT.match(line)]


PROSE = (
    "Here is the improved version of your file:\n\n",
    "Sure! I changed one thing:\n\n",
    "I looked at `it` first. Then:\n\n1. One line changed.\n2. Nothing else.\n\n",
    "",
)
AFTER = ("\nLet me know if you want more.\n", "\n**Explanation**\n\n- One line changed.\n", "")
REMARKS = (
    "... (keep the existing code here)",
    "rest of code here",
    "Other functions remain unchanged",
    "same as before",
    "[existing implementation]",
    "(previous content stays the same)",
    "... unchanged ...",
    "⋮",
    "code omitted for brevity",
    "keep everything else as it is",
    "etc.",
    "snip",
    "TODO: copy the original here",
    "the remaining part is identical to the original",
    "… existing …",
    "No changes below this line",
    "your code here",
    "... (keep the existing imports and other functions)",
    "... existing code ...",
    "... rest of the file ...",
    "...",
    "[...]",
    "(...)",
    "omitted",
    "unchanged",
    "the rest is unchanged",
    "all other definitions stay the same",
    "implementation as above",
    "see the original file",
    "existing methods here",
    "previous code",
    "remaining code unchanged",
    "... other methods ...",
    "Add the rest of your implementation",
    "code continues as before",
    "as in the original",
    "truncated for brevity",
    "content truncated",
    "same implementation",
    "(lines 20-80 unchanged)",
    "Keep this part",
    "... [truncated] ...",
    "More of the same",
    "existing definitions",
)
BARE = (
    "...",
    "[...]",
    "…",
    "(rest of the file unchanged)",
    "[The rest of the code remains the same]",
    "<snip>",
    "etc.",
)
"""Remarks that are no comments in any language."""
THOUGHTS = (
    ("<think>\n", "\n</think>\n\n"),
    ("", "\n</think>\n\n"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<thought>\n", "</thought>\n"),
    ("<thinking>\n", "\n</thinking>\n"),
    ("<reasoning>\n", "</reasoning>\n"),
    ("<seed:think>", "</seed:think>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("analysisThe user wants one line changed.\n", "assistantfinal"),
    ("<|begin_of_thought|>\n\n", "\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("Here is my thought process:\n\n", "\n\nHere is my response:\n\n"),
    ("<thoughts>\n", "\n</thoughts>\n"),
    ("<reflection>", "</reflection>\n"),
    ("<scratchpad>\n", "</scratchpad>\n"),
    ("<inner_monologue>", "</inner_monologue>"),
    ("<antThinking>", "</antThinking>"),
    ('<think time="3">\n', "</think>\n"),
    ("<|thought|>\n", "<|/thought|>\n"),
    ("<thought>\n", "</thought>\n"),
    ("<|hy_thinking|>", "<|/hy_thinking|>"),
    ("<|start|>assistant<|channel|>commentary<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("\n\n", "\n[/THINK]\n"),
    ("", "\n</thinking>\n\n"),
)


def draft_in_a_form(source: Source, rng: random.Random) -> str:
    """A wrong first try as models think it aloud: whole, as edits, or begun and left."""
    wrong = without(source.truth, source.others[0])
    whole = fenced(draft_of(source), source.infos[0])
    return rng.choice((
        whole,
        fenced("\n".join(diff_of(source, new=wrong)), "diff"),
        search_replace(source, lines_of(source.base, source.others[0])[:-1], source.said("gone")),
        patch_of(source).replace("+", "+DRAFT ", 1),
        whole.rsplit("\n", 3)[0] + "\n",
        f"```{source.infos[0]}\n{changed_unit(source)}",
    ))  # fmt: skip


# Right answers ------------------------------------------------------------------------------------


@form
def whole(source: Source, rng: random.Random) -> Answered:
    info = rng.choice(source.infos)
    return rng.choice(PROSE) + fenced(source.truth, info) + rng.choice(AFTER), True


@form
def whole_with_a_name_in_the_fence(source: Source, rng: random.Random) -> Answered:
    info = rng.choice((f"{source.language}:{source.file}", f'{source.language} title="{source.file}"',
                       f"{source.language} {{.line-numbers}}", source.file))  # fmt: skip
    return rng.choice(PROSE) + fenced(source.truth, info), True


@form
def whole_beside_a_command(source: Source, rng: random.Random) -> Answered:
    command = fenced("make test\n", rng.choice(("bash", "sh", "console")))
    if source.language == "markdown":
        return None
    shown = fenced(source.truth, source.infos[0])
    return (f"Run this first:\n\n{command}\nThen:\n\n{shown}" if rng.random() < 0.5 else f"{shown}\n{command}"), True


@form
def whole_in_tildes(source: Source, rng: random.Random) -> Answered:
    return rng.choice(PROSE) + fenced(source.truth, source.infos[0], rng.choice(("~~~", "~~~~", "`````"))), True


@form
def whole_without_a_fence(source: Source, rng: random.Random) -> Answered:
    return source.truth, True


@form
def whole_in_a_list_item(source: Source, rng: random.Random) -> Answered:
    by = rng.choice(("   ", "  ", "    "))
    return "1. The file:\n\n" + indented(fenced(source.truth, source.infos[0]), by) + "\n2. Run it.\n", True


@form
def whole_with_crlf(source: Source, rng: random.Random) -> Answered:
    return fenced(source.truth, source.infos[0]).replace("\n", "\r\n"), True


@form
def whole_with_a_byte_order_mark(source: Source, rng: random.Random) -> Answered:
    shown = fenced(source.truth, source.infos[0])
    return ("\ufeff" + shown if rng.random() < 0.5 else shown.replace("\n", "\n\ufeff", 1)), True


@form
def whole_after_thoughts(source: Source, rng: random.Random) -> Answered:
    opens, closes = rng.choice(THOUGHTS)
    draft = draft_in_a_form(source, rng)
    return f"{opens}Let me draft it:\n\n{draft}\nNo, that loses lines.{closes}" + fenced(
        source.truth, source.infos[0]
    ), True


@form
def diff_after_thoughts(source: Source, rng: random.Random) -> Answered:
    opens, closes = rng.choice(THOUGHTS)
    draft = draft_in_a_form(source, rng)
    return f"{opens}Hm.\n{draft}{closes}" + fenced("\n".join(diff_of(source)), "diff"), True


@form
def diff(source: Source, rng: random.Random) -> Answered:
    return rng.choice(PROSE) + fenced(
        "\n".join(diff_of(source, rng.choice((1, 3, 5)))), rng.choice(("diff", "patch"))
    ), True


@form
def diff_of_git(source: Source, rng: random.Random) -> Answered:
    head = f"diff --git a/{source.file} b/{source.file}\nindex 3b18e51..a04238b 100644\n"
    return fenced(head + "\n".join(diff_of(source)), "diff") + rng.choice(AFTER), True


@form
def diff_in_another_fence(source: Source, rng: random.Random) -> Answered:
    return fenced("\n".join(diff_of(source)), rng.choice((*source.infos, "text"))), True


@form
def diff_without_numbers(source: Source, rng: random.Random) -> Answered:
    lines = diff_of(source)
    lines[2] = rng.choice(("@@ ... @@", "@@", "@@ -,- +,- @@", f"@@ {source.unit.first}", f"@@ @@ {source.unit.first}"))
    return fenced("\n".join(lines), "diff"), True


@form
def diff_with_wrong_numbers(source: Source, rng: random.Random) -> Answered:
    lines = diff_of(source)
    lines[2] = f"@@ -{rng.randint(1, 500)},{rng.randint(1, 30)} +{rng.randint(1, 500)},{rng.randint(1, 30)} @@"
    return fenced("\n".join(lines), "diff"), True


@form
def diff_without_a_fence(source: Source, rng: random.Random) -> Answered:
    return "\n".join(diff_of(source)) + "\n", True


@form
def diff_with_bare_blank_lines(source: Source, rng: random.Random) -> Answered:
    return fenced("\n".join("" if line == " " else line for line in diff_of(source)), "diff"), True


@form
def diff_with_crlf_in_a_list(source: Source, rng: random.Random) -> Answered:
    return "- The change:\n\n" + indented(fenced("\n".join(diff_of(source)), "diff"), "  ").replace("\n", "\r\n"), True


@form
def search_and_replace(source: Source, rng: random.Random) -> Answered:
    shown = search_replace(source)
    kind = rng.randrange(4)
    if kind == 0:
        return shown, True
    if kind == 1:
        return f"{source.file}\n" + fenced(shown, source.infos[0]), True
    return rng.choice(PROSE) + fenced(shown, rng.choice(("", "diff", source.infos[0]))) + rng.choice(AFTER), True


@form
def search_and_replace_of_the_unit(source: Source, rng: random.Random) -> Answered:
    old = lines_of(source.base, source.unit)[:-1]
    return fenced(search_replace(source, old, old.replace(source.old, source.new)), source.infos[0]), True


@form
def begin_patch(source: Source, rng: random.Random) -> Answered:
    shown = patch_of(source)
    return rng.choice((shown, fenced(shown, ""), fenced(shown, "patch"), fenced(shown, source.infos[0]))), True


@form
def whole_with_the_diff_beside(source: Source, rng: random.Random) -> Answered:
    if source.language == "markdown":
        return None
    shown, change = fenced(source.truth, source.infos[0]), fenced("\n".join(diff_of(source)), "diff")
    return f"{change}\nThe whole:\n\n{shown}", True


@form
def edits_in_a_list_item(source: Source, rng: random.Random) -> Answered:
    shown = rng.choice(
        (fenced("\n".join(diff_of(source)), "diff"), fenced(search_replace(source)), fenced(patch_of(source)))
    )
    by = rng.choice(("  ", "   ", "    ", "\t", "      "))
    return "Do this:\n\n- First:\n\n" + indented(shown, by) + "- Then run it.\n", True


@form
def search_and_replace_of_cline(source: Source, rng: random.Random) -> Answered:
    shown = (
        search_replace(source).replace("<<<<<<< SEARCH", "------- SEARCH").replace(">>>>>>> REPLACE", "+++++++ REPLACE")
    )
    return rng.choice((shown, fenced(shown, source.infos[0]))), True


@form
def two_changes_in_edits(source: Source, rng: random.Random) -> Answered:
    first, both = second_change(source)
    if not both:
        return None
    blocks = search_replace(source) + search_replace(source, first, f"{source.said('Seen.')}\n{first}")
    backwards = search_replace(source, first, f"{source.said('Seen.')}\n{first}") + search_replace(source)
    shown = rng.choice(
        (
            fenced("\n".join(diff_of(source, new=both)), "diff"),
            fenced(blocks),
            blocks,
            fenced(backwards, source.infos[0]),
            patch_of(source, both),
        )
    )
    return Made(shown, True, truth=both)


@form
def whole_twice(source: Source, rng: random.Random) -> Answered:
    if source.language == "markdown":
        return None
    shown = fenced(source.truth, source.infos[0])
    return f"{shown}\nAgain, the complete file:\n\n{shown}", True


@form
def whole_with_an_example(source: Source, rng: random.Random) -> Answered:
    if not source.is_code:
        return None
    example = fenced(f"{source.said('How to use it')}\n{source.remark.format('call it')}\n", source.infos[0])
    shown = fenced(source.truth, source.infos[0])
    return rng.choice((f"{shown}\nUse it like this:\n\n{example}", f"Use:\n\n{example}\nThe file:\n\n{shown}")), True


@form
def whole_and_cut_off_in_the_prose_behind(source: Source, rng: random.Random) -> Answered:
    if source.language == "markdown":
        return None
    return Made(fenced(source.truth, source.infos[0]) + "\nI changed one line, as you can s", True, "length")


@form
def hunk_of_a_repeated_line_with_its_section(source: Source, rng: random.Random) -> Answered:
    if not source.is_code:
        return None
    unit = rng.choice((source.unit, *source.others))
    line = repeated_line(source, rng, unit)
    if line is None:
        return None
    start, end = span(source.base, unit)
    lines = source.base.split("\n")
    at = lines.index(line, start, end)
    new = f"{line}  {source.said('seen')}"
    head = rng.choice(
        (f"@@ {lines[start]}", f"@@ ... @@ {lines[start].strip()}", f"@@ -1,1 +1,1 @@ {lines[start].strip()}")
    )
    diff = f"--- a/{source.file}\n+++ b/{source.file}\n{head}\n-{line}\n+{new}\n"
    return Made(fenced(diff, "diff"), True, truth="\n".join([*lines[:at], new, *lines[at + 1 :]]))


# Answers that give a part: the text that they mean, or nothing -------------------------------------


@form
def only_the_changed_unit(source: Source, rng: random.Random) -> Answered:
    return rng.choice(PROSE) + fenced(changed_unit(source), source.infos[0]), source.is_code and source.file != "fnv.rs"


@form
def before_and_after(source: Source, rng: random.Random) -> Answered:
    before = fenced(lines_of(source.base, source.unit), source.infos[0])
    after = fenced(changed_unit(source), source.infos[0])
    return f"Before:\n\n{before}\nAfter:\n\n{after}", source.is_code and source.file != "fnv.rs"


@form
def two_blocks(source: Source, rng: random.Random) -> Answered:
    other = fenced(lines_of(source.base, source.others[0]), source.infos[0])
    return f"{other}\nand\n\n{fenced(changed_unit(source), source.infos[0])}", False


@form
def before_and_after_of_the_whole(source: Source, rng: random.Random) -> Answered:
    if source.language == "markdown":
        return None
    return f"Before:\n\n{fenced(source.base, source.infos[0])}\nAfter:\n\n{fenced(source.truth, source.infos[0])}", True


@form
def thoughts_and_only_the_changed_unit(source: Source, rng: random.Random) -> Answered:
    opens, closes = rng.choice(THOUGHTS)
    return (
        f"{opens}{draft_in_a_form(source, rng)}{closes}{fenced(changed_unit(source), source.infos[0])}",
        False,
    )


# Wrong answers -------------------------------------------------------------------------------------


@form
def elided_unit(source: Source, rng: random.Random) -> Answered:
    return fenced(
        without(source.truth, rng.choice(source.others), source.said(rng.choice(REMARKS))), source.infos[0]
    ), False


@form
def elided_units(source: Source, rng: random.Random) -> Answered:
    text = source.truth
    for unit in source.others:
        text = without(text, unit, source.said(rng.choice(REMARKS)))
    return fenced(text, source.infos[0]), False


@form
def elided_body(source: Source, rng: random.Random) -> Answered:
    start, end = span(source.truth, source.others[0])
    lines = source.truth.split("\n")
    if end - start < 3:
        return None
    closing = [] if source.language in ("python", "yaml", "dockerfile", "sql", "markdown") else lines[end - 1 : end]
    hollow = [*lines[: start + 1], "    " + source.said(rng.choice(REMARKS)), *closing, *lines[end:]]
    return fenced("\n".join(hollow), source.infos[0]), False


@form
def elided_head(source: Source, rng: random.Random) -> Answered:
    start, _ = span(source.base, source.unit)
    rest = source.truth.split("\n")[start:]
    return fenced("\n".join([source.said(rng.choice(REMARKS)), "", *rest]), source.infos[0]), False


@form
def elided_tail(source: Source, rng: random.Random) -> Answered:
    _, end = span(source.base, source.unit)
    head = "\n".join(source.base.split("\n")[:end]).replace(source.old, source.new)
    if head.strip() == source.truth.strip():
        return None
    words = rng.choice(REMARKS)
    inside = rng.random() < 0.7
    said = f"\n\n{source.said(words)}\n" if inside else "\n"
    return fenced(head + said, source.infos[0]) + ("" if inside else f"\n{words}\n"), False


@form
def drops_a_unit(source: Source, rng: random.Random) -> Answered:
    return rng.choice(PROSE) + fenced(without(source.truth, rng.choice(source.others)), rng.choice(source.infos)), False


@form
def diff_drops_a_unit(source: Source, rng: random.Random) -> Answered:
    new = without(source.truth, rng.choice(source.others))
    return fenced("\n".join(diff_of(source, new=new)), "diff"), False


@form
def search_and_replace_drops_a_unit(source: Source, rng: random.Random) -> Answered:
    old = lines_of(source.base, rng.choice(source.others))[:-1]
    return fenced(search_replace(source, old, source.said(rng.choice(REMARKS))) + search_replace(source)), False


@form
def search_that_elides(source: Source, rng: random.Random) -> Answered:
    lines = lines_of(source.base, source.unit)[:-1].split("\n")
    if len(lines) < 4:
        return None
    old = "\n".join([lines[0], source.said(rng.choice(REMARKS)), lines[-1]])
    return fenced(search_replace(source, old, changed_unit(source)[:-1]), ""), False


@form
def cut_off(source: Source, rng: random.Random) -> Answered:
    shown = fenced(source.truth, source.infos[0])
    at = rng.randrange(len(shown) // 3, len(shown) - 8)
    return shown[:at], False, rng.choice(("stop", "length"))


@form
def cut_off_without_a_fence(source: Source, rng: random.Random) -> Answered:
    text = source.truth
    return text[: rng.randrange(len(text) // 2, len(text) * 9 // 10)], False, rng.choice(("stop", "length"))


@form
def cut_off_and_closed(source: Source, rng: random.Random) -> Answered:
    lines = source.truth.split("\n")
    kept = lines[: rng.randrange(len(lines) // 3, len(lines) * 4 // 5)]
    return fenced("\n".join(kept), source.infos[0]), False, rng.choice(("stop", "length"))


@form
def thoughts_without_end(source: Source, rng: random.Random) -> Answered:
    opens, _ = rng.choice([marks for marks in THOUGHTS if marks[0]])
    return (
        f"{opens}A draft:\n\n{fenced(draft_of(source), source.infos[0])}\nBut wait",
        False,
        rng.choice(("stop", "length")),
    )


@form
def two_options(source: Source, rng: random.Random) -> Answered:
    other = draft_of(source)
    return f"Option A:\n\n{fenced(source.truth, source.infos[0])}\nOption B:\n\n{fenced(other, source.infos[0])}", False


@form
def two_different_options(source: Source, rng: random.Random) -> Answered:
    other = source.base + source.said("B") + "\n"
    one = source.base + source.said("A") + "\n"
    return f"{fenced(one, source.infos[0])}\nor\n\n{fenced(other, source.infos[0])}", False


@form
def diff_of_another_text(source: Source, rng: random.Random) -> Answered:
    lines = [line + " # v2" if line[:1] == " " and line.strip() else line for line in diff_of(source)]
    return fenced("\n".join(lines), "diff"), False


@form
def patch_without_end(source: Source, rng: random.Random) -> Answered:
    return patch_of(source).replace("*** End Patch\n", ""), False, "length"


@form
def hunk_that_fits_in_several_places(source: Source, rng: random.Random) -> Answered:
    line = repeated_line(source, rng)
    if line is None:
        return None
    new = f"{line}  {source.said('seen')}"
    diff = f"--- a/{source.file}\n+++ b/{source.file}\n{rng.choice(('@@', '@@ ... @@', '@@ -,- +,- @@'))}\n-{line}\n+{new}\n"
    patch = f"*** Begin Patch\n*** Update File: {source.file}\n@@\n-{line}\n+{new}\n*** End Patch\n"
    shown = rng.choice(
        (
            fenced(diff, "diff"),
            fenced(patch),
            patch,
            search_replace(source, line, new),
            fenced(search_replace(source, line, new), source.infos[0]),
        )
    )
    return Made(shown, False, truth=NOTHING)


@form
def drops_the_imports(source: Source, rng: random.Random) -> Answered:
    lines = source.truth.split("\n")
    at = imports_in(source)
    if not at:
        return None
    remark = source.said(rng.choice((*REMARKS, "existing imports", "... imports ...")))
    kept = [
        remark if number == at[0] else line for number, line in enumerate(lines) if number == at[0] or number not in at
    ]
    if rng.random() < 0.5:
        kept.remove(remark)
    return fenced("\n".join(kept), source.infos[0]), False


@form
def elided_in_bare_words(source: Source, rng: random.Random) -> Answered:
    text = without(source.truth, rng.choice(source.others), rng.choice(BARE))
    return (fenced(text, source.infos[0]) if rng.random() < 0.7 else text), False


@form
def elided_in_jsx(source: Source, rng: random.Random) -> Answered:
    if source.language not in ("javascript", "typescript"):
        return None
    return fenced(without(source.truth, rng.choice(source.others), "{/* ... existing code ... */}"), "jsx"), False


@form
def whole_with_line_numbers(source: Source, rng: random.Random) -> Answered:
    mark = rng.choice((" | ", ": ", "\t", " "))
    lines = source.truth.split("\n")[:-1]
    return fenced("\n".join(f"{number:4}{mark}{line}" for number, line in enumerate(lines, 1)), source.infos[0]), False


@form
def tabs_into_spaces(source: Source, rng: random.Random) -> Answered:
    if source.language != "makefile":
        return None
    text = source.truth.replace("\t", rng.choice(("    ", "        ", "  ")))
    return rng.choice((fenced(text, source.infos[0]), text)), False


@form
def comments_in_json(source: Source, rng: random.Random) -> Answered:
    if source.language not in ("json", "notebook"):
        return None
    said = rng.choice((" // changed", " /* changed */", " # changed"))
    text = source.truth.replace(source.new, source.new + said)
    if rng.random() < 0.3:
        text = source.truth.replace("\n}\n", ",\n}\n")
    return fenced(text, rng.choice((source.infos[0], "jsonc"))), False


@form
def notebook_into_python(source: Source, rng: random.Random) -> Answered:
    if source.language != "notebook":
        return None
    cells = json.loads(source.truth)["cells"]
    kept = cells if rng.random() < 0.5 else [cell for cell in cells if cell["cell_type"] == "code"]
    text = "\n\n".join(("# %%\n" if rng.random() < 0.5 else "") + "".join(cell["source"]) for cell in kept) + "\n"
    return fenced(text, rng.choice(("python", "json", ""))), False


@form
def yaml_without_its_anchors(source: Source, rng: random.Random) -> Answered:
    if "&app" not in source.base:
        return None
    name = rng.choice(("app", "env"))
    text = source.truth.replace(f" &{name}", "")
    if rng.random() < 0.5:
        text = text.replace(f"<<: *{name}", f"{name}: true")
    return fenced(text, source.infos[0]), False


@form
def in_another_kind(source: Source, rng: random.Random) -> Answered:
    if source.language == "toml":
        text = re.sub(r"(?m)^\[([^\]]+)\]$", r"\1:", source.truth).replace(" = ", ": ")
    elif source.language == "json":
        text = re.sub(r'(?m)^( *)"([^"]+)": ("[^"]*"),?$', r"\1\2: \3", source.truth)
    else:
        return None
    return fenced(text, source.infos[0]), False
