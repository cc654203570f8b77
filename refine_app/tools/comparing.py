"""Comparing two texts within limits: small ones here, others in a child process that ends with its run."""

import asyncio
import json
from collections.abc import Sequence

from refine_app.diffs.outline import Outline
from refine_app.tools.checks import Check, checked
from refine_app.tools.children import LIMITS, Limits, run_module
from refine_app.tools.definitions import DEFINITIONS, check_definitions
from refine_app.tools.errors import AnalysisSkipped

SMALL = 4_000
"""Characters of both texts together that are compared in a thread: whatever they are, it takes less than a second."""


async def compared(
    old: str,
    new: str,
    language: str,
    outlines: Sequence[Outline | None],
    instruction: str,
    *,
    limits: Limits = LIMITS,
) -> Check:
    """The check of definitions; skipped where the comparison goes over a limit, never passed."""
    if len(old) + len(new) <= SMALL:
        return await asyncio.to_thread(check_definitions, old, new, language, outlines, instruction)
    task = await asyncio.to_thread(_written, old, new, language, outlines, instruction)
    try:
        check: Check = await run_module("refine_app.tools.definitions", task, limits=limits)
    except AnalysisSkipped as skipped:
        return checked(DEFINITIONS, "skipped", f"not checked: comparing the two texts was given up, {skipped}")
    return check


def _written(old: str, new: str, language: str, outlines: Sequence[Outline | None], instruction: str) -> bytes:
    told = [None if outline is None else [one.as_json() for one in outline] for outline in outlines]
    task = {"old": old, "new": new, "language": language, "outlines": told, "instruction": instruction}
    return json.dumps(task).encode()
