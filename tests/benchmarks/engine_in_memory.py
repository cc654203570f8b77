"""Microseconds a step of the engine in memory, by the shape of the graph: python tests/benchmarks/engine_in_memory.py

Pins itself to one core. A step is one node run: started, journaled, its edges chosen, its successors started.
Beside the time that passed it tells the processor time, which other work on the machine disturbs less.
"""

import argparse
import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from graphs_app.engine.compiled import compile_definition
from graphs_app.engine.loop import run
from graphs_app.engine.memory import MemoryHost, MemoryJournal, MemoryStore
from graphs_app.engine.registry import Registry, ToolContext, register

REGISTRY = Registry()


@register("count", registry=REGISTRY)
async def count(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    """What the peers' nodes do too: one small write."""
    return {"n": state.get("n", 0) + 1}


@register("own_key", registry=REGISTRY)
async def own_key(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    return {context.node_id: 1}


def linear(steps: int) -> dict[str, Any]:
    names = [f"n{index}" for index in range(steps)]
    return {
        "name": "linear",
        "entry_node": "n0",
        "nodes": [{"node_id": name, "tool": "count"} for name in names],
        "edges": [{"from_node": one, "to_node": two} for one, two in pairwise(names)],
    }


def loop(steps: int) -> dict[str, Any]:
    return {
        "name": "loop",
        "entry_node": "body",
        "max_iterations": steps,
        "nodes": [{"node_id": "body", "tool": "count"}, {"node_id": "end", "tool": "count"}],
        "edges": [
            {"from_node": "body", "to_node": "body", "type": "conditional", "condition": f"n < {steps - 1}"},
            {"from_node": "body", "to_node": "end"},
        ],
    }


def fan(width: int) -> dict[str, Any]:
    names = [f"n{index}" for index in range(width)]
    return {
        "name": "fan",
        "entry_node": "start",
        "nodes": [
            {"node_id": "start", "tool": "count"},
            *({"node_id": name, "tool": "own_key"} for name in names),
            {"node_id": "end", "tool": "count"},
        ],
        "edges": [
            *({"from_node": "start", "to_node": name} for name in names),
            *({"from_node": name, "to_node": "end"} for name in names),
        ],
    }


SHAPES = {
    "linear 50": (linear(50), 50),
    "linear 1000": (linear(1000), 1000),
    "loop 100": (loop(100), 100),
    "loop 1000": (loop(1000), 1000),
    "fan-out and join of 100": (fan(100), 102),
    "fan-out and join of 1000": (fan(1000), 1002),
}


async def measure(definition: dict[str, Any], steps: int, rounds: int) -> tuple[list[float], list[float]]:
    """Microseconds a step, passed and of the processor, one figure for each round."""
    compiled = compile_definition(definition, REGISTRY)
    store = MemoryStore(REGISTRY)
    store.graphs["graph"] = [compiled]
    figures, processor = [], []
    for _ in range(rounds):
        stored = store.create("graph", {})
        journal = MemoryJournal()
        gc.collect()
        before, processor_before = time.perf_counter(), time.process_time()
        ended = await run(compiled=compiled, initial_state={}, journal=journal, host=MemoryHost(store, stored))
        figures.append((time.perf_counter() - before) / steps * 1e6)
        processor.append((time.process_time() - processor_before) / steps * 1e6)
        done = sum(type(entry).__name__ == "NodeDone" for entry in journal.entries)
        if ended.status != "completed" or done != steps:
            raise SystemExit(f"{definition['name']}: {ended.status} after {done} of {steps} steps: {ended.error}")
    return figures, processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if arguments.uvloop:
        import uvloop

        uvloop.install()
    results = {}
    for name, (definition, steps) in SHAPES.items():
        rounds = max(5, arguments.rounds * 100 // max(steps, 100))
        figures, processor = asyncio.run(measure(definition, steps, rounds))
        results[name] = {
            "min": min(figures),
            "median": median(figures),
            "max": max(figures),
            "processor_min": min(processor),
            "processor_median": median(processor),
            "rounds": rounds,
        }
    if arguments.json:
        print(json.dumps({"unit": "µs a step", "results": results}, indent=1))
        return
    columns = ("min", "median", "max", "processor_min", "processor_median")
    print(f"{'µs a step':<26}" + "".join(f"{column:>18}" for column in columns))
    for name, one in results.items():
        print(f"{name:<26}" + "".join(f"{one[column]:>18.1f}" for column in columns))


if __name__ == "__main__":
    main()
