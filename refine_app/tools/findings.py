"""What ruff and bandit find in Python, as one list of issues."""

import asyncio
import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from typing import Any

from refine_app.diffs.errors import excerpt
from refine_app.tools.children import LIMITS, RUFF, Limits, run_child
from refine_app.tools.errors import AnalysisSkipped

RULES = ("F", "E7", "E9", "W6", "B", "C4", "SIM", "UP", "PERF", "RET5", "PLE", "PLW", "RUF")
"""What ruff looks for: likely faults, and what could be simpler. Not layout, not taste."""
_UNWANTED = ("RUF001", "RUF002", "RUF003", "SIM105", "PERF203", "PLW2901", "SIM108")
_FAULTS = ("F", "E9", "B", "PLE", "E722", "E711", "E712", "syntax")
MAX_ISSUES = 300
"""So many are kept in a run's state; checks compare all of them."""
KNOWN_MAX = 200
KNOWN_ISSUES = 1_000
"""Findings with more issues are not kept for the next look: all that is kept stays within some 50 MB at worst."""
_KNOWN: dict[tuple[bytes, bool], "Findings"] = {}
_SUPPRESSION = re.compile(r"#[^#\n]*\b(noqa|nosec|flake8|ruff)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, and what was not looked at."""

    issues: list[dict[str, Any]] = field(default_factory=list)
    """[{code, message, line, column, severity: error|warning|info, tool, fixable}], by line."""
    skipped: dict[str, str] = field(default_factory=dict)


async def find_issues(code: str, language: str, *, heed_suppressions: bool = True, limits: Limits = LIMITS) -> Findings:
    """Issues of a text. heed_suppressions: leave out what comments such as noqa and nosec ask to leave out."""
    if language != "python":
        return Findings(skipped={"findings": f"issues are looked for in Python only, not in {language!r}"})
    source = code.removeprefix("\ufeff").encode("utf-8", "replace")
    heed = heed_suppressions or not await asyncio.to_thread(_SUPPRESSION.search, code)
    key = ((await asyncio.to_thread(hashlib.sha256, source)).digest(), heed)
    known = _KNOWN.get(key)
    if known is None:
        known = await _find(source, heed, limits)
        if not known.skipped and len(known.issues) <= KNOWN_ISSUES:
            # A refinement looks at the same text in several steps, and a session's next request often again.
            _KNOWN[key] = known
            while len(_KNOWN) > KNOWN_MAX:
                del _KNOWN[next(iter(_KNOWN))]
    return known


async def _find(source: bytes, heed: bool, limits: Limits) -> Findings:
    results = await asyncio.gather(_run_ruff(source, heed, limits), _run_bandit(source, heed, limits))
    issues = sorted((i for found in results for i in found.issues), key=lambda i: (i["line"], i["column"], i["code"]))
    return Findings(issues, {k: v for found in results for k, v in found.skipped.items()})


def faults(issues: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The issues that a change must not add to: not matters of taste."""
    return [issue for issue in issues if issue["severity"] != "info"]


async def _run_ruff(source: bytes, heed: bool, limits: Limits) -> Findings:
    command = [RUFF, "check", "--isolated", "--no-cache", "--quiet", "--exit-zero"]
    command += ["--output-format", "json", "--target-version", "py311", "--select", ",".join(RULES)]
    command += ["--ignore", ",".join(_UNWANTED), "--stdin-filename", "document.py"]
    command += [] if heed else ["--ignore-noqa"]
    return await _read("ruff", [*command, "-"], source, limits)


async def _run_bandit(source: bytes, heed: bool, limits: Limits) -> Findings:
    command = [sys.executable, "-I", "-m", "bandit", "--quiet", "--format", "json", "--exit-zero"]
    command += [] if heed else ["--ignore-nosec"]
    return await _read("bandit", [*command, "-"], source, limits)


async def _read(tool: str, command: list[str], source: bytes, limits: Limits) -> Findings:
    try:
        output = await run_child(command, source, limits=limits)
        return await asyncio.to_thread(_reported, tool, output.stdout)
    except AnalysisSkipped as skipped:
        return Findings(skipped={tool: f"analysis skipped: {skipped}"})
    except ValueError:
        reason = excerpt(output.stderr.decode("utf-8", "replace").strip().split("\n")[-1], 120)
        return Findings(skipped={tool: f"analysis skipped: {reason or 'its report could not be read'}"})


def _reported(tool: str, stdout: bytes) -> Findings:
    """A report of up to eight megabytes. Raises ValueError when it is none."""
    report = json.loads(stdout)
    if tool == "ruff":
        return Findings([_from_ruff(found) for found in report])
    if report.get("errors"):
        return Findings(skipped={tool: f"analysis skipped: {excerpt(str(report['errors'][0].get('reason')), 120)}"})
    return Findings([_from_bandit(found) for found in report.get("results", [])])


def _from_ruff(found: dict[str, Any]) -> dict[str, Any]:
    code = found.get("code") or "syntax"
    if code == "invalid-syntax":
        code = "syntax"
    severity = "error" if code in ("syntax", "F821", "F823") or code.startswith(("E9", "PLE")) else "info"
    if severity == "info" and code.startswith(_FAULTS):
        severity = "warning"
    location = found.get("location") or {}
    return {
        "code": code,
        "message": excerpt(found.get("message") or "", 300),
        "line": location.get("row", 1),
        "column": location.get("column", 1),
        "severity": severity,
        "tool": "ruff",
        "fixable": (found.get("fix") or {}).get("applicability") == "safe",
    }


def _from_bandit(found: dict[str, Any]) -> dict[str, Any]:
    severity = {"HIGH": "error", "MEDIUM": "warning"}.get(found.get("issue_severity", ""), "info")
    return {
        "code": found.get("test_id", ""),
        "message": excerpt(found.get("issue_text", ""), 300),
        "line": found.get("line_number", 1),
        "column": found.get("col_offset", 0) + 1,
        "severity": severity,
        "tool": "bandit",
        "fixable": False,
    }
