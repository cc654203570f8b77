"""Many runs of five one-second model calls each, on one worker. Prints seconds and memory as JSON.

Usage: python -m tests.benchmarks.programs.model_calls RUNS, with DATABASE_URL naming an empty database.
"""

import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

CALLS = 5


def definition() -> dict[str, Any]:
    """Five nodes in a row, each of which waits a second as a model's answer would be waited for."""
    nodes = [{"node_id": f"call{i}", "tool": "sleep", "config": {"seconds": 1}} for i in range(CALLS)]
    edges = [{"from_node": f"call{i}", "to_node": f"call{i + 1}"} for i in range(CALLS - 1)]
    return {"v": 1, "name": "Five calls", "entry_node": "call0", "nodes": nodes, "edges": edges}


def resident_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    import django

    django.setup()


def prepare(count: int) -> None:
    """Makes the tables and queues the runs, in a process of its own: a worker does neither."""
    set_up()
    from django.core.management import call_command

    from graphs_app.models import Run
    from graphs_app.services.graphs import create_graph
    from sessions_app.models import User, new_id

    call_command("migrate", verbosity=0)
    user = User.objects.create(username=f"bench-{time.time_ns()}")
    version = create_graph(user=user, definition=definition()).graph_versions.get()
    Run.objects.bulk_create((Run(id=new_id(), user=user, graph_version=version) for _ in range(count)), batch_size=1000)


def main(count: int) -> None:
    subprocess.run([sys.executable, "-m", __spec__.name, "prepare", str(count)], check=True)
    os.environ["SERVES_PAGES"] = "no"  # as the unit of a worker has it, and manage.py run_graph
    set_up()
    from graphs_app import worker
    from graphs_app.models import Run, RunStatus
    from graphs_app.services import execution

    batch = list(Run.objects.filter(status=RunStatus.QUEUED).values_list("pk", flat=True))
    worker.current()
    before = resident_mb()
    begin = time.perf_counter()
    processor = time.process_time()
    futures = execution.execute_all(run_ids=batch)
    for future in futures:
        future.result()
    took, worked = time.perf_counter() - begin, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    done = Run.objects.filter(status=RunStatus.COMPLETED, checkpoints=CALLS).count()
    if done != count:
        raise SystemExit(f"{count - done} of {count} runs did not complete")
    worker.stop()
    figures = {"seconds": took, "processor": worked, "peak memory": peak, "memory for the runs": peak - before}
    print(json.dumps(figures))


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]))
