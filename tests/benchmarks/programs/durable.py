"""Durable runs of a linear graph on this worker, journaled with durability sync. Prints steps a second as JSON.

Usage: python -m tests.benchmarks.programs.durable STEPS RUNS, with DATABASE_URL naming an empty database.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def definition(steps: int) -> dict[str, Any]:
    """A chain of `steps` nodes that each add one to n."""
    nodes = [{"node_id": f"n{i}", "tool": "bench_increment"} for i in range(steps)]
    edges = [{"from_node": f"n{i}", "to_node": f"n{i + 1}"} for i in range(steps - 1)]
    return {"v": 1, "name": f"Linear {steps}", "entry_node": "n0", "nodes": nodes, "edges": edges}


def main(steps: int, runs: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from graphs_app import worker
    from graphs_app.engine.registry import REGISTRY, Tool
    from graphs_app.models import Run, RunStatus
    from graphs_app.services import execution
    from graphs_app.services.graphs import create_graph
    from sessions_app.models import User, new_id

    async def increment(context: Any, state: Any) -> dict[str, Any]:
        return {"n": state["n"] + 1}

    REGISTRY.add(Tool(name="bench_increment", function=increment, description="Adds one to n."))
    call_command("migrate", verbosity=0)
    user = User.objects.create(username=f"bench-{time.time_ns()}")
    graph = create_graph(user=user, definition=definition(steps))
    version = graph.graph_versions.get()

    def runs_of(count: int) -> list[Run]:
        return Run.objects.bulk_create(
            Run(id=new_id(), user=user, graph_version=version, initial_state={"n": 0}) for _ in range(count)
        )

    def drain(batch: list[Run]) -> None:
        futures = execution.execute_all(run_ids=[run.pk for run in batch])
        for future in futures:
            future.result()

    # One run's statements are others than those of several, and the first of each kind is prepared.
    drain(runs_of(1))
    drain(runs_of(2))
    batch = runs_of(runs)
    begin = time.perf_counter()
    drain(batch)
    took = time.perf_counter() - begin
    done = Run.objects.filter(pk__in=[run.pk for run in batch], status=RunStatus.COMPLETED, checkpoints=steps).count()
    if done != runs:
        raise SystemExit(f"{runs - done} of {runs} runs did not complete")
    connection.close()
    worker.stop()
    print(json.dumps({"steps a second": steps * runs / took}))


if __name__ == "__main__":
    if "VAR_DIR" not in os.environ:
        sys.exit("VAR_DIR must name a folder that the benchmark may fill")
    Path(os.environ["VAR_DIR"]).mkdir(parents=True, exist_ok=True)
    main(int(sys.argv[1]), int(sys.argv[2]))
