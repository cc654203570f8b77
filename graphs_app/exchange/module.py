"""A graph as a Python module that runs it with only the engine: `python review.py state.json`.

The definition stands in it as JSON text between two marks, so that importing it back reads that text and runs nothing.
"""

import json
from collections.abc import Mapping
from pprint import pformat
from typing import Any

from graphs_app.layout import texts

MARK = "# --- the graph, as JSON ---"
END = "# --- end of the graph ---"

MODULE = '''"""{title}: a graph that runs with only the engine of agentsite, without its site, database or workers.

    python this_file.py state.json        reads the initial state, writes the final one

Tools beyond the built-in ones come from plug-ins (the entry point group agentsite.tools), or are registered below.
"""

import asyncio
import json
import sys

from graphs_app.engine import builtin
from graphs_app.engine.memory import MemoryStore
from graphs_app.engine.registry import Registry, load_plugins

{mark}
DEFINITION = json.loads(
{text}
)
{end}


async def run(initial_state: dict) -> dict:
    """Runs the graph to its end and returns how it ended: status, state, error."""
    registry = Registry()
    builtin.add_to(registry)
    load_plugins(registry)
    store = MemoryStore(registry)
    store.save({slug!r}, DEFINITION)
    ended = (await store.start({slug!r}, initial_state)).ended
    return {{"status": ended.status, "state": ended.state, "error": ended.error}}


if __name__ == "__main__":
    source = open(sys.argv[1], encoding="utf-8") if len(sys.argv) > 1 else None
    ended = asyncio.run(run(json.load(source) if source else {{}}))
    print(json.dumps(ended, indent=2, ensure_ascii=False))
    sys.exit(0 if ended["status"] == "completed" else 1)
'''


def module_of(definition: Mapping[str, Any], slug: str) -> str:
    """The module's source."""
    text = json.dumps(definition, indent=1, ensure_ascii=True)
    title = texts.plain(str(definition.get("name") or "Graph")).replace("\\", "").replace('"', "'")
    literal = "\n".join(f"    {pformat(line + chr(10), width=10**6)}" for line in text.splitlines())
    return MODULE.format(title=title, slug=slug, mark=MARK, end=END, text=literal)
