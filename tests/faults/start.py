"""Starts runs as the site would: python -m tests.faults.start STEPS SECONDS RUNS TIMES [TOOL].

Each run goes STEPS times round a loop over a node that takes SECONDS; its message is sent TIMES times. With TOOL, one
more run is started first, of a single node with that tool. Prints {"session", "runs", "other"}.
"""

import json
import os
import sys

import django


def main(steps: int, seconds: float, count: int, times: int, tool: str = "") -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    django.setup()
    from graphs_app import dispatch
    from graphs_app.services import graphs, runs
    from sessions_app.models import User
    from sessions_app.services import sessions
    from tests.faults import tools

    tools.add()
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
        other = str(runs.start_run(user=user, graph=slug, initial_state={}, session_id=session.pk).pk)
    started = [
        runs.start_run(user=user, graph=graph.slug, initial_state={}, session_id=session.pk) for _ in range(count)
    ]
    for _ in range(times - 1):
        for run in started:
            dispatch.send(run.pk)
    print(json.dumps({"session": str(session.pk), "runs": [str(run.pk) for run in started], "other": other}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
