"""What a hostile guest tries, each attack again and again until the time is over."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
from pycrdt import Doc, Text

from sessions_app.crdt import lib0
from sessions_app.realtime import yprotocol
from tests.faults.hostile.guest import Guest, Refused

Attack = Callable[[Guest], Awaitable[None]]
ATTACKS: dict[str, Attack] = {}


def attack(function: Attack) -> Attack:
    """Adds it to the list, under its name in words."""
    ATTACKS[function.__name__.replace("_", " ")] = function
    return function


HARD_TEXTS = (
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "configuration_manager_initialization_handler()",
    "a" * 5_000,
    "-".join(["ab"] * 2_000),
    " " * 50_000 + "x",
    "(" * 20_000,
    "`" * 9_999 + "\n" * 9_999,
    "\t\r\n" * 30_000,
    "<" * 30_000 + ">" * 30_000,
    "def f(" + "a, " * 20_000 + "):\n    pass\n",
    "x = " + "[" * 5_000 + "]" * 5_000,
    "\u202e\u200b" * 20_000,
    "a b " * 100_000,
)
"""What makes careless expressions and parsers slow; none is longer than a document may be."""


@attack
async def hard_texts(guest: Guest) -> None:
    """Texts that freeze whoever looks at them with a careless pattern."""
    await guest.come_in()
    for text in HARD_TEXTS:
        for language in ("text", "python"):
            session = await guest.session(text, language)
            body = {"intent": "refine_code", "instruction": "Refine it."}
            await guest.call("POST", f"/v1/sessions/{session}/requests", body)
            await guest.call("GET", f"/v1/sessions/{session}/document/blame")
            await guest.call("DELETE", f"/v1/sessions/{session}")
        await guest.call("POST", "/v1/runs", {"graph": "code_review", "initial_state": {"code": text}})


@attack
async def schemas(guest: Guest) -> None:
    """Schemas that fetch, turn in circles, or burn."""
    await guest.come_in()
    circle: dict[str, Any] = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    doubled: dict[str, Any] = {"type": "string"}
    for _ in range(24):
        doubled = {"anyOf": [doubled, doubled]} if len(json.dumps(doubled)) < 100_000 else doubled
    for schema in (
        {"$ref": f"http://{guest.host}:{guest.port}/api/health"},
        {"$ref": "file:///etc/passwd"},
        {"$dynamicRef": "http://127.0.0.1:1/"},
        {"$id": "http://127.0.0.1:1/", "$ref": "other"},
        circle,
        doubled,
        {"pattern": "^(a+)+$"},
        {"pattern": "(" * 5_000},
        {"pattern": "(a{1,1000}){1,1000}"},
        {"type": "array", "uniqueItems": True},
    ):
        node = {"node_id": "ask", "tool": "ask_human", "config": {"question": "?", "schema": schema, "write": "x"}}
        with suppress(Refused):
            run = await guest.run(await guest.graph([node]))
            await asyncio.sleep(0.5)
            found = await guest.call("GET", f"/v1/runs/{run['id']}")
            for question in (found or {}).get("interrupts", []):
                for value in ("a" * 29 + "!", [[n] for n in range(20_000)]):
                    body = {"interrupt": question["id"], "value": value}
                    await guest.call("POST", f"/v1/runs/{run['id']}/resume", body)


@attack
async def templates(guest: Guest) -> None:
    """Prompts that loop without end."""
    await guest.come_in()
    loops = "{% for a in text %}{% for b in text %}{% endfor %}{% endfor %}"
    for template in (loops, "{{ text.format }}", "{{ text * 1000000 }}", "{{ text|center(100000000) }}"):
        body = {"template": template, "inputs": {"text": "x" * 15_000}}
        await guest.call("POST", "/v1/prompts/refine_user/render", body)
        made = {"name": f"mine-{random.randrange(10**9)}", "text": template, "template": template}  # noqa: S311
        await guest.call("POST", "/v1/prompts", made)


@attack
async def sleepers(guest: Guest) -> None:
    """Runs that hold a place for as long as they may."""
    await guest.come_in()
    for seconds, timeout in ((604_800, 604_800), (80_000, 86_000), (3_000, 3_600)):
        with suppress(Refused):
            graph = await guest.graph([{"node_id": "s", "tool": "sleep", "config": {"seconds": seconds}}])
            for _ in range(10):
                await guest.run(graph, timeout_s=timeout, priority=9)


@attack
async def questions(guest: Guest) -> None:
    """Runs that wait for an answer that never comes."""
    await guest.come_in()
    graph = await guest.graph([{"node_id": "q", "tool": "ask_human", "config": {"question": "?", "write": "x"}}])
    for _ in range(20):
        await guest.run(graph, priority=9)


def _loop(tool: str, config: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    node = {"node_id": "again", "tool": tool, "config": config}
    count = {"node_id": "count", "tool": "compute", "config": {"set": {"n": "n + 1"}}}
    edges = [
        {"from_node": "again", "to_node": "count"},
        {"from_node": "count", "to_node": "again", "type": "conditional", "condition": "n < 1000000"},
    ]
    return [node, count], edges


@attack
async def endless_loops(guest: Guest) -> None:
    """Loops that fill memory and disk."""
    await guest.come_in()
    for durability in ("exit", "async", "sync"):
        for tool, config in (
            ("set_state", {"values": {"text": "y" * 200_000}}),
            ("emit", {"text": "word " * 180_000}),
            ("compute", {"set": {"text": "text + text"}}),
        ):
            with suppress(Refused):
                nodes, edges = _loop(tool, config)
                graph = await guest.graph(nodes, edges, max_iterations=1_000_000)
                run = await guest.run(graph, {"n": 0, "text": "z"}, durability=durability)
                await asyncio.sleep(2.0)
                await guest.call("GET", f"/v1/runs/{run['id']}/node-runs")
                await guest.call("GET", f"/v1/runs/{run['id']}/timeline")
                await guest.call("POST", f"/v1/runs/{run['id']}/cancel")


@attack
async def great_maps(guest: Guest) -> None:
    """One run that is ten thousand, each of them ten thousand more."""
    await guest.come_in()
    inner = await guest.graph([{"node_id": "s", "tool": "sleep", "config": {"seconds": 60}}])
    config = {"items": "items", "as": "item", "graph": inner, "collect": "item", "write": "out", "max_parallel": 10_000}
    outer = await guest.graph([{"node_id": "m", "tool": "map", "config": config}])
    await guest.run(outer, {"items": list(range(10_000))})
    deeper = await guest.graph([{"node_id": "m", "tool": "map", "config": config | {"graph": outer}}])
    await guest.run(deeper, {"items": list(range(500))})


@attack
async def hidden_bytes(guest: Guest) -> None:
    """Updates of a document that its text does not show."""
    await guest.come_in()
    session = await guest.session("abc")
    ticket = await guest.call("POST", "/v1/auth/ticket")
    if not ticket:
        raise Refused
    path = f"{guest.url}/ws/sessions/{session}/document/?agentsite=1&ticket={ticket['ticket']}"
    document: Doc[Any] = Doc()
    text = document.get("text", type=Text)
    text += "abc"
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with guest.http.ws_connect(path) as socket:
            for seq in range(60):
                before = document.get_state()
                text.format(0, 3, {f"k{seq}": "v" * 450_000})
                update = lib0.array(document.get_update(before))
                await socket.send_bytes(lib0.uint(yprotocol.NUMBERED_UPDATE) + lib0.uint(seq + 1) + update)
                with suppress(TimeoutError):
                    await socket.receive(timeout=0.2)
            guest.report.note(guest.attack, f"closed {socket.close_code}" if socket.closed else "open")
    await guest.call("GET", f"/v1/sessions/{session}/document")


@attack
async def long_documents(guest: Guest) -> None:
    """As much text as may be, changed altogether, compared and restored."""
    await guest.come_in()
    session = await guest.session()
    for letter in "abc":
        await guest.call("PUT", f"/v1/sessions/{session}/document", {"text": f"{letter}\n" * 480_000})
        await guest.call("POST", f"/v1/sessions/{session}/revisions", {"name": letter, "title": letter})
    for number in (1, 2, 3):
        await guest.call("GET", f"/v1/sessions/{session}/revisions/{number}/comparison")
    await guest.call("GET", f"/v1/sessions/{session}/document/blame")


@attack
async def passwords(guest: Guest) -> None:
    """Guesses, over both doors."""
    for number in range(40):
        await guest.call("POST", "/v1/auth/token", {"username": "admin", "password": f"guess {number}"})
        form = f"username=admin&password=guess{number}".encode()
        await guest.call("POST", "/admin/login/", raw=form, **{"Content-Type": "application/x-www-form-urlencoded"})


@attack
async def many_guests(guest: Guest) -> None:
    """A new person for each allowance."""
    for _ in range(30):
        await guest.call("POST", "/v1/auth/guest", {"name": "Another"})


@attack
async def many_things(guest: Guest) -> None:
    """As many sessions, graphs, invites, tickets and runs as there is time for."""
    await guest.come_in()
    node = {"node_id": "one", "tool": "compute", "config": {"set": {"n": "1"}}}
    for _ in range(30):
        with suppress(Refused):
            session = await guest.session("x" * 100_000)
            for _ in range(5):
                await guest.call("POST", f"/v1/sessions/{session}/invites", {"role": "editor"})
        with suppress(Refused):
            graph = await guest.graph([node])
            for _ in range(5):
                await guest.run(graph)
        await guest.call("POST", "/v1/agent/execute", {"task": "Write a sort function"})
        await guest.call("POST", "/v1/auth/ticket")


@attack
async def names(guest: Guest) -> None:
    """Who has an account here?"""
    await guest.come_in()
    session = await guest.session()
    for name in ("admin", "root", "boss", "nobody-at-all", "\u202enimda", "x" * 10_000):
        await guest.call("POST", f"/v1/sessions/{session}/members", {"user": name, "role": "editor"})


@attack
async def large_headers(guest: Guest) -> None:
    head = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    await guest.raw(head, *(b"X-Fill: " + b"x" * 1_000_000 + b"\r\n" for _ in range(20)), b"\r\n")
    await guest.raw(head + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\n")
    await guest.raw(b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await asyncio.sleep(0.5)


@attack
async def half_sent_bodies(guest: Guest) -> None:
    """Three hundred connections that never say their whole request."""
    head = (
        b"POST /v1/auth/guest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 900\r\n"
    )
    bodies = [guest.raw(head + b"\r\n", b'{"name"', hold_s=20) for _ in range(150)]
    heads = [guest.raw(head, b"X-A: b\r\n", pause_s=0.5, hold_s=20) for _ in range(150)]
    await asyncio.gather(*bodies, *heads)


@attack
async def odd_bodies(guest: Guest) -> None:
    """JSON that is not what it seems."""
    await guest.come_in()
    for body in (
        b'{"title": "a", "title": "b"}',
        b'{"title": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"title": ' + b"9" * 1_000_000 + b"}",
        b'{"title": 1e999999, "language": NaN}',
        b'{"title": "\\ud800"}',
        b'{"title": "\\u0000"}',
        b"\xff\xfe" * 1_000,
        b'"' * 1_000_000,
        b"",
        b"null",
        b"[]",
    ):
        for path in ("/v1/sessions", "/v1/runs", "/v1/graphs", "/v1/graphs/validate", "/v1/agent/execute"):
            await guest.call("POST", path, raw=body)


@attack
async def great_graphs(guest: Guest) -> None:
    """Graphs whose checking, drawing or redesigning costs the most."""
    await guest.come_in()
    count = 2_000
    nodes = [{"node_id": f"n{number}", "tool": "compute", "config": {"set": {"a": "1"}}} for number in range(count)]
    edges = [
        {"from_node": f"n{one}", "to_node": f"n{random.randrange(one + 1, count)}"}  # noqa: S311
        for one in range(count - 1)
        for _ in range(4)
    ]
    definition = {"v": 1, "name": "Great", "entry_node": "n0", "nodes": nodes, "edges": edges}
    for path in ("/v1/graphs/validate", "/v1/graphs/layout", "/v1/graphs/import", "/v1/graphs"):
        answer = await guest.call("POST", path, definition)
    if isinstance(answer, dict) and "slug" in answer:
        for path in ("layout", "export?format=png", "export?format=svg", "compare?from=1&to=1"):
            await guest.call("GET", f"/v1/graphs/{answer['slug']}/{path}")
        await guest.call("POST", f"/v1/graphs/{answer['slug']}/redesigns", {"instruction": "Faster"})


@attack
async def conditions(guest: Guest) -> None:
    """Expressions that are too much."""
    await guest.come_in()
    for expression in (
        "9 ** 9 ** 9",
        "1" + " + 1" * 50_000,
        "(" * 20_000 + "1" + ")" * 20_000,
        "'a' * 1000000000",
        "text * text",
        "().__class__",
        "len(text + text + text + text) > 1",
    ):
        node = {"node_id": "one", "tool": "compute", "config": {"set": {"n": expression}}}
        with suppress(Refused):
            await guest.run(await guest.graph([node]), {"text": "x" * 900_000})


@attack
async def sockets(guest: Guest) -> None:
    """Many sockets, floods of frames, and frames that are none."""
    await guest.come_in()
    session = await guest.session("abc")
    opened: list[aiohttp.ClientWebSocketResponse] = []
    for number in range(60):
        ticket = await guest.call("POST", "/v1/auth/ticket")
        if not ticket:
            break
        kind = "document/?agentsite=1" if number % 2 else "?after=0"
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            opened.append(
                await guest.http.ws_connect(f"{guest.url}/ws/sessions/{session}/{kind}&ticket={ticket['ticket']}")
            )
    for socket in opened:
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            for _ in range(200):
                await socket.send_str('{"type": "ping"}')
                await socket.send_bytes(bytes([1]) + b"\xff" * 2_000)
            await socket.send_bytes(b"\x00" * 3_000_000)
    for socket in opened:
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            await asyncio.wait_for(socket.close(), 2)
        guest.report.note(guest.attack, f"closed {socket.close_code}")


@attack
async def every_method(guest: Guest) -> None:
    """Every path with every method."""
    await guest.come_in()
    schema = await guest.call("GET", "/v1/schema?format=json")
    for path in list((schema or {}).get("paths", {}))[:60]:
        for method in ("OPTIONS", "HEAD", "TRACE", "PATCH", "DELETE"):
            await guest.call(method, path.replace("{", "0").replace("}", "0"))
