"""The tools of the code review: what a text defines, how complex it is, what is wrong with it, what could be better."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.tools.analysis import analyse
from refine_app.tools.findings import MAX_ISSUES, find_issues
from refine_app.tools.languages import detect_language
from sessions_app.plurals import counted

COMPLEX = 10
"""A function more complex than this is hard to test."""
LONG = 60
"""Lines, without blanks and comments."""
MANY_PARAMETERS = 6
MAX_SUGGESTIONS = 50


async def extract_functions(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Finds the functions and types that the code defines."""
    code, language = read_code(state)
    analysis = await analyse(code, language, ("functions",))
    return {"functions": analysis.functions, "language": language, "skipped": reasons(analysis.skipped)}


async def check_complexity(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Measures the cyclomatic complexity of each function."""
    code, language = read_code(state)
    analysis = await analyse(code, language, ("complexity",))
    report = analysis.complexity or {"functions": [], "max": None, "average": None, "lines": code.count("\n") + 1}
    report |= {"skipped": analysis.skipped.get("complexity")}
    return {"complexity_report": report, "skipped": _merged(state, analysis.skipped)}


async def detect_issues(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Finds faults and doubtful places: by the parser in every language, by ruff and bandit in Python."""
    code, language = read_code(state)
    analysis = await analyse(code, language, ("syntax",))
    found = await find_issues(code, language)
    issues = syntax_issues(analysis.syntax) + list(found.issues) if language != "python" else list(found.issues)
    if language == "python" and not any(issue["code"] == "syntax" for issue in issues):
        issues = syntax_issues(analysis.syntax) + issues
    issues += complexity_issues(state.get("complexity_report"))
    issues.sort(key=lambda issue: (issue["line"], issue["column"]))
    skipped = analysis.skipped | ({} if language != "python" else found.skipped)
    return {"issues": issues[:MAX_ISSUES], "skipped": _merged(state, skipped)}


async def suggest_improvements(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Turns issues into suggestions: one for each kind, worst first, with the lines where it applies."""
    suggestions = suggest(state.get("issues") or ())
    return {"suggestions": suggestions, "summary": _summary(state, suggestions)}


def read_code(state: Mapping[str, Any]) -> tuple[str, str]:
    """The state's code and its language."""
    code = state["code"]
    language = detect_language(code, declared=state.get("language") or "", filename=state.get("filename") or "")
    return code, language


def suggest(issues: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """[{title, detail, code, severity, lines, count, fixable}], errors first, then what happens most often."""
    kinds: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for issue in issues:
        kinds[issue["code"]].append(issue)
    order = {"error": 0, "warning": 1, "info": 2}
    ranked = sorted(kinds.values(), key=lambda found: (order.get(found[0]["severity"], 3), -len(found)))
    return [_suggestion(found) for found in ranked[:MAX_SUGGESTIONS]]


def syntax_issues(syntax: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [
        {**error, "code": "syntax", "severity": "error", "tool": "parser", "fixable": False}
        for error in (syntax or {}).get("errors", ())
    ]


def complexity_issues(report: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Functions that are too complex, too long or take too much."""
    issues: list[dict[str, Any]] = []
    for function in (report or {}).get("functions", ()):
        name = function["name"]
        for code, value, limit, words in (
            ("complex", function["complexity"], COMPLEX, f"{name!r} has a complexity of {function['complexity']}"),
            ("long", function["length"], LONG, f"{name!r} has {counted(function['length'], 'line')}"),
            ("parameters", function["parameters"], MANY_PARAMETERS, f"{name!r} takes {function['parameters']} values"),
        ):
            if value > limit:
                issues.append(
                    {
                        "code": code,
                        "message": f"{words}, more than {limit}",
                        "line": function["start_line"],
                        "column": 1,
                        "severity": "info",
                        "tool": "lizard",
                        "fixable": False,
                    }
                )
    return issues


def reasons(skipped: Mapping[str, str]) -> list[str]:
    """Each reason once, with what it kept from being done."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for what, reason in skipped.items():
        by_reason[reason].append(what)
    return [f"{', '.join(sorted(what))}: {reason}" for reason, what in by_reason.items()]


def _merged(state: Mapping[str, Any], skipped: Mapping[str, str]) -> list[str]:
    before = list(state.get("skipped") or ())
    return before + [reason for reason in reasons(skipped) if reason not in before]


_TITLES = {
    "syntax": "Make it parse",
    "complex": "Split what is too complex into smaller functions",
    "long": "Shorten long functions",
    "parameters": "Group parameters that travel together",
}


def _suggestion(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = found[0]
    lines = sorted({issue["line"] for issue in found})
    return {
        "title": _TITLES.get(first["code"], first["message"]),
        "detail": "; ".join(dict.fromkeys(issue["message"] for issue in found[:5])),
        "code": first["code"],
        "severity": first["severity"],
        "lines": lines[:50],
        "count": len(found),
        "fixable": all(issue["fixable"] for issue in found),
    }


def _summary(state: Mapping[str, Any], suggestions: Sequence[Mapping[str, Any]]) -> str:
    issues = state.get("issues") or ()
    counts = Counter(issue["severity"] for issue in issues)
    found = ", ".join(
        f"{counts[name]} {name}{'s' if counts[name] != 1 else ''}"
        for name in ("error", "warning", "info")
        if counts[name]
    )
    functions = len(state.get("functions") or ())
    most = (state.get("complexity_report") or {}).get("max")
    text = counted(functions, "function or type", "functions and types")
    text += f", complexity at most {most}" if most is not None else ""
    text += f"; {found or 'no issues'}; {counted(len(suggestions), 'suggestion')}."
    skipped = state.get("skipped") or ()
    return text + (f" Not done: {'; '.join(skipped)}." if skipped else "")
