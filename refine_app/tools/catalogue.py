"""This app's tools by the names that graphs use; RefineConfig adds them to the registry."""

from typing import Any

from graphs_app.engine.registry import Tool, make_tool
from refine_app.tools.planning import analyse_code, plan_refinement
from refine_app.tools.proposing import propose_change
from refine_app.tools.review import check_complexity, detect_issues, extract_functions, suggest_improvements
from refine_app.tools.rewriting import rewrite_code
from refine_app.tools.validation import validate_code

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_LIST = {"type": "array"}
_OBJECT = {"type": "object"}
_CODE = {"code": _TEXT, "language": _MAYBE_TEXT, "filename": _MAYBE_TEXT}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


TOOLS: tuple[Tool, ...] = (
    make_tool(
        "extract_functions",
        extract_functions,
        inputs=_object(_CODE, "code"),
        outputs=_object({"functions": _LIST, "language": _TEXT, "skipped": _LIST}, "functions"),
    ),
    make_tool(
        "check_complexity",
        check_complexity,
        inputs=_object(_CODE, "code"),
        outputs=_object({"complexity_report": _OBJECT, "skipped": _LIST}, "complexity_report"),
    ),
    make_tool(
        "detect_issues",
        detect_issues,
        inputs=_object(_CODE | {"complexity_report": _OBJECT}, "code"),
        outputs=_object({"issues": _LIST, "skipped": _LIST}, "issues"),
    ),
    make_tool(
        "suggest_improvements",
        suggest_improvements,
        inputs=_object({"issues": _LIST, "functions": _LIST, "complexity_report": _OBJECT}),
        outputs=_object({"suggestions": _LIST, "summary": _TEXT}, "suggestions"),
    ),
    make_tool(
        "analyse_code",
        analyse_code,
        inputs=_object(_CODE, "code"),
        outputs=_object({"language": _TEXT, "functions": _LIST, "issues": _LIST}, "language", "issues"),
    ),
    make_tool(
        "plan_refinement",
        plan_refinement,
        inputs=_object({"code": _TEXT, "issues": _LIST}, "code"),
        outputs=_object({"plan": _OBJECT}, "plan"),
    ),
    make_tool(
        "rewrite_code",
        rewrite_code,
        inputs=_object(_CODE | {"instruction": _TEXT, "history": _LIST, "plan": _OBJECT}, "code"),
        outputs=_object({"new_text": _MAYBE_TEXT, "summary": _TEXT, "endpoint": _TEXT}, "new_text", "endpoint"),
        config=_object({"temperature": {"type": "number", "minimum": 0, "maximum": 2}}),
    ),
    make_tool(
        "validate_code",
        validate_code,
        inputs=_object(_CODE | {"new_text": _MAYBE_TEXT}, "code"),
        outputs=_object({"valid": {"type": "boolean"}, "checks": _LIST, "feedback": _TEXT}, "valid", "checks"),
        config=_object({"max_repairs": {"type": "integer", "minimum": 0, "maximum": 20}}),
    ),
    make_tool(
        "propose_change",
        propose_change,
        inputs=_object(_CODE | {"new_text": _TEXT}, "code", "new_text"),
        outputs=_object({"summary": _TEXT, "proposed": _OBJECT}, "proposed"),
        effects=True,
    ),
)
