"""The names of this app's tools: known to every process, also to one that never loads the catalogue of them."""

NAMES = (
    "analyse_code",
    "answer_question",
    "build_step",
    "check_complexity",
    "choose_intent",
    "classify_task",
    "compare_prompts",
    "critique_prompt",
    "detect_issues",
    "extract_functions",
    "hand_over",
    "plan_refinement",
    "propose_change",
    "research",
    "rewrite_code",
    "route_to_agent",
    "run_agent",
    "suggest_changes",
    "suggest_improvements",
    "validate_code",
)
