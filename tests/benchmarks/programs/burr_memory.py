"""Burr in memory: linear 50. Prints µs a step as JSON."""

import asyncio
import json
import sys
import time
from itertools import pairwise
from typing import Any

from burr.core import Application, ApplicationBuilder, State, action


@action(reads=["n"], writes=["n"])
async def increment(state: State) -> State:
    return state.update(n=state["n"] + 1)


def linear(steps: int) -> Application[Any]:
    names = [f"n{i}" for i in range(steps)]
    return (
        ApplicationBuilder()
        .with_actions(**dict.fromkeys(names, increment))
        .with_transitions(*pairwise(names))
        .with_state(n=0)
        .with_entrypoint(names[0])
        .build()
    )


async def main(repeat: int) -> None:
    applications = [linear(50) for _ in range(repeat + 1)]
    await applications.pop().arun(halt_after=["n49"])
    begin = time.perf_counter()
    for application in applications:
        await application.arun(halt_after=["n49"])
    print(json.dumps({"linear 50": (time.perf_counter() - begin) / repeat / 50 * 1e6}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
