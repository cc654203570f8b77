"""What is measured: each suite's own program, its peers, units, and the servers they all use."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.servers import shared
from tests.servers.postgres import start_postgres
from tests.servers.redis_server import start_redis

PROGRAMS = "tests.benchmarks.programs"


@dataclass(frozen=True)
class Program:
    """A script that prints its figures as one line of JSON."""

    module: str
    arguments: tuple[str, ...] = ()
    peer: bool = False
    database: str = ""
    """postgres or sqlite: an empty one is made for every run, and DATABASE_URL names it."""
    cores: str = "0"
    with_server: bool = False
    """PostgreSQL works on the same cores; else it may use any."""
    timeout_s: float = 300


@dataclass(frozen=True)
class Suite:
    """Ours and its peers at the same work."""

    title: str
    unit: str
    ours: Program
    peers: Mapping[str, Program] = field(default_factory=dict)
    lower_is_better: bool = False
    units: Mapping[str, str] = field(default_factory=dict)
    """By figure, where it is not the suite's unit."""
    rounds: int | None = None
    needs: str = ""
    """A command without which the suite is left out, and says so."""


def ours(
    module: str,
    *arguments: str,
    database: str = "",
    cores: str = "0",
    with_server: bool = False,
    timeout_s: float = 300,
) -> Program:
    return Program(
        f"{PROGRAMS}.{module}",
        arguments,
        database=database,
        cores=cores,
        with_server=with_server,
        timeout_s=timeout_s,
    )


def peer(module: str, *arguments: str, database: str = "", with_server: bool = False) -> Program:
    return Program(module, arguments, peer=True, database=database, with_server=with_server)


def durable(title: str, database: str, steps: int, runs: int) -> Suite:
    """The same chain of nodes on our journal and on LangGraph's checkpointer, both with durability sync; all of it, the
    server too, on one core."""
    size = (str(steps), str(runs))
    return Suite(
        title=title,
        unit="steps/s",
        ours=ours("durable", *size, database=database, with_server=True),
        peers={"LangGraph": peer("langgraph_durable", *size, database=database, with_server=True)},
    )


def durable_long(database: str) -> Suite:
    """A run of 1,000 steps beside one of 50: what a step costs must not depend on how many went before it."""
    return Suite(
        title="durable, PostgreSQL, one run of 1,000 steps",
        unit="steps/s",
        ours=ours("durable", "1000", "1", database=database, with_server=True),
        peers={"one of 50 steps": ours("durable", "50", "1", database=database, with_server=True)},
    )


def together(rooms: int, people: int) -> Suite:
    """Real Yjs clients in a room, or in many; the peers store nothing."""
    size = (str(rooms), str(people))
    return Suite(
        title=f"editing together, {rooms} room(s) of {people}, 5 edits/s each",
        unit="ms",
        units={"delivered": "%", "CPU": "µs an edit"},
        lower_is_better=True,
        ours=ours("documents", "agentsite", *size, cores="0,1"),
        peers={name: ours("documents", name, *size, cores="0,1") for name in ("y-websocket", "hocuspocus")},
        needs="node",
    )


DOT = ("dot", "dot") if shutil.which("dot") else ("dot in WebAssembly", "dot-wasm")
"""Graphviz: its program where there is one, else the same compiled for Node.js."""


def opened(updates: int, *, rounds: int) -> Suite:
    """What the server does until a document with a long history can be shown."""
    return Suite(
        title=f"opening a document of {updates:,} updates, SQLite",
        unit="ms",
        lower_is_better=True,
        ours=ours("document_open", str(updates), database="sqlite"),
        rounds=rounds,
    )


def layout(nodes: int, *libraries: str) -> Suite:
    """Drawing a graph from nothing, and again with one node more; the others only from nothing."""
    peers = {name: ours("graph_layout_peers", name, str(nodes)) for name in libraries}
    peers[DOT[0]] = ours("graph_layout_peers", DOT[1], str(nodes))
    return Suite(
        title=f"layout of {nodes:,} nodes, 1.5 edges a node",
        unit="ms",
        units={"crossings": "", "overlaps": "", "nodes moved by it": ""},
        lower_is_better=True,
        ours=ours("graph_layout", str(nodes)),
        peers=peers,
        rounds=3,
        needs="node",
    )


SUITES = {
    "memory": Suite(
        title="in memory",
        unit="µs a step",
        lower_is_better=True,
        ours=ours("engine_memory"),
        peers={"LangGraph": peer("langgraph_memory"), "Burr": peer("burr_memory")},
    ),
    "durable-one": durable("durable, PostgreSQL, one run", "postgres", 200, 1),
    "durable-hundred": durable("durable, PostgreSQL, 100 runs", "postgres", 50, 100),
    "durable-long": durable_long("postgres"),
    "durable-sqlite": durable("durable, SQLite, one run", "sqlite", 200, 1),
    "model-calls": Suite(
        title="1,000 runs of five 1-second calls, PostgreSQL",
        unit="s",
        units={"processor": "s", "peak memory": "MB", "memory for the runs": "MB"},
        lower_is_better=True,
        ours=ours("model_calls", "1000", database="postgres"),
        rounds=3,
    ),
    "model-calls-10000": Suite(
        title="10,000 runs of five 1-second calls, PostgreSQL",
        unit="s",
        units={"processor": "s", "peak memory": "MB", "memory for the runs": "MB"},
        lower_is_better=True,
        ours=ours("model_calls", "10000", database="postgres"),
        rounds=1,
    ),
    "model-streams": Suite(
        title="streamed model calls, 1,000 at once, processor time",
        unit="ms",
        units={
            "own time of a token": "µs",
            "the bare client's of a token": "µs",
            "memory of a stream": "kB",
            "rendering a prompt": "µs",
            "templates at hand": "%",
        },
        lower_is_better=True,
        ours=ours("model_streams", "1000", database="sqlite", cores="0,1"),
        rounds=3,
    ),
    "celery-drain": Suite(
        title="runs of one node through Celery, Redis and PostgreSQL",
        unit="runs/s",
        ours=ours("celery_drain", "runs", "2000", database="postgres", cores="0,1"),
        peers={"bare Celery": ours("celery_drain", "bare", "2000", cores="0,1")},
        rounds=3,
    ),
    "request-embedded": Suite(
        title="POST request to node.started on the socket, embedded",
        unit="ms",
        lower_is_better=True,
        ours=ours("request_latency", "embedded", cores="0,1"),
    ),
    "request-scaled": Suite(
        title="POST request to node.started on the socket, Redis and PostgreSQL",
        unit="ms",
        lower_is_better=True,
        ours=ours("request_latency", "scaled", cores="0,1"),
    ),
    "together-one": together(1, 10),
    "together-twenty": together(20, 5),
    "document-open": opened(10_000, rounds=3),
    "document-open-long": opened(100_000, rounds=1),
    "diff": Suite(
        title="diff and hunks of 10,000 lines",
        unit="ms",
        lower_is_better=True,
        ours=ours("diff_lines", "10000"),
    ),
    "layout-hundred": layout(100, "dagre", "elkjs"),
    "layout-thousand": layout(1000, "elkjs"),  # dagre is not done with it in 40 s
    "canvas": Suite(
        title="graphs in the browser",
        unit="ms",
        lower_is_better=True,
        ours=ours("graph_canvas", cores="0,1"),
        rounds=3,
    ),
    "page": Suite(
        title="workspace",
        unit="ms",
        units={"JavaScript, gzipped": "kB"},
        lower_is_better=True,
        ours=ours("page_ready", cores="0,1"),
    ),
}


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """PostgreSQL and Redis for as long as the benchmarks run."""
    is_ours = shared.make_folder()
    with tempfile.TemporaryDirectory(prefix="agentsite-bench-") as folder:
        try:
            yield {"POSTGRES": start_postgres().url, "REDIS": start_redis().url, "FOLDER": folder}
        finally:
            if is_ours:
                shared.stop_all()
