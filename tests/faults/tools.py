"""Tools that leave a trace outside the database, so that a test can count how often a node was really executed.

And one that takes its whole process with it.
"""

import os
import signal
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
