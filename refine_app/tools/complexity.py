"""How complex the functions of a text are, as lizard counts."""

from typing import Any

import lizard

from refine_app.tools.languages import LANGUAGES

MAX_FUNCTIONS = 2000


def measure_complexity(code: str, language: str) -> dict[str, Any]:
    """{"functions": [{name, start_line, end_line, complexity, length, parameters}], "max", "average", "lines"}."""
    extension = LANGUAGES[language].extensions[0]
    measured = lizard.analyze_file.analyze_source_code(f"document.{extension}", code)
    functions = [
        {
            "name": str(function.name)[:200],
            "start_line": function.start_line,
            "end_line": function.end_line,
            "complexity": function.cyclomatic_complexity,
            "length": function.nloc,
            "parameters": function.parameter_count,
        }
        for function in measured.function_list[:MAX_FUNCTIONS]
    ]
    numbers = [function["complexity"] for function in functions]
    return {
        "functions": functions,
        "max": max(numbers, default=0),
        "average": round(sum(numbers) / len(numbers), 2) if numbers else 0,
        "lines": measured.nloc,
    }
