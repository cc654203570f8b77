"""The same random graphs as graph_layout, laid out by a library of Node.js or by dot: how long, and how many crossings.

Nodes have the sizes that ours have. Prints JSON.
Usage: python -m tests.benchmarks.programs.graph_layout_peers dagre|elkjs|dot|dot-wasm NODES
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from filelock import FileLock

from graphs_app.layout import arrange
from tests.benchmarks.programs.graph_layout import ROUNDS, crossings, graphs, means

HERE = Path(__file__).resolve().parents[1] / "layouts"
PACKAGES = HERE.parents[2] / "var" / "bench-layouts"
ANSWERS_WITHIN_S = 240


def install() -> None:
    """Puts the libraries in place as their lock file names them, once for each lock."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    with FileLock(PACKAGES / ".install.lock"):
        lock = (HERE / "package-lock.json").read_text()
        stamp = PACKAGES / "installed.json"
        if not stamp.exists() or stamp.read_text() != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, PACKAGES / name)
            subprocess.run(["npm", "ci", "--silent"], cwd=PACKAGES, check=True, timeout=300)
            stamp.write_text(lock)
        shutil.copy(HERE / "layout.mjs", PACKAGES / "layout.mjs")


def drawn_by(library: str, definition: dict[str, Any]) -> dict[str, float]:
    sizes = [
        {"id": node["node_id"], "width": node["width"], "height": node["height"]}
        for node in arrange(definition)["nodes"]
    ]
    ends = [[edge["from_node"], edge["to_node"]] for edge in definition["edges"]]
    done = subprocess.run(
        ["node", "layout.mjs", library, str(ROUNDS)],
        cwd=PACKAGES,
        input=json.dumps({"nodes": sizes, "edges": ends}),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=ANSWERS_WITHIN_S,
    )
    drawn = json.loads(done.stdout)
    found = crossings({"edges": [{"points": points} for points in drawn["edges"]]})
    return {"layout": drawn["time"], "crossings": found}


def main(library: str, count: int) -> None:
    install()
    print(json.dumps(means([drawn_by(library, definition) for definition in graphs(count)])))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
