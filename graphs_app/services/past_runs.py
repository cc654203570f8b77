"""What past runs of a graph have measured of its nodes: the grounds of a redesign's estimates."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from graphs_app.models import TERMINAL, Graph, NodeRun, NodeRunStatus, Run
from graphs_app.redesign import Measured, Past

MOST_RUNS = 50
MOST_NODE_RUNS = 20_000
MOST_READ = 500
"""Node runs of which is read what they wrote, which may be large."""


def past_of(graph: Graph) -> Past:
    """By node: means of its newest finished runs."""
    runs = Run.objects.filter(graph_version__graph=graph, status__in=TERMINAL, only_node="")
    ids = list(runs.order_by("-created_at").values_list("pk", flat=True)[:MOST_RUNS])
    rows = list(
        NodeRun.objects.filter(run__in=ids, status__in=(NodeRunStatus.COMPLETED, NodeRunStatus.FAILED))
        .order_by("-started_at")
        .values(
            "run",
            "node_id",
            "tool",
            "status",
            "attempt",
            "duration_ms",
            "prompt_tokens",
            "completion_tokens",
            "cost_usd",
        )[:MOST_NODE_RUNS]
    )
    wrote = _wrote(ids)
    by_node: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_node.setdefault((row["node_id"], row["tool"]), []).append(dict(row))
    nodes: dict[str, Measured] = {}
    for (node_id, tool), own in by_node.items():
        # A node may have had another tool before; the newest one counts.
        nodes.setdefault(node_id, _measured(tool, own, wrote.get((node_id, tool), frozenset())))
    return Past(len({row["run"] for row in rows}), nodes)


def _wrote(run_ids: list[Any]) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], frozenset[str]] = {}
    rows = NodeRun.objects.filter(run__in=run_ids, writes__isnull=False).order_by("-started_at")
    for node_id, tool, writes in rows.values_list("node_id", "tool", "writes")[:MOST_READ]:
        found[node_id, tool] = found.get((node_id, tool), frozenset()) | frozenset(writes or ())
    return found


def _measured(tool: str, rows: list[dict[str, Any]], wrote: frozenset[str]) -> Measured:
    times = [row["duration_ms"] for row in rows if row["duration_ms"] is not None] or [0.0]
    costs = [row["cost_usd"] for row in rows if row["cost_usd"] is not None]
    tokens = sum(row["prompt_tokens"] + row["completion_tokens"] for row in rows)
    runs = len({row["run"] for row in rows})
    return Measured(
        tool=tool,
        runs=runs,
        duration_ms=sum(times) / len(times),
        slowest_ms=max(times),
        visits=len(rows) / runs,
        cost_usd=sum(costs, Decimal(0)) / len(rows) if costs and len(costs) == len(rows) else None,
        tokens=tokens / len(rows),
        failures=sum(row["attempt"] - 1 + (row["status"] == NodeRunStatus.FAILED) for row in rows),
        wrote=wrote,
    )


def past_json(past: Past) -> dict[str, Any]:
    """To keep it with a proposal."""
    nodes = {
        node_id: {
            "tool": one.tool,
            "runs": one.runs,
            "duration_ms": one.duration_ms,
            "slowest_ms": one.slowest_ms,
            "visits": one.visits,
            "cost_usd": None if one.cost_usd is None else str(one.cost_usd),
            "tokens": one.tokens,
            "failures": one.failures,
            "wrote": sorted(one.wrote),
        }
        for node_id, one in past.nodes.items()
    }
    return {"runs": past.runs, "nodes": nodes}


def past_from(kept: Mapping[str, Any]) -> Past:
    """What past_json kept."""
    nodes = {
        node_id: Measured(
            **{
                **one,
                "cost_usd": None if one["cost_usd"] is None else Decimal(one["cost_usd"]),
                "wrote": frozenset(one["wrote"]),
            }
        )
        for node_id, one in (kept.get("nodes") or {}).items()
    }
    return Past(kept.get("runs") or 0, nodes)
