"""Parsing and measuring people's code in a child; what cannot be done is skipped with its reason, never an error."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from refine_app.diffs.outline import Definition, outline_by_lines
from refine_app.tools.children import LIMITS, Limits, run_module
from refine_app.tools.errors import AnalysisSkipped
from refine_app.tools.file_kinds import CHECKED, MOST_READ
from refine_app.tools.languages import LANGUAGES

EVERYTHING = ("syntax", "functions", "complexity", "outline")
STRUCTURE = ("syntax", "outline")
"""What an answer and its check both ask of a new text: one child process for the two of them."""
KNOWN_MAX = 200
KNOWN_DEFINITIONS = 1_000
"""An analysis with more of them is not kept for the next look: what is kept stays within some 50 MB at worst."""
_KNOWN: dict[tuple[bytes | str, ...], "Analysis"] = {}


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of a text."""

    syntax: dict[str, Any] | None = None
    """{"errors": [{line, column, message}], "count"}; None when it was skipped."""
    functions: list[dict[str, Any]] = field(default_factory=list)
    complexity: dict[str, Any] | None = None
    outline: list[Definition] | None = None
    """What it defines, with qualified names; None when it was skipped."""
    skipped: dict[str, str] = field(default_factory=dict)
    """What was not done, and why."""

    def only(self, want: Sequence[str]) -> "Analysis":
        """The part of it that was asked for."""
        return Analysis(
            self.syntax if "syntax" in want else None,
            self.functions if "functions" in want else [],
            self.complexity if "complexity" in want else None,
            self.outline if "outline" in want else None,
            {part: reason for part, reason in self.skipped.items() if part in want},
        )


async def analyse(code: str, language: str, want: Sequence[str] = EVERYTHING, *, limits: Limits = LIMITS) -> Analysis:
    """Parses and measures a text as far as its language and the limits allow."""
    if language not in LANGUAGES and not (language in CHECKED and "syntax" in want):
        return Analysis(skipped=dict.fromkeys(want, f"nothing was checked: there is no parser for {language!r}"))
    if len(code) > MOST_READ.get(language, len(code)):
        reason = (
            f"not checked: {len(code):,} characters, and {language} larger than {MOST_READ[language]:,} is not parsed"
        )
        return Analysis(skipped=dict.fromkeys(want, reason))
    digest = await asyncio.to_thread(_digest, code)
    known = _KNOWN.get((digest, language, *EVERYTHING)) or _KNOWN.get((digest, language, *want))
    if known is None:
        known = await _analyse(code, language, want, limits)
        is_large = len(known.functions) + len(known.outline or ()) > KNOWN_DEFINITIONS
        if not is_large and not any("analysis skipped" in reason for reason in known.skipped.values()):
            # A refinement looks at the same text in several steps; what went over a limit is tried again.
            _KNOWN[digest, language, *want] = known
            while len(_KNOWN) > KNOWN_MAX:
                del _KNOWN[next(iter(_KNOWN))]
    return known.only(want)


async def structure_of(text: str, language: str) -> Analysis:
    """Whether a text parses, and what it defines: by its grammar, else by its lines."""
    analysis = await analyse(text, language, STRUCTURE)
    if language in LANGUAGES:
        return analysis
    return replace(analysis, outline=await asyncio.to_thread(outline_by_lines, text, language))


async def outline_of(text: str, language: str) -> list[Definition] | None:
    """What a text defines; None where that cannot be said."""
    return (await structure_of(text, language)).outline


async def _analyse(code: str, language: str, want: Sequence[str], limits: Limits) -> Analysis:
    task = await asyncio.to_thread(json.dumps, {"code": code, "language": language, "want": list(want)})
    try:
        result = await run_module("refine_app.tools.analysis_child", task.encode(), limits=limits)
    except AnalysisSkipped as skipped:
        return Analysis(skipped=dict.fromkeys(want, f"analysis skipped: {skipped}"))
    outline = result.get("outline")
    return Analysis(
        result.get("syntax"),
        result.get("functions", []),
        result.get("complexity"),
        None if outline is None else [Definition(**one) for one in outline],
        result.get("skipped", {}),
    )


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
