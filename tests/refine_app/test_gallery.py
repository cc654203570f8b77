"""Every graph of the gallery comes with an input that its entry takes, and runs on it, as far as it needs no model."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from graphs_app.errors import InvalidState
from graphs_app.models import Run
from graphs_app.services.runs import start_run
from refine_app.services.built_in_graphs import FOLDER, install_built_in_graphs

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
NEED_A_MODEL = {"ask", "build", "task_router"}
WAIT = {"human_approval"}


def definition(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return read


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_the_input_that_comes_with_it(name: str, tmp_path: Path) -> None:
    install_built_in_graphs()
    state = tmp_path / "state.json"
    state.write_text(json.dumps(definition(name)["metadata"]["sample_input"]))
    said = StringIO()
    try:
        call_command("run_graph", name, "--input", str(state), stdout=StringIO(), stderr=said)
    except CommandError as error:
        said.write(str(error))
    run = Run.objects.filter(parent__isnull=True).get()
    if name in NEED_A_MODEL:
        assert "Needs a language model" in definition(name)["description"]
        assert run.status == "failed"
        assert (run.error or {})["code"] == "model_needed", run.error
    else:
        assert run.status == ("interrupted" if name in WAIT else "completed"), said.getvalue()


@pytest.mark.usefixtures("db")
def test_a_run_that_its_entry_could_not_begin_is_refused_with_the_names_of_what_is_missing() -> None:
    install_built_in_graphs()
    with pytest.raises(InvalidState) as refused:
        start_run(user=None, graph="code_review", initial_state={})
    assert [(one["pointer"], one["code"]) for one in refused.value.errors] == [("/initial_state/code", "missing")]
    assert "'code' is missing" in refused.value.message
    assert Run.objects.count() == 0


@pytest.mark.usefixtures("db")
def test_what_is_there_and_does_not_fit_is_told_with_its_place() -> None:
    install_built_in_graphs()
    with pytest.raises(InvalidState) as refused:
        start_run(user=None, graph="code_review", initial_state={"code": 5})
    assert [one["pointer"] for one in refused.value.errors] == ["/initial_state/code"]
