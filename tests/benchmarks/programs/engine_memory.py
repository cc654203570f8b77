"""Our engine in memory at the peers' three shapes, and at 1,000 steps. Prints µs a step as JSON."""

import asyncio
import json
import sys
from statistics import mean

from tests.benchmarks.engine_in_memory import fan, linear, loop, measure

SHAPES = {
    "linear 50": (linear(50), 50),
    "loop 100": (loop(100), 100),
    "fan 100": (fan(100), 102),
    "linear 1,000": (linear(1000), 1000),
}


async def main(repeat: int) -> None:
    figures = {}
    for name, (definition, steps) in SHAPES.items():
        passed, _ = await measure(definition, steps, repeat + 2)
        figures[name] = mean(passed[2:])
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
