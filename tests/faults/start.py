"""Starts runs as the site would: python -m tests.faults.start STEPS SECONDS RUNS TIMES, prints {"session", "runs"}.

Each run goes STEPS times round a loop over a node that takes SECONDS; its message is sent TIMES times.
"""

import json
import os
import sys

import django


def main(steps: int, seconds: float, count: int, times: int) -> None:
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
    started = [
        runs.start_run(user=user, graph=graph.slug, initial_state={}, session_id=session.pk) for _ in range(count)
    ]
    for _ in range(times - 1):
        for run in started:
            dispatch.send(run.pk)
    print(json.dumps({"session": str(session.pk), "runs": [str(run.pk) for run in started]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
