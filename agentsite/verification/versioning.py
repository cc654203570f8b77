"""Versions of graphs: published, compared, rolled back to, and run."""

from agentsite.verification.groundwork import Checks, setting, someone, work
from graphs_app import snapshots
from graphs_app.models import GraphVersion, RunStatus
from graphs_app.services import graphs, runs, versions


def checks() -> Checks:
    user = someone()
    graph = graphs.create_graph(user=user, definition=setting([1, 2]))
    first = GraphVersion.objects.get(graph=graph)
    versions.save_draft(user=user, graph=graph, definition=setting([1, 3]))
    second = versions.publish_draft(user=user, graph=graph, note="another value")
    yield f"a draft is published as version {second.semver} after {first.semver}", second.number == first.number + 1
    old, new = versions.compare_with(graph=graph, old=first.number, new=second.number)
    changed = [one["node_id"] for one, other in zip(old["nodes"], new["nodes"], strict=True) if one != other]
    yield f"comparing them tells what changed: {', '.join(changed)}", changed == ["step_2"]
    third = versions.roll_back(user=user, graph=graph, number=first.number)
    graph.refresh_from_db()
    yield (
        f"rolling back makes version {first.number} current again, as version {third.number}",
        (graphs.current_version(graph) == third and third.digest == first.digest != second.digest),
    )
    kept = GraphVersion.objects.get(pk=first.pk)
    yield "the digest is that of the definition that is kept", kept.digest == snapshots.digest(kept.definition)
    yield "the snapshot came back as it was", third.snapshot == kept.snapshot
    run = runs.start_run(user=user, graph=graph.slug, initial_state={})
    work(run)
    yield (
        f"a run after it goes by version {third.number}",
        (
            run.graph_version_id == third.pk
            and run.status == RunStatus.COMPLETED
            and (run.state or {}).get("step_2") == 2
        ),
    )
