"""Runs every attack for a time, beside a colleague, and says whether the site bore it."""

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psycopg

from tests.faults.hostile import frame_attacks, more_attacks
from tests.faults.hostile.attacks import ATTACKS, Attack
from tests.faults.hostile.guest import ADDRESS, PATIENCE_S, Guest, Refused, Report
from tests.servers import site
from tests.servers.site import ROOT, Site

assert more_attacks  # it adds to the list
assert frame_attacks

P95_MS = 300.0
MEMORY_MB = 400.0
DISK_MB = 300.0
PATIENT_KINDS = ("refinement finished", "run finished")
"""What takes as long as it takes; the colleague itself says when that is too long."""


@dataclass
class Outcome:
    """What was seen."""

    p95_ms: dict[str, float] = field(default_factory=dict)
    worst_ms: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    disk_mb: float = 0.0
    faults: list[str] = field(default_factory=list)
    report: Report = field(default_factory=Report)

    @property
    def violations(self) -> list[str]:
        """Every bound that did not hold."""
        slow = [f"{kind}: p95 {ms:.0f} ms" for kind, ms in self.p95_ms.items() if ms > P95_MS]
        fat = [f"{name}: {mb:.0f} MB of memory" for name, mb in self.memory_mb.items() if mb > MEMORY_MB]
        full = [f"{self.disk_mb:.0f} MB more on disk"] if self.disk_mb > DISK_MB else []
        return slow + fat + full + self.faults + self.report.faults


async def attack_for(seconds: float, place: Site, report: Report) -> None:
    """Every attack in a task of its own, begun again whenever it ends."""
    ends_at = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for name, function in ATTACKS.items():
            group.create_task(_again_and_again(name, function, place, report, ends_at))


async def _again_and_again(name: str, function: Attack, place: Site, report: Report, ends_at: float) -> None:
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    while (left_s := ends_at - time.monotonic()) > 0:
        connector = aiohttp.TCPConnector(local_addr=(ADDRESS, 0), limit=200)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
            guest = Guest(name, "127.0.0.1", place.port, report, http)
            try:
                async with asyncio.timeout(left_s):
                    await function(guest)
            except (Refused, TimeoutError):
                report.note(name, "turned away")
        await asyncio.sleep(0.3)


async def colleague_for(seconds: float, place: Site, outcome: Outcome) -> None:
    """Runs the colleague, who looks on from a process of their own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.hostile.colleague", place.url, str(seconds)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    told = json.loads((await process.communicate())[0])
    outcome.faults += [f"the colleague: {fault}" for fault in told["faults"]]
    for kind, times in told["times"].items():
        times.sort()
        outcome.worst_ms[kind] = times[-1]
        if kind not in PATIENT_KINDS:
            outcome.p95_ms[kind] = times[min(int(len(times) * 0.95), len(times) - 1)]


def peak_memory_mb(pid: int) -> float:
    """A process's largest memory so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def disk_mb(place: Site) -> float:
    """What the site's data take."""
    files = sum(path.stat().st_size for path in place.var_dir.rglob("*") if path.is_file() and path.suffix != ".log")
    if place.scaled:
        with psycopg.connect(place.database_url) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            files += row[0] if row else 0
    return files / 1e6


async def play(place: Site, seconds: float) -> Outcome:
    """The guest and the colleague at once; the site must be there, and be started already."""
    outcome = Outcome()
    before = disk_mb(place)
    await asyncio.gather(attack_for(seconds, place, outcome.report), colleague_for(seconds, place, outcome))
    named = {"web": place.web, "worker": place.worker, "upkeep": place.upkeep}
    for name, process in named.items():
        if process is None:
            continue
        if process.poll() is not None:
            outcome.faults.append(f"{name} ended with {process.returncode}")
        else:
            outcome.memory_mb[name] = peak_memory_mb(process.pid)
    outcome.disk_mb = disk_mb(place) - before
    return outcome


def show(outcome: Outcome) -> None:
    """The outcome as lines."""
    lines = [f"{'colleague':24} {'p95 ms':>8} {'worst ms':>9}"]
    for kind, worst in sorted(outcome.worst_ms.items()):
        p95 = f"{outcome.p95_ms[kind]:8.0f}" if kind in outcome.p95_ms else " " * 8
        lines.append(f"{kind:24} {p95} {worst:9.0f}")
    lines += [f"memory of {name}: {mb:.0f} MB" for name, mb in outcome.memory_mb.items()]
    lines.append(f"disk: {outcome.disk_mb:.0f} MB more")
    lines += [f"  {count:6} {what}" for what, count in sorted(outcome.report.statuses.items())]
    lines += [
        f"  {took:6.1f} s the slowest of: {name}" for name, took in sorted(outcome.report.slowest.items()) if took > 2
    ]
    lines += [f"VIOLATION {fault[:400]}" for fault in outcome.violations[:60]] or ["Everything held."]
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("form", choices=("embedded", "scaled"))
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--only", action="append", help="the name of an attack; all when left out")
    options = parser.parse_args()
    for name in set(ATTACKS) - set(options.only or ATTACKS):
        del ATTACKS[name]
    os.chdir(ROOT)
    with site.alone(scaled=options.form == "scaled", limits={}) as place:
        outcome = asyncio.run(play(place, options.seconds))
        show(outcome)
        if outcome.violations:
            sys.stdout.write(place.tell()[-6000:] + "\n")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
