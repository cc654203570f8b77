"""Where faults are made: real workers over a real PostgreSQL and Redis, the runs they work on, and the oracle.

The oracle holds after every fault (faults.md, I1 to I6, as far as they concern runs):
I1 every run has come to its one end; I2 events are numbered without holes and each step's result is there once;
I3 a run's totals are the sums of its node runs; I4 what the events tell is what the rows say; I6 nothing holds a lease.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from redis import Redis

from tests.faults.starter import Starter
from tests.faults.tools import TRACE
from tests.servers import shared
from tests.servers.site import ROOT, Site

TERMINAL = ("completed", "failed", "cancelled")
Process = "subprocess.Popen[bytes]"


def wait_until(condition: Callable[[], bool], what: str, within_s: float = 120.0) -> None:
    """Looks again and again; processes cannot be waited for otherwise."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {within_s} s")
        time.sleep(0.05)


HEALTHY = {"RUN_LEASE_S": "60"}
"""For a worker that is not to lose its runs in the test, however busy the machine: the others' leases are short."""


@dataclass
class Field:
    """One site without its web process; what its workers leave in files lies in a folder of the test's own."""

    site: Site
    starter: Starter
    session: str = ""
    runs: list[str] = field(default_factory=list)
    other: str = ""
    """The run of a single tool that was started beside them."""
    singles: list[list[str]] = field(default_factory=list)
    """By what was asked for: runs of one node each, of several people."""
    folder: Path = field(init=False)
    environment: dict[str, str] = field(init=False)
    """What workers are started with."""
    _workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="field-", dir=self.site.var_dir))
        self.environment = self.site.environment | {
            "VAR_DIR": str(self.folder),
            TRACE: str(self.folder / "trace"),
        }

    def clear(self) -> None:
        """Leaves nothing to the next test: no worker, no message, no run that somebody would go on with."""
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.wait()
        with Redis.from_url(self.environment["BROKER_URL"]) as redis:
            redis.flushdb()
        with psycopg.connect(self.site.database_url, autocommit=True) as connection:
            connection.execute("DELETE FROM graphs_app_workerheartbeat")
            connection.execute(
                "UPDATE graphs_app_run SET status = 'cancelled', lease_owner = '', lease_until = NULL "
                "WHERE status <> ALL(%s)",
                (list(TERMINAL),),
            )

    # Making things happen --------------------------------------------------------------------------

    def worker(self, name: str, *, sweeps: bool = False, **more: str) -> "subprocess.Popen[bytes]":
        """Starts a worker; one that sweeps has the beat with it. More is for its environment, such as CRASH_AT."""
        command = [sys.executable, "-m", "tests.faults.worker", name, "agent_tasks,upkeep" if sweeps else "agent_tasks"]
        environment = self.environment | {"SERVES_PAGES": "no"} | more  # as the unit of a worker has it
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, *(["--beat"] if sweeps else [])],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._workers.append(process)
        self.site.processes.append(process)
        shared.watch_process(process.pid)
        return process

    def start(
        self,
        *,
        steps: int = 1,
        seconds: float = 0.0,
        runs: int = 1,
        times: int = 1,
        outside: bool = False,
        tool: str = "",
        state: dict[str, Any] | None = None,
        singles: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Starts runs, every other one in a new session, without waiting for them; the first is, if not outside."""
        started = self.starter.start(
            steps=steps,
            seconds=seconds,
            runs=runs,
            times=times,
            outside=outside,
            tool=tool,
            state=state,
            singles=singles,
        )
        self.session, self.runs, self.other = started["session"], started["runs"], started["other"]
        self.singles = started["singles"]

    def send(self, process: "subprocess.Popen[bytes]", what: signal.Signals) -> None:
        os.kill(process.pid, what)

    # Looking ---------------------------------------------------------------------------------------

    def rows(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.site.database_url, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(sql, arguments).fetchall()  # type: ignore[arg-type]

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.site.database_url, autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[arg-type]

    def run_rows(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM graphs_app_run WHERE id = ANY(%s::uuid[])", self.runs)

    def statuses(self, runs: Sequence[str]) -> Counter[str]:
        rows = self.rows("SELECT status FROM graphs_app_run WHERE id = ANY(%s::uuid[])", list(runs))
        return Counter(row["status"] for row in rows)

    def checkpoints(self) -> int:
        """How many steps are durable, of all runs."""
        return sum(row["checkpoints"] for row in self.run_rows())

    def wait_for_checkpoints(self, count: int) -> None:
        wait_until(lambda: self.checkpoints() >= count, f"checkpoint {count}")

    def wait_for_the_end(self, within_s: float = 150.0) -> None:
        wait_until(lambda: all(row["status"] in TERMINAL for row in self.run_rows()), "the end of all runs", within_s)

    def executions(self) -> Counter[str]:
        """How often each node run was executed, by the trace that its tool left."""
        trace = self.folder / "trace"
        lines = trace.read_text().splitlines() if trace.exists() else []
        return Counter(line.split()[1] for line in lines)

    # The oracle ------------------------------------------------------------------------------------

    def check(self, *, steps: int, crashes: int = 0) -> None:
        """Everything that must hold when all runs have completed after at most so many crashes."""
        events = self.rows("SELECT * FROM sessions_app_sessionevent WHERE session_id = %s ORDER BY seq", self.session)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        for run in self.run_rows():
            self._check_run(run, [event for event in events if event["run"] == run["id"]], steps)
        repeated = sum(times - 1 for times in self.executions().values())
        assert repeated <= crashes * len(self.runs), self.executions()

    def _check_run(self, run: dict[str, Any], events: list[dict[str, Any]], steps: int) -> None:
        assert (run["status"], run["error"]) == ("completed", None)
        assert (run["lease_owner"], run["lease_until"]) == ("", None)
        node_runs = self.rows("SELECT * FROM graphs_app_noderun WHERE run_id = %s ORDER BY activation", run["id"])
        assert [one["number"] for one in node_runs] == list(range(1, steps + 1))
        assert [one["writes"]["n"] for one in node_runs] == list(range(1, steps + 1))
        assert run["checkpoints"] == steps
        assert run["state"]["n"] == steps
        assert run["prompt_tokens"] == sum(one["prompt_tokens"] for one in node_runs)
        if run["session_id"] is None:
            assert events == []
        else:
            self._check_events(events, node_runs)

    def _check_events(self, events: list[dict[str, Any]], node_runs: list[dict[str, Any]]) -> None:
        ends = [event["type"] for event in events if event["type"] in ("run.completed", "run.failed", "run.cancelled")]
        assert ends == ["run.completed"]
        told = Counter(event["data"]["node_run"] for event in events if event["type"] == "node.completed")
        done = Counter(str(one["id"]) for one in node_runs)
        assert told == done, f"told too often: {told - done}; not told: {done - told}"
        assert [event["type"] for event in events].count("run.queued") == 1
        assert events[-1]["type"] == "run.completed"
