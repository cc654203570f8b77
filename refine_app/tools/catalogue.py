"""This app's tools by the names that graphs use; RefineConfig adds them to the registry."""

from typing import Any

from graphs_app.engine.registry import Tool, make_tool
from refine_app.tools.agents import answer_question, classify_task, route_to_agent, run_agent
from refine_app.tools.building import STEPS, build_step, research
from refine_app.tools.choosing import choose_what_to_do, hand_over
from refine_app.tools.planning import analyse_code, plan_refinement
from refine_app.tools.prompting import compare_prompts, critique_prompt
from refine_app.tools.proposing import propose_change
from refine_app.tools.redesigning import suggest_changes
from refine_app.tools.review import check_complexity, detect_issues, extract_functions, suggest_improvements
from refine_app.tools.rewriting import rewrite_code
from refine_app.tools.validation import validate_code

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_LIST = {"type": "array"}
_OBJECT = {"type": "object"}
_WISH = {
    "endpoint": {"type": "string", "description": "The endpoint to ask, by its name; auto chooses."},
    "tier": {"enum": ["auto", "fast", "balanced", "strong"]},
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "agent": {"type": "string", "maxLength": 100},
}
_CODE = {"code": _TEXT, "language": _MAYBE_TEXT, "filename": _MAYBE_TEXT}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


TOOLS: tuple[Tool, ...] = (
    make_tool(
        "extract_functions",
        extract_functions,
        inputs=_object(_CODE, "code"),
        outputs=_object({"functions": _LIST, "language": _TEXT, "skipped": _LIST}, "functions"),
        deterministic=True,
    ),
    make_tool(
        "check_complexity",
        check_complexity,
        inputs=_object(_CODE, "code"),
        outputs=_object({"complexity_report": _OBJECT, "skipped": _LIST}, "complexity_report"),
        deterministic=True,
    ),
    make_tool(
        "detect_issues",
        detect_issues,
        inputs=_object(_CODE | {"complexity_report": _OBJECT}, "code"),
        outputs=_object({"issues": _LIST, "skipped": _LIST}, "issues"),
        deterministic=True,
    ),
    make_tool(
        "suggest_improvements",
        suggest_improvements,
        inputs=_object({"issues": _LIST, "functions": _LIST, "complexity_report": _OBJECT}),
        outputs=_object({"suggestions": _LIST, "summary": _TEXT}, "suggestions"),
        deterministic=True,
    ),
    make_tool(
        "analyse_code",
        analyse_code,
        inputs=_object(_CODE, "code"),
        outputs=_object({"language": _TEXT, "functions": _LIST, "issues": _LIST}, "language", "issues"),
        deterministic=True,
    ),
    make_tool(
        "plan_refinement",
        plan_refinement,
        inputs=_object({"code": _TEXT, "issues": _LIST}, "code"),
        outputs=_object({"plan": _OBJECT}, "plan"),
        deterministic=True,
    ),
    make_tool(
        "rewrite_code",
        rewrite_code,
        inputs=_object(_CODE | {"instruction": _TEXT, "history": _LIST, "plan": _OBJECT}, "code"),
        outputs=_object({"new_text": _MAYBE_TEXT, "summary": _TEXT, "endpoint": _TEXT}, "new_text", "endpoint"),
        config=_object(_WISH),
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
    make_tool(
        "choose_intent",
        choose_what_to_do,
        inputs=_object({"instruction": _TEXT, "code": _MAYBE_TEXT, "language": _MAYBE_TEXT}, "instruction"),
        outputs=_object({"intent": _TEXT, "intent_reason": _TEXT, "intent_by": {"enum": ["model", "rules"]}}, "intent"),
        config=_object(_WISH | {"min_confidence": {"type": "number", "minimum": 0, "maximum": 1}}),
    ),
    make_tool(
        "hand_over",
        hand_over,
        inputs=_object({"intent": _TEXT}, "intent"),
        outputs=_object({"handed_over": _OBJECT}, "handed_over"),
        effects=True,
    ),
    make_tool(
        "classify_task",
        classify_task,
        inputs=_object({"task": _TEXT}, "task"),
        outputs=_object({"classification": _OBJECT}, "classification"),
        config=_object(_WISH),
    ),
    make_tool(
        "route_to_agent",
        route_to_agent,
        inputs=_object({"classification": _OBJECT}, "classification"),
        outputs=_object({"selected_agent": _TEXT, "peer_routing_reason": _TEXT}, "selected_agent"),
        config=_object({"min_confidence": {"type": "number", "minimum": 0, "maximum": 1}}),
        deterministic=True,
    ),
    make_tool(
        "run_agent",
        run_agent,
        inputs=_object({"task": _TEXT, "selected_agent": _TEXT}, "task", "selected_agent"),
        outputs=_object({"result": _OBJECT}, "result"),
        config=_object(_WISH),
    ),
    make_tool(
        "answer_question",
        answer_question,
        inputs=_object({"instruction": _TEXT, "code": _MAYBE_TEXT}, "instruction"),
        outputs=_object({"answer": _TEXT}, "answer"),
        config=_object(_WISH),
    ),
    make_tool(
        "research",
        research,
        inputs=_object({"task": _MAYBE_TEXT, "instruction": _MAYBE_TEXT}),
        outputs=_object({"task": _TEXT, "material": _TEXT}, "material"),
        config=_object(_WISH),
    ),
    make_tool(
        "build_step",
        build_step,
        inputs=_object({"task": _MAYBE_TEXT}),
        outputs=_object({"endpoint": _TEXT}),
        config=_object(_WISH | {"step": {"enum": list(STEPS)}}, "step"),
    ),
    make_tool(
        "critique_prompt",
        critique_prompt,
        inputs=_object({"code": _TEXT}, "code"),
        outputs=_object({"issues": _LIST}, "issues"),
        config=_object(_WISH),
    ),
    make_tool(
        "suggest_changes",
        suggest_changes,
        inputs=_object({"redesign_plan": _OBJECT, "instruction": _MAYBE_TEXT}, "redesign_plan"),
        outputs=_object({"suggestions": _OBJECT}, "suggestions"),
        config=_object(_WISH),
    ),
    make_tool(
        "compare_prompts",
        compare_prompts,
        inputs=_object({"code": _TEXT, "new_text": _MAYBE_TEXT, "samples": _LIST}, "code"),
        outputs=_object({"checks": _LIST}, "checks"),
        config=_object(_WISH),
    ),
)
