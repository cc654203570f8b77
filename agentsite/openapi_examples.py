"""A body that works, for each operation that people begin with."""

from typing import Any

GRAPH: dict[str, Any] = {
    "v": 1,
    "name": "Greeting",
    "entry_node": "greet",
    "nodes": [{"node_id": "greet", "tool": "emit", "config": {"text": "Hello"}}],
    "edges": [],
}
INSTRUCTION = "Give every function type hints"

EXAMPLES: dict[str, dict[str, Any]] = {
    "/v1/auth/guest": {"name": "Ada"},
    "/v1/sessions": {"title": "A parser", "language": "python", "text": "def parse(line):\n    return line.split()\n"},
    "/v1/sessions/{session_id}/members": {"user": "ben", "role": "editor"},
    "/v1/sessions/{session_id}/invites": {"role": "viewer", "expires_in_s": 86400, "max_uses": 10},
    "/v1/sessions/{session_id}/document": {"text": "print('hello')\n", "revision": 1},
    "/v1/sessions/{session_id}/revisions": {"name": "Before the rewrite"},
    "/v1/sessions/{session_id}/requests": {"intent": "auto", "instruction": INSTRUCTION},
    "/v1/sessions/{session_id}/estimate": {"intent": "refine_code", "instruction": INSTRUCTION},
    "/v1/graphs": GRAPH,
    "/v1/graphs/validate": GRAPH,
    "/v1/graphs/{key}/versions": GRAPH,
    "/v1/graphs/{key}/draft": {"definition": GRAPH},
    "/v1/graphs/layout": {"definition": GRAPH},
    "/graphs/create": GRAPH,
    "/v1/runs": {"graph": "code_review", "initial_state": {"code": "def add(a, b):\n    return a+b\n"}},
    "/executions/run": {"graph_id": "code_review", "initial_state": {"code": "def add(a, b):\n    return a+b\n"}},
    "/v1/agent/execute": {"task": "Explain what a semaphore is"},
    "/runs": {"query": "Write a function that reverses a linked list"},
    "/v1/prompts": {"name": "greeting", "description": "How the site says hello"},
    "/v1/prompts/{name}/versions": {
        "content": "Say hello to {{ who }}.", "variables": {"who": {"type": "string"}}, "bump": "minor",
    },
    "/v1/prompts/{name}/render": {"content": "Hello {{ who }}", "values": {"who": "Ada"}},
}  # fmt: skip
