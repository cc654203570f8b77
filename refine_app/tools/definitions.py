"""The check of definitions: what the old text defines, and its end, are still in the new one unless they may go.

It compares texts line by line and body by body. What that costs depends on the texts, so tools.comparing bounds it.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from refine_app.diffs.directives import lost_directives
from refine_app.diffs.emptied import emptied
from refine_app.diffs.guards import LANGUAGES as GUARDED
from refine_app.diffs.guards import removed_checks
from refine_app.diffs.imports import lost_imports
from refine_app.diffs.outline import (
    LINES,
    Definition,
    Loss,
    Outline,
    asks_for_less,
    defined,
    hollowed,
    in_words,
    losses,
    takes_away,
)
from refine_app.diffs.shortened import lost_lines
from refine_app.tools.checks import Check, checked
from refine_app.tools.languages import LANGUAGES

DEFINITIONS = "definitions"
MOST_TOLD = 200
"""Losses that are kept with a check; its words tell how many there are."""


def check_definitions(old: str, new: str, language: str, outlines: Sequence[Outline | None], instruction: str) -> Check:
    """What the old text defines and nobody asked to take away is still there, and so is its end."""
    before, after = outlines
    plain_old, plain_new = (text.removeprefix("\ufeff").replace("\r\n", "\n") for text in (old, new))
    lost: list[Loss] = []
    remarks: list[Loss] = []
    if before is not None and after is not None:
        lost += losses(plain_old, plain_new, before, after, instruction=instruction)
        lost += _hollow(plain_old, plain_new, before, after, instruction)
        if "import" not in instruction.lower():
            lost += lost_imports(plain_new, before, after)
        if language in GUARDED:
            removed = removed_checks(plain_old, plain_new, before, after, told=lost)
            remarks = [one.loss for one in removed]
            if not asks_for_less(instruction):
                lost += [one.loss for one in removed if one.guards]
    if not lost and not takes_away(instruction):
        lines = lost_lines(plain_old, plain_new, is_outlined=bool(before) and language in LANGUAGES)
        lost += [loss for loss in lines if loss.kind != LINES or not asks_for_less(instruction)]
        lost += lost_directives(plain_old, plain_new)
    return _of_definitions(before, after, lost, remarks)


def _hollow(old: str, new: str, before: Outline, after: Outline, instruction: str) -> list[Loss]:
    """Bodies with a remark in the place of their code, and those with next to nothing in it."""
    found = {loss.line: loss for loss in emptied(old, new, before, after, instruction=instruction)}
    remarks = hollowed(old, new, before, after, instruction=instruction)
    return list((found | {loss.line: loss for loss in remarks}).values())


def _of_definitions(
    before: Outline | None, after: Outline | None, lost: Sequence[Loss], removed: Sequence[Loss]
) -> Check:
    known = set(lost)
    told = {} if not removed else {"removed": [asdict(loss) for loss in removed if loss not in known][:MOST_TOLD]}
    if lost:
        detail = f"the new text lacks {in_words(lost)}, though the instruction does not ask to take that away"
        return checked(DEFINITIONS, "failed", detail) | {"losses": [asdict(loss) for loss in lost[:MOST_TOLD]]} | told
    if before is None or after is None:
        return checked(DEFINITIONS, "skipped", "nothing was checked: what such a text defines cannot be told")
    detail = f"{len(defined(before))} before, {len(defined(after))} now, none of them lost"
    if removed:
        detail += f"; removes {in_words(removed)}"
    return checked(DEFINITIONS, "passed", detail) | told


def main() -> None:
    """In a child process: texts, language, outlines and instruction on stdin, the check on stdout, as JSON."""
    task: dict[str, Any] = json.load(sys.stdin)
    outlines = [None if one is None else [Definition(**each) for each in one] for one in task["outlines"]]
    check = check_definitions(task["old"], task["new"], task["language"], outlines, task["instruction"])
    json.dump(check, sys.stdout)


if __name__ == "__main__":
    main()
