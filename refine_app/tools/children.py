"""Programs that look at people's code: in a child process with limits, an empty environment and nothing but stdin."""

import asyncio
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruff import find_ruff_bin  # type: ignore[import-untyped]  # the package has no types

from refine_app.diffs.errors import excerpt
from refine_app.tools.errors import AnalysisSkipped
from refine_app.tools.fair_threads import FairThreads
from sessions_app import behalf

RUFF: str = find_ruff_bin()
LAUNCHER = Path(__file__).with_name("launcher.py")
ROOT = Path(__file__).resolve().parents[2]
# Children use whole cores: more at once than this only makes all of them late.
_THREADS: FairThreads["Output"] = FairThreads(threads=4, share=2, name="analysis")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use."""

    wall_s: float = 10.0
    cpu_s: int = 8
    memory: int = 512 * 1024 * 1024
    output: int = 8 * 1024 * 1024


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Output:
    """What a child left."""

    code: int
    stdout: bytes
    stderr: bytes


async def run_child(command: Sequence[str], stdin: bytes, *, limits: Limits = LIMITS) -> Output:
    """Runs a program on stdin. Raises AnalysisSkipped if it goes over a limit. Cancelling kills it."""
    child = _Child()
    work = functools.partial(_run, child, list(command), stdin, limits)
    try:
        return await asyncio.wrap_future(_THREADS.submit(behalf.person(), work))
    except asyncio.CancelledError:
        child.kill()
        raise


async def run_module(module: str, task: bytes, *, limits: Limits = LIMITS) -> Any:
    """What main() of one of our own modules makes of a task, both JSON. Raises AnalysisSkipped."""
    start = f"import sys; sys.path.insert(0, sys.argv[1]); from {module} import main; main()"
    output = await run_child([sys.executable, "-I", "-c", start, str(ROOT)], task, limits=limits)
    if output.code:
        raise AnalysisSkipped(_reason(output.stderr, limits))
    try:
        return await asyncio.to_thread(json.loads, output.stdout)
    except ValueError as error:
        raise AnalysisSkipped("its report could not be read") from error


def _reason(stderr: bytes, limits: Limits) -> str:
    if b"MemoryError" in stderr:
        return f"it took more than {limits.memory // 2**20} MB"
    last = stderr.decode("utf-8", "replace").strip().split("\n")[-1]
    return excerpt(last, 120) or "the parser failed without a word"


class _Child:
    """A process that may be killed before, while or after it runs."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.killed = False

    def kill(self) -> None:
        self.killed = True
        if self.process is not None and self.process.poll() is None:
            self.process.kill()


def _run(child: _Child, command: list[str], stdin: bytes, limits: Limits) -> Output:
    with (
        tempfile.TemporaryDirectory(prefix="analysis-") as directory,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin)
        given.seek(0)
        if child.killed:
            raise AnalysisSkipped("cancelled")
        process = subprocess.Popen(  # noqa: S603 - the command is ours; people's code is only ever its stdin
            [sys.executable, "-I", str(LAUNCHER), *_as_arguments(limits), *command],
            stdin=given,
            stdout=out,
            stderr=err,
            cwd=directory,
            env=_environment(directory),
            start_new_session=True,
        )
        child.process = process
        if child.killed:
            process.kill()
        code = process.wait()
        out.seek(0)
        err.seek(0)
        output = Output(code, out.read(limits.output), err.read(100_000))
    if len(output.stdout) >= limits.output:
        # Python turns the signal of this limit into an error of its own, so it is seen here.
        raise AnalysisSkipped(f"it wrote more than {limits.output} bytes")
    _raise_for_limits(output, command, limits)
    return output


def _as_arguments(limits: Limits) -> list[str]:
    return [str(limits.wall_s), str(limits.cpu_s), str(limits.memory), str(limits.output)]


def _environment(home: str) -> dict[str, str]:
    """Nothing of ours: no secret can leak into a report, no configuration of a person's can change one."""
    return {
        "PATH": os.defpath,
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "RAYON_NUM_THREADS": "1",
        "NO_COLOR": "1",
    }


def _raise_for_limits(output: Output, command: Sequence[str], limits: Limits) -> None:
    if output.code >= 0:
        return
    program = Path(command[0]).name
    reasons = {
        signal.SIGALRM: f"it took longer than {limits.wall_s:g} s",
        signal.SIGXCPU: f"it took longer than {limits.cpu_s} s of processor time",
    }
    reason = reasons.get(signal.Signals(-output.code), f"{program} was ended by signal {-output.code}")
    if b"memory" in output.stderr.lower():
        reason = f"it took more than {limits.memory // 2**20} MB"
    detail = excerpt(output.stderr.decode("utf-8", "replace"), 120) if reason.startswith(program) else ""
    raise AnalysisSkipped(f"{reason}{': ' + detail if detail else ''}")
