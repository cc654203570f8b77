"""LangGraph with durability sync: PostgreSQL or SQLite, one run and many at once. Prints steps a second as JSON.

Usage: langgraph_durable.py DATABASE_URL STEPS RUNS
"""

import asyncio
import json
import sys
import time
from typing import Any, TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool


class Counter(TypedDict):
    n: int


async def increment(state: Counter) -> dict[str, int]:
    return {"n": state["n"] + 1}


def linear(steps: int, saver: Any) -> Any:
    graph = StateGraph(Counter)
    for i in range(steps):
        graph.add_node(f"n{i}", increment)
    graph.add_edge(START, "n0")
    for i in range(steps - 1):
        graph.add_edge(f"n{i}", f"n{i + 1}")
    graph.add_edge(f"n{steps - 1}", END)
    return graph.compile(checkpointer=saver)


async def measure(saver: Any, steps: int, runs: int) -> float:
    await saver.setup()
    graph = linear(steps, saver)

    async def one(name: str) -> None:
        config = {"recursion_limit": steps + 10, "configurable": {"thread_id": name}}
        await graph.ainvoke({"n": 0}, config, durability="sync")

    await one(f"warm-{time.time()}")
    begin = time.perf_counter()
    await asyncio.gather(*(one(f"{begin}-{i}") for i in range(runs)))
    return steps * runs / (time.perf_counter() - begin)


async def main(url: str, steps: int, runs: int) -> None:
    if url.startswith("postgres"):
        options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        async with AsyncConnectionPool(url, min_size=4, max_size=20, kwargs=options) as pool:
            figure = await measure(AsyncPostgresSaver(pool), steps, runs)
    else:
        async with AsyncSqliteSaver.from_conn_string(url.removeprefix("sqlite:///")) as saver:
            figure = await measure(saver, steps, runs)
    print(json.dumps({"steps a second": figure}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
