"""Starts runs as the site would, as often as it is told to: python -m tests.faults.start

Reads a JSON object per line, {"steps", "seconds", "runs", "times", "outside", "tool", "state"?, "singles"}, and answers
one per line, {"session", "runs", "other", "singles"}, or {"error"}; ends with its input. Each run goes `steps` times
round a loop over a node that takes `seconds`; its message is sent `times` times. Every other run is outside the
session, where the journal has another way to the database: the second, fourth, ..., or with `outside` the first,
third, ... With `tool`, one more run is started first, of a single node with it on `state`. Each of `singles` is
{"user", "tool", "config", "runs", "rounds"?, and what start_run takes}: so many runs of one node for a person, in their
order, each so many times round.
"""

import json
import os
import sys
import traceback
from typing import Any

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    django.setup()
    from django.db import connections

    from agentsite.celery import app
    from tests.faults import tools

    tools.add()
    # A connection for each use: one that was kept would believe in queues that the broker has forgotten since.
    app.conf.broker_pool_limit = 0
    for line in sys.stdin:
        try:
            answer = start(**json.loads(line))
        except Exception:
            answer = {"error": traceback.format_exc()}
        # The tests cut connections and restart databases; nothing of that is the starter's to notice.
        connections.close_all()
        if hasattr(connections["default"], "close_pool"):
            connections["default"].close_pool()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def start(
    *,
    steps: int,
    seconds: float,
    runs: int,
    times: int,
    outside: bool,
    tool: str,
    state: dict[str, Any] | None = None,
    singles: list[dict[str, Any]],
) -> dict[str, Any]:
    from graphs_app import dispatch
    from graphs_app.services import graphs
    from graphs_app.services.runs import start_run
    from sessions_app.models import User
    from sessions_app.services import sessions

    user, _ = User.objects.get_or_create(username="ada")
    session = sessions.create(user=user, title="Faults")
    definition = {
        "v": 1,
        "name": "Faults",
        "entry_node": "begin",
        "nodes": [
            {"node_id": "begin", "tool": "record", "config": {"seconds": seconds}},
            {"node_id": "again", "tool": "record", "config": {"seconds": seconds}},
        ],
        "edges": [
            {"from_node": "begin", "to_node": "again"},
            {"from_node": "again", "to_node": "again", "type": "conditional", "condition": f"n < {steps}"},
        ],
    }
    graph = graphs.create_graph(user=user, definition=definition)
    other = ""
    if tool:
        single = {"v": 1, "name": tool, "entry_node": "one", "nodes": [{"node_id": "one", "tool": tool}], "edges": []}
        slug = graphs.create_graph(user=user, definition=single).slug
        other = str(start_run(user=user, graph=slug, initial_state=state or {}, session_id=session.pk).pk)
    started = []
    for number in range(runs):
        inside = session.pk if number % 2 == outside else None
        started.append(start_run(user=user, graph=graph.slug, initial_state={}, session_id=inside))
    for _ in range(times - 1):
        for run in started:
            dispatch.send(run.pk)
    return {
        "session": str(session.pk),
        "runs": [str(run.pk) for run in started],
        "other": other,
        "singles": [start_singles(**asked) for asked in singles],
    }


def start_singles(
    *, user: str, tool: str, config: dict[str, Any], runs: int, rounds: int = 1, **given: Any
) -> list[str]:
    from graphs_app.services import graphs
    from graphs_app.services.runs import start_run
    from sessions_app.models import User

    person, _ = User.objects.get_or_create(username=user)
    nodes = [{"node_id": "one", "tool": tool, "config": config}]
    again = {"from_node": "one", "to_node": "one", "type": "conditional", "condition": f"n < {rounds}"}
    single = {"v": 1, "name": tool, "entry_node": "one", "nodes": nodes, "edges": [again] if rounds > 1 else []}
    single["max_iterations"] = max(100, rounds)
    slug = graphs.create_graph(user=person, definition=single).slug
    given = {"initial_state": {}, **given}
    return [str(start_run(user=person, graph=slug, **given).pk) for _ in range(runs)]


if __name__ == "__main__":
    main()
