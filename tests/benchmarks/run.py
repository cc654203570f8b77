"""Runs our programs and the peers' in turn on one pinned core, prints ratios, and writes them to docs/performance.md.

Usage: python -m tests.benchmarks.run [--rounds N] [--write] [NAME ...]
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import uuid
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.catalogue import SUITES, Program, Suite, servers
from tests.servers.postgres import create_database, drop_database

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = ROOT / "var" / "bench-venv"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures of make bench -->", "<!-- end of figures -->"


@dataclass
class Series:
    """One figure over the rounds: ours, and each peer's beside it."""

    ours: list[float] = field(default_factory=list)
    peers: dict[str, list[float]] = field(default_factory=dict)


def peers_python() -> Path:
    """The interpreter of the peers' environment; made when requirements changed."""
    requirements = HERE / "requirements.txt"
    stamp = PEERS / "installed.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        venv.create(PEERS, with_pip=True, clear=True)
        pip = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "-q", "-r", str(requirements)]
        subprocess.run(pip, check=True)
        stamp.write_text(requirements.read_text())
    return PEERS / "bin" / "python"


def command_of(program: Program) -> list[str]:
    """Ours runs as a module of this project; a peer as a script in its own environment."""
    if program.peer:
        return [str(peers_python()), str(HERE / "programs" / f"{program.module}.py")]
    return [sys.executable, "-m", program.module]


def pin(server_url: str, cores: set[int]) -> None:
    """Puts a PostgreSQL on cores: its processes, and with the first of them those that it starts from now on."""
    folder = Path(server_url.partition("host=")[2])
    first = (folder / "postmaster.pid").read_text().split()[0]
    others = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    for process in (first, *others):
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(int(process), cores)


def measure(program: Program, servers: dict[str, str]) -> dict[str, float]:
    """Runs one program once on its cores, with an empty database if it needs one; returns its figures."""
    name = uuid.uuid4().hex[:12]
    environment = {**os.environ, "VAR_DIR": f"{servers['FOLDER']}/{name}"}
    arguments = list(program.arguments)
    if program.database:
        is_sqlite = program.database == "sqlite"
        url = f"sqlite:///{servers['FOLDER']}/{name}.sqlite3" if is_sqlite else create_database(servers["POSTGRES"])
        environment["DATABASE_URL"] = url
        if program.peer:
            arguments.insert(0, url)
        if not is_sqlite:
            own = {int(core) for core in program.cores.split(",")}
            pin(servers["POSTGRES"], own if program.with_server else os.sched_getaffinity(0))
    done = subprocess.run(
        ["taskset", "-c", program.cores, *command_of(program), *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=program.timeout_s,
    )
    if program.database == "postgres":
        drop_database(servers["POSTGRES"], environment["DATABASE_URL"])
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def run_suite(suite: Suite, rounds: int, environment: dict[str, str]) -> dict[str, Series]:
    """Ours and the peers in turn, so that a drift of the machine's speed hits all of them."""
    found: dict[str, Series] = {}
    for _ in range(rounds):
        for figure, value in measure(suite.ours, environment).items():
            found.setdefault(figure, Series()).ours.append(value)
        for name, peer in suite.peers.items():
            for figure, value in measure(peer, environment).items():
                found.setdefault(figure, Series()).peers.setdefault(name, []).append(value)
    return found


def spread(values: Sequence[float]) -> str:
    """min / median / max, with as many digits as the size of the figure deserves."""
    numbers = (min(values), statistics.median(values), max(values))
    return " / ".join(f"{number:,.0f}" if number >= 100 else f"{number:.3g}" for number in numbers)


def rows(suite: Suite, found: dict[str, Series]) -> list[str]:
    """The suite as rows of a Markdown table: figure, unit, ours, peer, ratio."""
    lines = []
    for figure, series in found.items():
        if not series.ours:
            continue
        unit = suite.units.get(figure, suite.unit)
        if not series.peers:
            lines.append(f"| {suite.title}: {figure} | {unit} | {spread(series.ours)} | | |")
        for name, values in series.peers.items():
            better = [
                (theirs / ours if suite.lower_is_better else ours / theirs)
                for ours, theirs in zip(series.ours, values, strict=True)
            ]
            lines.append(
                f"| {suite.title}: {figure} | {unit} | {spread(series.ours)} | {name}: {spread(values)} "
                f"| {spread(better)} |"
            )
    return lines


def write_page(table: str) -> None:
    """Replaces what stands between the markers of docs/performance.md."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="suites to run; all when none is named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write the table to docs/performance.md")
    options = parser.parse_args()
    unknown = set(options.names) - SUITES.keys()
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    table = [
        "| work | unit | agentsite (min / median / max) | peer (min / median / max) | better by (min / median / max) |",
        "|---|---|---|---|---|",
    ]
    with servers() as environment:
        for name in options.names or SUITES:
            suite = SUITES[name]
            if suite.needs and shutil.which(suite.needs) is None:
                print(f"{suite.title}: left out, because there is no {suite.needs} here", file=sys.stderr)
                continue
            lines = rows(suite, run_suite(suite, suite.rounds or options.rounds, environment))
            print("\n".join(lines), flush=True)
            table += lines
    if options.write:
        write_page("\n".join(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
