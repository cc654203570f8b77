"""The child process that parses and measures: {"code", "language", "want"} on stdin, its findings on stdout, as JSON.

Parsers meet hostile texts here, where running out of time, memory or stack harms nobody.
"""

import json
import sys
from typing import Any

from refine_app.tools.complexity import measure_complexity
from refine_app.tools.file_kinds import CHECKED
from refine_app.tools.kind_readings import read_as
from refine_app.tools.languages import LANGUAGES
from refine_app.tools.outline import find_definitions
from refine_app.tools.syntax import check_syntax, parse


def analyse(task: dict[str, Any]) -> dict[str, Any]:
    # No parser takes lone surrogates.
    code = task["code"].removeprefix("\ufeff").encode("utf-8", "replace").decode()
    language, want = task["language"], task["want"]
    result: dict[str, Any] = {"skipped": {}}
    if language in CHECKED and "syntax" in want:
        result["syntax"] = read_as(code, language)
    if language not in LANGUAGES:
        others = [part for part in want if part != "syntax"]
        result["skipped"] = dict.fromkeys(others, f"of {language} only the syntax is looked at")
        return result
    tree = parse(code, language) if {"syntax", "functions", "outline"} & set(want) else None
    if "syntax" in want and tree is not None and language not in CHECKED:
        result["syntax"] = check_syntax(code, language, tree)
    if tree is not None:
        result |= find_definitions(tree, language, want)
    if "complexity" in want:
        if not LANGUAGES[language].measured:
            result["skipped"]["complexity"] = f"complexity is not measured for {language}"
        else:
            try:
                result["complexity"] = measure_complexity(code, language)
            except (RecursionError, IndexError, AttributeError, TypeError, ValueError) as error:
                # The measuring library has no errors of its own for texts that it cannot read.
                result["skipped"]["complexity"] = f"the text could not be measured ({type(error).__name__})"
    return result


def main() -> None:
    json.dump(analyse(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
