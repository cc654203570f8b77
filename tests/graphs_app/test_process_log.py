"""What a process's log says of a run."""

from types import SimpleNamespace
from typing import Any

from graphs_app import process_log
from graphs_app.models import Run
from graphs_app.services.runs import PRIVATE


def test_a_line_names_the_request_that_a_task_came_with() -> None:
    graph: Any = SimpleNamespace(slug="task_router")
    came = process_log.belonging(Run(metadata={"task": "x", PRIVATE: {"request_id": "order-66"}}), graph)
    assert (came["request_id"], came["agent_name"]) == ("order-66", "task_router")
    assert process_log.belonging(Run(), graph)["request_id"] == ""
