"""The graph code_review, as the promises tell it."""

import json

from tests.refine_app.graphs.stage import GRAPHS, play

CODE = """import os


def tangled(a, b, c, d, e, f, g):
    for x in a:
        if x == None:
            if b and c or d:
                while e:
                    if f:
                        return 1
                    elif g:
                        return 2
            elif x > 1 and x < 5:
                try:
                    return 3
                except:
                    pass
    return 4


class Thing:
    def method(self):
        return eval("1")
"""


async def test_it_runs_its_four_nodes_and_leaves_the_promised_keys() -> None:
    played = await play("code_review", {"code": CODE})
    assert played.ended.status == "completed"
    assert played.path == ["extract", "analyze", "detect", "suggest"]
    assert {"code", "functions", "complexity_report", "issues", "suggestions"} <= set(played.state)


async def test_what_it_finds_is_there() -> None:
    state = (await play("code_review", {"code": CODE})).state
    assert [(f["name"], f["kind"]) for f in state["functions"]] == [
        ("tangled", "function"),
        ("Thing", "class"),
        ("method", "method"),
    ]
    assert state["complexity_report"]["max"] > 10
    codes = {issue["code"] for issue in state["issues"]}
    assert {"F401", "E711", "E722", "B307", "complex", "parameters"} <= codes
    assert state["suggestions"][0]["lines"]
    assert "3 functions and types" in state["summary"]


def test_it_is_drawn_as_promised() -> None:
    graph = json.loads((GRAPHS / "code_review.json").read_text())
    assert graph["entry_node"] == "extract"
    assert [(edge["from_node"], edge["to_node"], edge["type"]) for edge in graph["edges"]] == [
        ("extract", "analyze", "normal"),
        ("analyze", "detect", "normal"),
        ("detect", "suggest", "normal"),
    ]
    assert [node["tool"] for node in graph["nodes"]] == [
        "extract_functions",
        "check_complexity",
        "detect_issues",
        "suggest_improvements",
    ]


async def test_an_unknown_language_is_a_review_that_says_what_it_could_not_do() -> None:
    state = (await play("code_review", {"code": "MOVE A TO B.\n", "language": "cobol"})).state
    assert (state["functions"], state["issues"], state["suggestions"]) == ([], [], [])
    assert "there is no parser for 'cobol'" in state["summary"]


async def test_a_file_that_does_not_parse_has_that_as_its_first_suggestion() -> None:
    state = (await play("code_review", {"code": "function f( {\n", "language": "javascript"})).state
    assert state["suggestions"][0]["title"] == "Make it parse"
    assert state["issues"][0]["line"] == 1
