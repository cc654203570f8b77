"""Looking at people's code: every language, and every text that was made to break an analyser."""

import asyncio
import time
from typing import Any

import pytest

from refine_app.tools import analysis_child, children
from refine_app.tools.analysis import analyse
from refine_app.tools.children import Limits, run_child
from refine_app.tools.errors import AnalysisSkipped
from refine_app.tools.findings import faults, find_issues
from refine_app.tools.languages import LANGUAGES, detect_language, filename_for, names_of

GOOD = {
    "python": "def f(a, b=1):\n    return a\n",
    "javascript": "function f(a, b) { return a; }\nconst g = (x) => x;\n",
    "typescript": "interface I { a: number }\nfunction f(a: number, b?: string): number { return a; }\n",
    "tsx": "function F(a: {b: string}, c: number) { return <p>{a.b}</p>; }\n",
    "go": "package main\n\nfunc f(a int, b int) int { return a }\n",
    "rust": "fn f(a: u8, b: u8) -> u8 { a }\n",
    "java": "class A { int f(int a, int b) { return a; } }\n",
    "c": "int f(int a, int b) { return a; }\n",
    "cpp": "namespace n { int f(int a, int b) { return a; } }\n",
    "html": "<!doctype html><p>hello</p>\n",
    "css": "p { color: red; }\n",
    "json": '{"a": [1, 2]}\n',
    "bash": "f() {\n  echo hello\n}\n",
}
BAD = {
    "python": "def f(:\n",
    "javascript": "function ( {\n",
    "typescript": "interface { a: }\n",
    "tsx": "function F() { return <p>; }\n",
    "go": "package main\nfunc f( {\n",
    "rust": "fn f( -> {\n",
    "java": "class A { int f( { }\n",
    "c": "int f( { return\n",
    "cpp": "namespace { int f(\n",
    "html": "<p <b>\n",
    "css": "p { color: \n",
    "json": '{"a": [1, }\n',
    "bash": "f() {\n  if true; then\n",
}
HOSTILE = {
    "a line of 1 MB": "x = '" + "a" * 1_000_000 + "'\n",
    "10,000 brackets": "(" * 10_000 + ")" * 10_000,
    "20,000 open braces": "{" * 20_000,
    "10,000 nots": "x = " + "not " * 10_000 + "1\n",
    "20,000 attributes": "x" + ".a" * 20_000,
    "NUL": "a\0b = 1\n",
    "byte order mark": "\ufeffx = 1\n",
    "mixed endings": "x = 1\r\ny = 2\rz = 3\n",
    "lone surrogate": "x = '\ud800'\n",
    "empty": "",
    "only blanks": " \n\t\n",
    "200,000 quotes": '"' * 200_000,
    "escapes": "\x1b[31m\u202e\u2028",
}


def in_this_process(code: str, language: str, *want: str) -> dict[str, Any]:
    """What the child does, without the child: our own texts harm nobody."""
    return analysis_child.analyse({"code": code, "language": language, "want": want})


async def test_a_child_says_what_the_function_says_and_is_asked_once_for_a_text() -> None:
    code = f"{GOOD['python']}# {time.monotonic_ns()}\n"
    analysis = await analyse(code, "python")
    expected = in_this_process(code, "python", "syntax", "functions", "complexity")
    assert (analysis.syntax, analysis.functions) == (expected["syntax"], expected["functions"])
    assert analysis.complexity == expected["complexity"]
    again = await analyse(code, "python", ("syntax",), limits=Limits(wall_s=0.0001))
    assert (again.syntax, again.functions, again.skipped) == (expected["syntax"], [], {})


@pytest.mark.parametrize("language", LANGUAGES)
def test_good_code_parses_and_its_functions_are_found(language: str) -> None:
    analysis = in_this_process(GOOD[language], language, "syntax", "functions")
    assert analysis["syntax"]["count"] == 0
    names = [function["name"] for function in analysis["functions"]]
    assert ("f" in names or "F" in names) is (language not in ("html", "css", "json"))


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name not in ("html", "css", "json", "bash")])
def test_parameters_are_listed(language: str) -> None:
    functions = in_this_process(GOOD[language], language, "functions")["functions"]
    (function,) = [f for f in functions if f["name"] in ("f", "F")]
    assert len(function["parameters"]) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_bad_code_is_told_with_its_place(language: str) -> None:
    syntax = in_this_process(BAD[language], language, "syntax")["syntax"]
    assert syntax["count"] > 0
    assert syntax["errors"][0]["line"] >= 1
    assert syntax["errors"][0]["message"]


@pytest.mark.parametrize("language", [name for name, known in LANGUAGES.items() if known.measured])
def test_complexity_is_measured(language: str) -> None:
    report = in_this_process(GOOD[language], language, "complexity")["complexity"]
    assert report["max"] >= 1 or language == "tsx"


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("language", ["python", "typescript"])
async def test_a_hostile_text_is_analysed_or_skipped_with_a_reason(code: str, language: str) -> None:
    limits = Limits(cpu_s=2)
    analysis, found = await asyncio.gather(
        analyse(code, language, limits=limits), find_issues(code, language, limits=limits)
    )
    assert analysis.syntax is not None or "analysis skipped: " in analysis.skipped["syntax"]
    assert all(len(reason) < 400 for reason in [*analysis.skipped.values(), *found.skipped.values()])


async def test_code_is_never_run() -> None:
    bomb = "import os\nos.abort()\n"
    analysis = await analyse(bomb, "python")
    assert analysis.syntax == {"errors": [], "count": 0, "compiles": True}


async def test_ruff_and_bandit_both_find() -> None:
    found = await find_issues("import os\neval('1')\n", "python")
    assert {(issue["tool"], issue["code"]) for issue in found.issues} == {("ruff", "F401"), ("bandit", "B307")}
    assert len(faults(found.issues)) == 2


async def test_suppressions_are_heeded_only_when_asked() -> None:
    code = "import os  # noqa\neval('1')  # nosec\n"
    assert (await find_issues(code, "python")).issues == []
    assert len((await find_issues(code, "python", heed_suppressions=False)).issues) >= 2


async def test_a_persons_configuration_changes_nothing(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "ruff.toml").write_text('lint.ignore = ["F401"]\n')
    (tmp_path / ".bandit").write_text("[bandit]\nskips = B307\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = await find_issues("import sys\nprint(eval('2'))\n", "python")
    assert {issue["code"] for issue in found.issues} == {"F401", "B307"}


PYTHON = [children.sys.executable, "-I", "-c"]


@pytest.mark.parametrize(
    ("program", "limits", "reason"),
    [
        ("import time; time.sleep(60)", Limits(wall_s=0.3), "longer than 0.3 s"),
        ("while True: pass", Limits(wall_s=20, cpu_s=1), "1 s of processor time"),
        ("import os\nwhile True: os.write(1, b'x' * 65536)", Limits(output=1_000_000), "more than 1000000 bytes"),
        ("import os; os.abort()", Limits(), "ended by signal 6"),
    ],
)
async def test_a_child_over_its_limit_is_ended_with_the_reason(program: str, limits: Limits, reason: str) -> None:
    with pytest.raises(AnalysisSkipped, match=reason):
        await run_child([*PYTHON, program], b"", limits=limits)


async def test_a_child_cannot_take_more_memory_than_it_may() -> None:
    output = await run_child([*PYTHON, "x = 'x' * 2**30"], b"", limits=Limits(memory=256 * 2**20))
    assert output.code == 1
    assert b"MemoryError" in output.stderr


async def test_a_child_sees_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_CANARY")
    output = await run_child([*PYTHON, "import os; print(dict(os.environ), os.getcwd(), os.listdir())"], b"")
    assert b"CANARY" not in output.stdout
    assert output.stdout.strip().endswith(b"[]")


async def test_cancelling_kills_the_child() -> None:
    task = asyncio.create_task(run_child([*PYTHON, "import time; time.sleep(60)"], b"", limits=Limits(wall_s=50)))
    began = time.monotonic()
    done, _ = await asyncio.wait({task}, timeout=0.5)
    assert not done
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The thread that waited for the child is free again at once, so it serves the next.
    for _ in range(4):
        await run_child([*PYTHON, ""], b"")
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("language", [name for name in GOOD if name != "tsx"])
def test_a_language_is_guessed_from_its_code(language: str) -> None:
    longer = {
        "javascript": "const a = require('a');\nfunction f() {\n  return a;\n}\nexport default f;\n",
        "cpp": "#include <vector>\nusing namespace std;\nint main() { return 0; }\n",
        "c": "#include <stdio.h>\nint main(void) { return 0; }\n",
        "java": "import java.util.List;\npublic class A {\n}\n",
        "html": "<!doctype html>\n<html>\n<body>\n</body>\n",
        "css": ".a {\n  color: red;\n}\n",
        "json": '{\n  "a": 1,\n  "b": 2\n}\n',
    }
    assert detect_language(longer.get(language, GOOD[language])) == language


@pytest.mark.parametrize(
    ("code", "declared", "filename", "expected"),
    [
        ("x", "py", "", "python"),
        ("x", "C++", "", "cpp"),
        ("x", "cobol", "a.py", "cobol"),
        ("x", "auto", "a.rs", "rust"),
        ("#!/usr/bin/env python3\nx", "", "", "python"),
        ("#!/bin/sh\nx", "", "", "bash"),
        ("Dear Sir,\nhello", "", "", "text"),
        ("", "", "", "text"),
    ],
)
def test_what_is_declared_counts_before_names_and_guesses(
    code: str, declared: str, filename: str, expected: str
) -> None:
    assert detect_language(code, declared=declared, filename=filename) == expected


def test_a_language_tells_its_names_and_its_file() -> None:
    assert "py" in names_of("python")
    assert names_of("cobol") == ("cobol",)
    assert filename_for("rust") == "document.rs"
    assert filename_for("rust", "main.rs") == "main.rs"
    assert filename_for("text") == "document.txt"
