"""Ruff's fixes of a text, by topic, each kept only if the text then passes the checks that people see.

A rule may leave behind what another rule finds: `List[int]` becomes `list[int]`, and the import of List is unused.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from refine_app.diffs.errors import excerpt
from refine_app.tools.analysis import analyse
from refine_app.tools.children import LIMITS, RUFF, Limits, run_child
from refine_app.tools.errors import AnalysisSkipped
from refine_app.tools.findings import find_issues
from refine_app.tools.validation import TOLD_ONCE, check_text

_UNUSED_IMPORT = re.compile(r"`([^`\s]+)")
_ROUNDS = 3
"""An import that is taken away may leave another unused, as a name's module does."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that an instruction may ask for and rules can do."""

    name: str
    pattern: re.Pattern[str]
    safe: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    """Rules whose fixes ruff calls unsafe, but which keep the meaning of ordinary code."""
    formats: bool = False


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text that passes the checks, and the topics whose fixes did not."""

    text: str
    left_out: tuple[str, ...] = ()


async def fix(code: str, topics: Sequence[Topic], *, instruction: str, limits: Limits = LIMITS) -> Fixed:
    """All topics at once; one by one if that does not pass. Raises AnalysisSkipped when ruff cannot work on it."""
    await _raise_for_syntax(code, limits)
    fixed = await _fix(code, topics, limits)
    if await _passes(code, fixed, instruction):
        return Fixed(fixed)
    text, left_out = code, []
    for topic in topics:
        fixed = await _fix(text, [topic], limits)
        if await _passes(code, fixed, instruction):
            text = fixed
        else:
            left_out.append(topic.name)
    return Fixed(text, tuple(left_out))


async def _passes(old: str, new: str, instruction: str) -> bool:
    checks = await check_text(old, new, "python", instruction=instruction)
    return all(check["verdict"] != "failed" or check["name"] in TOLD_ONCE for check in checks)


async def _fix(code: str, topics: Sequence[Topic], limits: Limits) -> str:
    source = code.encode("utf-8", "replace")
    safe = sorted({rule for topic in topics for rule in topic.safe})
    unsafe = sorted({rule for topic in topics for rule in topic.unsafe})
    if safe:
        source = await _fix_rules(source, safe, limits)
    if unsafe:
        source = await _fix_rules(source, unsafe, limits, "--unsafe-fixes")
    source = await _without_new_unused_imports(code, source, limits)
    if any(topic.formats for topic in topics):
        source = await _ruff(source, "format", limits=limits)
    return source.decode("utf-8", "replace")


async def _without_new_unused_imports(before: str, source: bytes, limits: Limits) -> bytes:
    """The imports that the fixes left unused go; those that nobody used before stay, they may be for others."""
    known = await _unused_imports(before, limits)
    for _ in range(_ROUNDS):
        if await _unused_imports(source.decode("utf-8", "replace"), limits) <= known:
            break
        kept = ", ".join(f'"{name}"' for name in sorted(known))
        allowed = ("--config", f"lint.pyflakes.allowed-unused-imports = [{kept}]")
        source = await _fix_rules(source, ("F401",), limits, "--ignore-noqa", *allowed)
    return source


async def _unused_imports(code: str, limits: Limits) -> set[str]:
    found = await find_issues(code, "python", heed_suppressions=False, limits=limits)
    if "ruff" in found.skipped:
        raise AnalysisSkipped(found.skipped["ruff"])
    names = (_UNUSED_IMPORT.search(issue["message"]) for issue in found.issues if issue["code"] == "F401")
    return {name[1] for name in names if name}


async def _fix_rules(source: bytes, rules: Iterable[str], limits: Limits, *options: str) -> bytes:
    chosen = ("--fix-only", "--exit-zero", "--select", ",".join(rules))
    return await _ruff(source, "check", *chosen, *options, limits=limits)


async def _ruff(source: bytes, command: str, *options: str, limits: Limits) -> bytes:
    arguments = [RUFF, command, "--isolated", "--no-cache", "--quiet", "--target-version", "py311"]
    output = await run_child([*arguments, *options, "--stdin-filename", "document.py", "-"], source, limits=limits)
    if output.code:
        reason = excerpt(output.stderr.decode("utf-8", "replace"), 200)
        raise AnalysisSkipped(f"ruff failed{': ' + reason if reason else ''}")
    return output.stdout


async def _raise_for_syntax(code: str, limits: Limits) -> None:
    """Ruff leaves a text that does not parse alone without a word."""
    syntax = (await analyse(code, "python", ("syntax",), limits=limits)).syntax
    if syntax is not None and syntax["count"]:
        error = syntax["errors"][0]
        raise AnalysisSkipped(f"line {error['line']} could not be read as Python ({error['message']})")
