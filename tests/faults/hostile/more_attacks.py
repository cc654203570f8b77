"""More of what a hostile guest tries: what does not read its answers, what is nested, and what nobody shows."""

import asyncio
import json
import random
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import aiohttp
from pycrdt import Array, Doc, Map, Text, XmlFragment

from sessions_app.crdt import lib0
from sessions_app.realtime import yprotocol
from tests.faults.hostile.attacks import attack
from tests.faults.hostile.guest import ADDRESS, Guest, Refused


@asynccontextmanager
async def document_socket(guest: Guest, session: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A socket on a session's document; whatever it ends by is the site's to choose."""
    ticket = await guest.call("POST", "/v1/auth/ticket")
    if not ticket:
        raise Refused
    path = f"{guest.url}/ws/sessions/{session}/document/?agentsite=1&ticket={ticket['ticket']}"
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with guest.http.ws_connect(path, autoping=False) as socket:
            yield socket
            guest.report.note(guest.attack, f"closed {socket.close_code}" if socket.closed else "open")


def chain(depth: int, keyword: str) -> dict[str, Any]:
    """A schema in a schema in a schema, each applied to the same value."""
    schema: dict[str, Any] = {"type": "object"}
    for number in range(depth):
        schema = {
            "dependentSchemas": {"dependentSchemas": {f"k{number}": schema}, "k": {"not": schema}},
            "if": {"if": schema, "then": {"required": [f"k{number}"]}, "else": schema},
            "unevaluatedProperties": {"allOf": [schema, schema], "unevaluatedProperties": False},
            "unevaluatedItems": {"prefixItems": [schema], "contains": schema, "unevaluatedItems": schema},
            "propertyNames": {"propertyNames": {"not": schema}, "additionalProperties": schema},
        }[keyword]
    return schema


@attack
async def chains_of_schemas(guest: Guest) -> None:
    """Schemas that look at one value again and again, and steps that nothing is a multiple of."""
    await guest.come_in()
    many = {f"k{number}": {"k": [[]] * 50} for number in range(2_000)}
    hard: list[tuple[Any, Any]] = [
        (chain(depth, keyword), many)
        for keyword in ("dependentSchemas", "if", "unevaluatedProperties", "unevaluatedItems", "propertyNames")
        for depth in (4, 9)  # each is in itself twice
    ]
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    hard += [
        ({"type": "array", "uniqueItems": True}, [deep, deep]),
        ({"multipleOf": 0}, 1),
        ({"multipleOf": 1e-320}, 1e308),
        ({"enum": [deep]}, deep),
        ({"$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}, "items": {"$ref": "#/$defs/a"}}, [1]),
        ({"contains": {"contains": {"contains": {}}}, "maxContains": 0}, [[[0] * 100] * 100] * 10),
    ]
    for schema, value in hard:
        node = {"node_id": "ask", "tool": "ask_human", "config": {"question": "?", "schema": schema, "write": "x"}}
        with suppress(Refused):
            run = await guest.run(await guest.graph([node]))
            await asyncio.sleep(0.3)
            found = await guest.call("GET", f"/v1/runs/{run['id']}")
            for question in (found or {}).get("interrupts", []):
                body = {"interrupt": question["id"], "value": value}
                await guest.call("POST", f"/v1/runs/{run['id']}/resume", body)


@attack
async def filters(guest: Guest) -> None:
    """Filters of templates with arguments that are too much, and templates that are nested too deeply."""
    await guest.come_in()
    for template in (
        "{{ text|indent(1000000000) }}",
        "{{ text|wordwrap(1) }}",
        "{{ text|batch(1)|list|length }}{{ text|slice(100000000)|list }}",
        "{{ '%999999999d'|format(1) }}",
        "{{ text|truncate(1000000000)|center(999999999) }}",
        "{{ text|replace('x', text)|replace('x', text) }}",
        "{{ range(100000000)|list }}",
        "{{ (text|list)|tojson(1000000) }}",
        "{{ text|urlize(1000000)|striptags }}",
        "{{ [text]*100000000 }}",
        "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}",
        "{{ " + "not " * 5_000 + "1 }}",
        "{% if 1 %}" * 800 + "{% endif %}" * 800,
        "{{ text" + "|upper" * 3_000 + " }}",
        "{{ 1" + " + 1" * 5_000 + " }}",
        "{% set a = text %}" * 3_000,
    ):
        body = {"template": template, "inputs": {"text": "x" * 15_000}}
        await guest.call("POST", "/v1/prompts/refine_user/render", body)
        node = {"node_id": "p", "tool": "agent", "config": {"prompt": template, "template": template, "write": "x"}}
        await guest.call("POST", "/v1/graphs/validate", _graph_of([node]))


def _graph_of(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"v": 1, "name": "Mine", "entry_node": nodes[0]["node_id"], "nodes": nodes, "edges": []}


@attack
async def other_roots(guest: Guest) -> None:
    """Updates into what a document holds beside its text, and into other documents within it."""
    await guest.come_in()
    session = await guest.session("abc")
    for kind in (Map, Array, XmlFragment, Text):
        document: Doc[Any] = Doc()
        root: Any = document.get("elsewhere", type=kind)
        with document.transaction():
            if kind is Map:
                root.update({f"k{number}": "v" * 1_000 for number in range(300)})
            elif kind is Array:
                root.extend(["v" * 1_000] * 300)
            elif kind is Text:
                root += "v" * 300_000
            else:
                root.children.append("v" * 300_000)
        async with document_socket(guest, session) as socket:
            await socket.send_bytes(yprotocol.update(document.get_update()))
            await socket.send_bytes(lib0.uint(yprotocol.NUMBERED_UPDATE) + b"\x01" + lib0.array(document.get_update()))
            with suppress(TimeoutError):
                await socket.receive(timeout=1)
    await guest.call("GET", f"/v1/sessions/{session}/document")


@attack
async def crowds_of_cursors(guest: Guest) -> None:
    """Awareness without end: many clients, large states, states that are none."""
    await guest.come_in()
    session = await guest.session("abc")
    async with document_socket(guest, session) as socket:
        for turn in range(400):
            states = [(turn * 100 + client, turn, json.dumps({"cursor": "x" * 2_000})) for client in range(100)]
            body = lib0.uint(len(states)) + b"".join(
                lib0.uint(client) + lib0.uint(clock) + lib0.text(state) for client, clock, state in states
            )
            await socket.send_bytes(yprotocol.presence(body))
            await socket.send_bytes(b"\x03")
        await socket.send_bytes(yprotocol.presence(lib0.uint(2**30)))
        await socket.send_bytes(b"\x00\x00" + lib0.array(lib0.uint(100_000) + b"\x01\x01" * 100_000))
        with suppress(TimeoutError):
            await socket.receive(timeout=1)


@attack
async def nested_bodies(guest: Guest) -> None:
    """JSON within JSON, at every depth at which a parser, a copy or a judge may give up."""
    await guest.come_in()
    for depth in (50, 90, 120, 240, 480, 900, 1_500, 20_000):
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            deep = f"{opening * depth}1{closing * depth}".encode()
            node = b'{"node_id": "a", "tool": "set_state", "config": {"values": {"a": %b}}}' % deep
            for path, body in (
                ("/v1/graphs/validate", b'{"v": 1, "name": "a", "entry_node": "a", "nodes": [%b], "edges": []}' % node),
                ("/v1/graphs", b'{"v": 1, "name": "a", "entry_node": "a", "nodes": [%b], "edges": []}' % node),
                ("/v1/runs", b'{"graph": "code_review", "initial_state": {"code": "x", "a": %b}}' % deep),
                ("/v1/agent/execute", b'{"task": "x", "context": %b}' % deep),
            ):
                await guest.call("POST", path, raw=body)


@attack
async def many_sockets(guest: Guest) -> None:
    """As many open sockets as one person gets, on many documents."""
    await guest.come_in()
    opened: list[aiohttp.ClientWebSocketResponse] = []
    for _ in range(8):
        with suppress(Refused):
            session = await guest.session("x" * 100_000)
            for _ in range(20):
                ticket = await guest.call("POST", "/v1/auth/ticket")
                if not ticket:
                    break
                path = f"{guest.url}/ws/sessions/{session}/document/?ticket={ticket['ticket']}"
                with suppress(aiohttp.ClientError, OSError, TimeoutError):
                    opened.append(await guest.http.ws_connect(path))
    guest.report.note(guest.attack, f"{len(opened) // 20 * 20}+ open")
    await asyncio.sleep(2)
    for socket in opened:
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            await asyncio.wait_for(socket.close(), 1)


def _narrow(guest: Guest) -> sockets.socket:
    """A connection that takes very little before it is read."""
    narrow = sockets.socket()
    narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    narrow.settimeout(5)
    narrow.bind((ADDRESS, 0))
    narrow.connect((guest.host, guest.port))
    return narrow


@attack
async def slow_readers(guest: Guest) -> None:
    """Answers and frames that are asked for and not read."""
    await guest.come_in()
    session = await guest.session("y" * 900_000)
    held: list[sockets.socket] = []
    bearer = f"Host: {guest.host}:{guest.port}\r\nAuthorization: Bearer {guest.token}\r\n"
    for number in range(60):
        with suppress(OSError):
            narrow = await asyncio.to_thread(_narrow, guest)
            held.append(narrow)
            if number % 2:
                asked = f"GET /v1/sessions/{session}/document HTTP/1.1\r\n{bearer}\r\n" * 5
            else:
                ticket = await guest.call("POST", "/v1/auth/ticket")
                asked = (
                    f"GET /ws/sessions/{session}/document/?ticket={(ticket or {}).get('ticket', '')} HTTP/1.1\r\n"
                    f"Host: {guest.host}:{guest.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )
            await asyncio.to_thread(narrow.sendall, asked.encode())
            if not number % 2:  # "what do you have?", again and again: a frame of a megabyte each
                await asyncio.sleep(0.05)
                question = bytes([0x82, 0x84, 0, 0, 0, 0]) + b"\x00\x00\x01\x00"
                with suppress(OSError):
                    await asyncio.to_thread(narrow.sendall, question * 50)
    for letter in "abc":
        await guest.call("PUT", f"/v1/sessions/{session}/document", {"text": letter * 900_000})
    guest.report.note(guest.attack, f"{len(held)} held")
    await asyncio.sleep(3)
    for narrow in held:
        narrow.close()


@attack
async def long_addresses(guest: Guest) -> None:
    """Queries of thousands of fields, and addresses just below their bound."""
    await guest.come_in()
    for query in (
        "&".join(f"a{number}=1" for number in range(1_500)),
        "a=1&" * 1_900,
        "after=" + "9" * 7_000,
        "page_size=" + "9" * 4_000,
        "status=" + "%F0%9F%98%80" * 600,
        "q=" + "%00" * 2_000,
    ):
        for path in ("/v1/sessions", "/v1/runs", "/v1/graphs", "/graphs/", "/", "/v1/schema"):
            await guest.call("GET", f"{path}?{query}"[:7_900])
    await guest.call("GET", "/v1/sessions/" + "a/" * 3_900)
    await guest.call("GET", "/" + "%2e%2e/" * 1_100)


@attack
async def crowded_forms(guest: Guest) -> None:
    """Forms of ten thousand files, fields and lines of head."""
    await guest.come_in()
    mark = "xx"
    file = f'--{mark}\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nx\r\n'
    field = f'--{mark}\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n'
    head = f'--{mark}\r\nContent-Disposition: form-data; name="f"\r\n{"X: y" + chr(13) + chr(10)}\r\n'
    bodies = {
        f"multipart/form-data; boundary={mark}": (file * 10_000, field * 10_000, head * 5_000, f"--{mark}" * 100_000),
        "application/x-www-form-urlencoded": ("a=1&" * 200_000, "a" * 1_900_000, "%" * 500_000),
    }
    for kind, texts in bodies.items():
        for text in texts:
            for path in ("/v1/auth/guest", "/v1/graphs/import", "/start/", "/admin/login/"):
                await guest.call("POST", path, raw=text.encode(), **{"Content-Type": kind})


@attack
async def heavy_checks_from_many_addresses(guest: Guest) -> None:
    """As many graphs to check, as large as they may be, as several addresses can send at once."""
    nodes = [{"node_id": f"n{number}", "tool": "set_state"} for number in range(8_000)]
    edges = [
        {"from_node": f"n{number % 8_000}", "to_node": f"n{(number * 7 + 1) % 8_000}", "type": "conditional",
         "condition": "a > 1"}
        for number in range(16_000)
    ]  # fmt: skip
    definition = {"v": 1, "name": "Large", "entry_node": "n0", "nodes": nodes, "edges": edges}
    body = json.dumps(definition, separators=(",", ":")).encode()
    layout = json.dumps({"definition": {**definition, "edges": edges[:4_000]}}, separators=(",", ":")).encode()

    async def from_address(address: str) -> None:
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        async with aiohttp.ClientSession(connector=connector, timeout=guest.http.timeout) as http:
            other = replace(guest, http=http)
            await other.come_in()
            await asyncio.gather(
                *(other.call("POST", "/v1/graphs/validate", raw=body) for _ in range(4)),
                *(other.call("POST", "/v1/graphs/layout", raw=layout) for _ in range(2)),
            )

    await asyncio.gather(*(from_address(f"127.0.1.{number}") for number in range(1, 7)), return_exceptions=True)


def alike(seed: int, lines: int, width: int) -> list[str]:
    """Lines of the same few letters, which only the dearest comparison tells apart."""
    chance = random.Random(seed)  # noqa: S311 - the same lines each time
    return ["".join(chance.choices("abcdefgh", k=width)) for _ in range(lines)]


@attack
async def texts_that_compare_long(guest: Guest) -> None:
    """Nodes that check a text against one that differs everywhere and is much the same everywhere."""
    await guest.come_in()
    nodes = [{"node_id": f"check{number}", "tool": "validate_code"} for number in range(4)]
    edges = [{"from_node": "begin", "to_node": node["node_id"]} for node in nodes]
    graph = await guest.graph([{"node_id": "begin", "tool": "emit", "config": {"text": "go"}}, *nodes], edges)
    pairs = [
        ["\n".join(alike(turn, 140, 80)) for turn in (1, 2)],
        [
            "\n".join(f"def f{turn}{at}():\n    {line}" for at, line in enumerate(alike(turn, 190, 3_800)))
            for turn in (1, 2)
        ],
    ]
    for old, new in pairs:
        for language in ("python", "text", "yaml"):
            state = {"code": old, "new_text": new, "language": language}
            await guest.call("POST", "/v1/runs", {"graph": graph, "initial_state": state})
