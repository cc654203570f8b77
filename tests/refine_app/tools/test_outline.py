"""Imports in outlines: one that is lost while its names are used is told, one that nothing uses is not."""

import pytest

from refine_app.tools.outline import find_definitions
from refine_app.tools.syntax import parse
from refine_app.tools.validation import check_text

TEXTS = {
    "python": ("import os\nimport sys\n", "\n\ndef run():\n    return os.name\n"),
    "javascript": ('import {os} from "./a";\nimport {sys} from "./b";\n', "export function run() { return os(1); }\n"),
    "typescript": ('import os from "./a";\nimport type {sys} from "./b";\n', "export const run = () => os(1);\n"),
    "go": ('package a\n\nimport (\n\t"os"\n\t"sys"\n)\n', "\nfunc run() string { return os.Name }\n"),
    "rust": ("use a::os;\nuse a::sys;\n", "\nfn run() -> u8 { os(1) }\n"),
    "java": ("import a.os;\nimport a.sys;\n", "class A { int run() { return os.name(); } }\n"),
}


@pytest.mark.parametrize("language", TEXTS)
async def test_an_import_that_is_still_used_is_missed_and_an_unused_one_is_not(language: str) -> None:
    head, body = TEXTS[language]
    lines = head.splitlines(keepends=True)
    used, unused = (next(line for line in lines if name in line) for name in ("os", "sys"))
    lost = await definitions_of(head + body, head.replace(used, "") + body, language)
    assert (lost["verdict"], [loss["kind"] for loss in lost["losses"]]) == ("failed", ["import"])
    kept = await definitions_of(head + body, head.replace(unused, "") + body, language)
    assert kept["verdict"] == "passed", kept


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        ("#include <stdio.h>\n", "failed"),
        ("/* includes as before */\n", "failed"),
        ("#include <stdio.h>\n#include <errno.h>\n", "passed"),
    ],
)
async def test_an_include_that_nothing_replaces_is_missed(head: str, verdict: str) -> None:
    body = "int run(void) { return errno; }\n"
    check = await definitions_of(f"#include <stdio.h>\n#include <sys/errno.h>\n{body}", head + body, "c")
    assert check["verdict"] == verdict, check


async def test_imports_that_the_instruction_speaks_of_are_the_models_to_choose() -> None:
    old = "import os\n\n\ndef run():\n    return os.name\n"
    checks = await check_text(old, old.replace("import os\n", ""), "python", instruction="Sort the imports.")
    assert next(check for check in checks if check["name"] == "definitions")["verdict"] == "passed"


async def definitions_of(old: str, new: str, language: str) -> dict[str, object]:
    checks = await check_text(old, new, language, instruction="Make it read better.")
    return next(check for check in checks if check["name"] == "definitions")


def test_one_walk_finds_the_outline_and_the_functions_within_functions() -> None:
    text = "class Shop:\n    def pay(self):\n        def inner(a):\n            return a\n        return inner\n"
    found = find_definitions(parse(text, "python"), "python", ("outline", "functions"))
    assert [(one["name"], one["kind"]) for one in found["outline"]] == [("Shop", "class"), ("Shop.pay", "function")]
    assert [(one["name"], one["kind"]) for one in found["functions"]] == [
        ("Shop", "class"), ("pay", "method"), ("inner", "function")
    ]  # fmt: skip
    assert find_definitions(parse(text, "python"), "python", ("outline",)) == {"outline": found["outline"]}


def test_types_of_c_are_told_once_and_by_the_name_that_they_have() -> None:
    tree = parse("typedef struct { int a; } one;\nstruct two { int b; };\nstruct two make(int c);\n", "c")
    names = [one["name"] for one in find_definitions(tree, "c", ("functions",))["functions"]]
    assert names == ["one", "two"]
