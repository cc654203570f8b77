"""LangGraph in memory: linear 50, a loop of 100 with a condition, fan-out and join of 100. Prints µs a step as JSON."""

import asyncio
import json
import operator
import sys
import time
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph


class Counter(TypedDict):
    n: int


class Collected(TypedDict):
    items: Annotated[list[int], operator.add]


async def increment(state: Counter) -> dict[str, int]:
    return {"n": state["n"] + 1}


def linear(steps: int) -> Any:
    graph = StateGraph(Counter)
    for i in range(steps):
        graph.add_node(f"n{i}", increment)
    graph.add_edge(START, "n0")
    for i in range(steps - 1):
        graph.add_edge(f"n{i}", f"n{i + 1}")
    graph.add_edge(f"n{steps - 1}", END)
    return graph.compile(checkpointer=InMemorySaver())


def loop(steps: int) -> Any:
    graph = StateGraph(Counter)
    graph.add_node("work", increment)
    graph.add_edge(START, "work")
    graph.add_conditional_edges("work", lambda state: "work" if state["n"] < steps else END, ["work", END])
    return graph.compile(checkpointer=InMemorySaver())


def fan(width: int) -> Any:
    graph = StateGraph(Collected)

    async def start(state: Collected) -> dict[str, list[int]]:
        return {"items": []}

    async def one(state: Collected) -> dict[str, list[int]]:
        return {"items": [1]}

    graph.add_node("start", start)
    graph.add_node("end", start)
    graph.add_edge(START, "start")
    for i in range(width):
        graph.add_node(f"w{i}", one)
        graph.add_edge("start", f"w{i}")
        graph.add_edge(f"w{i}", "end")
    graph.add_edge("end", END)
    return graph.compile(checkpointer=InMemorySaver())


async def measure(graph: Any, initial: dict[str, Any], steps: int, repeat: int) -> float:
    config = {"recursion_limit": steps + 10}
    for warm in range(2):
        await graph.ainvoke(initial, {**config, "configurable": {"thread_id": f"warm-{warm}"}})
    begin = time.perf_counter()
    for i in range(repeat):
        await graph.ainvoke(initial, {**config, "configurable": {"thread_id": str(i)}})
    return (time.perf_counter() - begin) / repeat / steps * 1e6


async def main(repeat: int) -> None:
    figures = {
        "linear 50": await measure(linear(50), {"n": 0}, 50, repeat),
        "loop 100": await measure(loop(100), {"n": 0}, 100, repeat),
        "fan 100": await measure(fan(100), {"items": []}, 102, repeat),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
