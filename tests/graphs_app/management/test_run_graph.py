"""manage.py run_graph: the services of the site from a shell, with exit codes that mean something."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from graphs_app import worker
from graphs_app.models import Graph, Run
from tests.graphs_app import cast
from tests.graphs_app.cast import line, node
from tests.graphs_app.engine.test_patterns import INDEX, PATTERNS


def run_graph(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    out, err = StringIO(), StringIO()
    try:
        call_command("run_graph", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), err.getvalue() + str(error)
    return 0, out.getvalue(), err.getvalue()


def keep(folder: Path, name: str, value: Any) -> str:
    path = folder / name
    path.write_text(json.dumps(value))
    return str(path)


def test_a_file_is_run_and_its_final_state_printed(here: worker.Worker, tmp_path: Path) -> None:
    graph, state = keep(tmp_path, "sum.json", cast.SUM), keep(tmp_path, "state.json", {"seed": 7})
    code, out, err = run_graph(graph, "--input", state, "--follow")
    assert (code, json.loads(out)) == (0, {"seed": 7, "n": 5})
    assert err.count("add completed") == 5


def test_a_file_that_is_run_again_is_the_same_graph_in_the_same_version(here: worker.Worker, tmp_path: Path) -> None:
    graph = keep(tmp_path, "sum.json", cast.SUM)
    for version in (1, 1):
        _, out, _ = run_graph(graph, "--json")
        shown = json.loads(out)
        assert (shown["graph"], shown["graph_version"], shown["status"]) == ("sum", version, "completed")
        assert len(shown["result"]["logs"]) == 6
    keep(tmp_path, "sum.json", {**cast.SUM, "name": "Other"})
    assert json.loads(run_graph(graph, "--json")[1])["graph_version"] == 2
    assert Graph.objects.filter(slug="sum").count() == 1


def test_a_run_that_fails_and_one_that_waits_have_codes_of_their_own(here: worker.Worker, tmp_path: Path) -> None:
    bad = keep(tmp_path, "bad.json", line("Bad", node("bad", "fail", {"message": "no luck"})))
    code, _, err = run_graph(bad)
    assert code == 1
    assert "no luck" in err
    ask = keep(tmp_path, "ask.json", line("Ask", node("ask", "ask_human", {"question": "Well?", "write": "x"})))
    code, _, err = run_graph(ask)
    assert code == 3
    assert "Well?" in err


def test_questions_are_answered_in_turn_by_what_was_given(here: worker.Worker, tmp_path: Path) -> None:
    ask = node("ask", "ask_human", {"question": "How many?", "schema": {"type": "integer"}, "write": "n"})
    again = {"from_node": "ask", "to_node": "ask", "type": "conditional", "condition": "n < 3"}
    graph = keep(tmp_path, "ask.json", {**line("Ask", ask), "edges": [again]})
    code, out, err = run_graph(graph, "--answer", "ask=2", "--answer", "ask=4", "--follow")
    assert (code, json.loads(out)) == (0, {"n": 4})
    assert err.count("ask completed") == 2
    code, _, err = run_graph(graph, "--answer", "ask=many")
    assert code == 2
    assert "'many' is not of type 'integer'" in err
    assert run_graph(graph, "--answer", "4")[0] == 2


def test_an_answer_for_a_node_that_is_not_there_is_refused_with_those_that_ask(
    here: worker.Worker, tmp_path: Path
) -> None:
    ask = node("ask", "ask_human", {"question": "Well?", "write": "x"})
    code, out, err = run_graph(keep(tmp_path, "ask.json", line("Ask", ask)), "--answer", "aks=1")
    assert (code, out) == (2, "")
    assert "'aks'" in err
    assert "those that ask are 'ask'" in err
    assert Run.objects.count() == 0


def test_a_sub_graphs_node_may_be_answered(here: worker.Worker, tmp_path: Path) -> None:
    keep(tmp_path, "inner.json", line("Inner", node("ask", "ask_human", {"question": "Well?", "write": "x"})))
    outer = keep(tmp_path, "outer.json", line("Outer", node("below", "graph", {"graph": "inner"})))
    code, _, err = run_graph(outer, "--answer", "ask=1")
    assert code == 0, err


def test_an_error_is_told_once(here: worker.Worker, tmp_path: Path) -> None:
    bad = keep(tmp_path, "bad.json", line("Bad", node("bad", "fail", {"message": "no luck"})))
    _, _, err = run_graph(bad, "--follow")
    assert err.count("no luck") == 1
    _, _, err = run_graph(keep(tmp_path, "unsound.json", line("Unsound", node("a", "no_such_tool"))))
    assert err.count("'no_such_tool'") == 1


def test_a_question_whose_time_is_nearly_over_is_waited_for(here: worker.Worker, tmp_path: Path) -> None:
    config = {"question": "Well?", "timeout_s": 0.05, "default": "yes", "write": "x"}
    code, out, _ = run_graph(keep(tmp_path, "ask.json", line("Ask", node("ask", "ask_human", config))))
    assert (code, json.loads(out)) == (0, {"x": "yes"})


def test_every_patterns_graph_is_run_with_the_sub_graphs_that_lie_beside_it(
    here: worker.Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "stop", lambda grace_s=None: None)  # one worker runs them all
    for pattern in INDEX:
        if pattern["supported"]:
            case = pattern["cases"][0]
            given = [["--input", keep(tmp_path, "state.json", case["state"])]] if case.get("state") else []
            answers = [f"--answer=ask={json.dumps(answer)}" for answer in case.get("answers", ())]
            for state in ([], *given):
                code, out, err = run_graph(str(PATTERNS / pattern["graph"]), *state, *answers)
                assert code == 0, (pattern["number"], err)
            final = case.get("final", {})
            assert {key: json.loads(out)[key] for key in final} == final, pattern["number"]


def test_what_cannot_be_used_is_said(here: worker.Worker, tmp_path: Path) -> None:
    assert run_graph("no-such-graph")[0] == 2
    assert run_graph(str(tmp_path / "missing.json"))[0] == 2
    (tmp_path / "text.json").write_text("no JSON")
    assert run_graph(str(tmp_path / "text.json"))[0] == 2
    code, _, err = run_graph(keep(tmp_path, "odd.json", {**cast.SUM, "entry_node": "nowhere"}))
    assert code == 2
    assert "/entry_node" in err
    assert run_graph(keep(tmp_path, "sum.json", cast.SUM), "--input", keep(tmp_path, "list.json", [1]))[0] == 2


def test_a_terminal_is_shown_no_character_that_rearranges_its_lines(here: worker.Worker, tmp_path: Path) -> None:
    graph, state = keep(tmp_path, "sum.json", cast.SUM), keep(tmp_path, "state.json", {"seed": 7, "x": "a\u202eb\x9b"})
    _, out, _ = run_graph(graph, "--input", state)
    assert "\u202e" not in out
    assert "\x9b" not in out
    assert json.loads(out)["x"] == "a\u202eb\x9b"
    bad = keep(tmp_path, "bad.json", line("Bad", node("bad", "fail", {"message": "no\u202e luck\x9b"})))
    _, _, err = run_graph(bad, "--follow")
    assert "no[U+202E] luck[U+009B]" in err
    assert "\u202e" not in err
