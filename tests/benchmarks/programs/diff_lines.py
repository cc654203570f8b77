"""Diff and hunks of a file with many lines that repeat, a hundred changes in it. Prints ms as JSON.

Usage: python -m tests.benchmarks.programs.diff_lines LINES
"""

import json
import random
import sys
import time

from refine_app.diffs.unified import make_diff

CHANGES = 100


def texts(lines: int) -> tuple[str, str]:
    chance = random.Random(7)  # noqa: S311 (a text, the same each time)
    words = [f"    value_{chance.randrange(400)} = compute({chance.randrange(50)})\n" for _ in range(lines)]
    changed = list(words)
    for _ in range(CHANGES):
        at = chance.randrange(len(changed))
        changed[at : at + chance.randrange(3)] = [f"    changed_{at}\n"] * chance.randrange(1, 4)
    return "".join(words), "".join(changed)


def main(lines: int) -> None:
    old, new = texts(lines)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        diff = make_diff(old, new)
        times.append((time.perf_counter() - begin) * 1000)
    if not diff.hunks:
        raise SystemExit("no hunks were found")
    print(json.dumps({"make_diff": sorted(times)[2]}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
