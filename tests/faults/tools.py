"""Tools that leave a trace outside the database, so that a test can count how often a node was really executed.

And some that take their whole process with them: at once, or by keeping its event loop, or all of Python, for ever.
"""

import os
import re
import signal
import time
from collections.abc import Mapping
from typing import Any

from graphs_app.engine.registry import REGISTRY, ToolContext, register

TRACE = "FAULTS_TRACE"


def add() -> None:
    """Registers them; every process of a fault test does."""

    @register("record", description="Counts, takes its time, and leaves a line in a file.", registry=REGISTRY)
    async def record(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(context.config.get("seconds", 0.0))
        line = f"{context.run_id} {context.node_run_id} {context.attempt}\n".encode()
        trace = os.open(os.environ[TRACE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(trace, line)
        finally:
            os.close(trace)
        return {"n": state.get("n", 0) + 1}

    @register("die", description="Kills its worker, each time.", registry=REGISTRY)
    async def die(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    @register("block", description="Keeps its worker's event loop from working, each time.", registry=REGISTRY)
    async def block(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(0.3)  # until it is written down that it has begun
        time.sleep(3600)  # noqa: ASYNC251 -- it is what the test is about
        return {}

    @register("burn", description="Keeps the interpreter's lock, each time: no thread can work.", registry=REGISTRY)
    async def burn(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(0.3)
        re.match(r"(a+)+$", "a" * 60 + "b")
        return {}
