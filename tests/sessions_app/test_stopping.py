"""Signals on small programs that are busy in the ways that lose a KeyboardInterrupt."""

import signal
import subprocess
import sys

import pytest

from tests.servers import programs
from tests.servers.site import ROOT

PROGRAM = """
import signal, socket, sqlite3, sys, time
from sessions_app import stopping
stopping.install()
def ready():
    print("ready", flush=True)
"""
SWALLOWS = """
class Busy:
    def __del__(self):
        ready()
        time.sleep(600)
Busy()
time.sleep(600)
"""
HANDLES_ANOTHER = """
try:
    raise KeyboardInterrupt
except KeyboardInterrupt:
    ready()
    time.sleep(600)
"""
CATCHES_ALL = """
ready()
while True:
    try:
        time.sleep(600)
    except BaseException:
        pass
"""
IN_COMPILED_CODE = """
import threading
first, second = sqlite3.connect(sys.argv[1], isolation_level=None), sqlite3.connect(sys.argv[1], timeout=600)
first.execute("BEGIN EXCLUSIVE")
ready()
second.execute("CREATE TABLE waits (x)")
"""
IN_A_CALLBACK_OF_COMPILED_CODE = """
database = sqlite3.connect(":memory:")
def slow():
    ready()
    time.sleep(600)
database.create_function("slow", 0, slow)
try:
    database.execute("SELECT slow()")
except sqlite3.OperationalError:
    sys.exit(2)
"""
WAITS_FOR_A_THREAD = """
import threading
thread = threading.Thread(target=time.sleep, args=(600,), daemon=True)
thread.start()
ready()
thread.join()
"""
IN_A_LOOP = """
import asyncio
async def main():
    asyncio.get_running_loop().call_soon(lambda: (ready(), time.sleep(600)))
    await asyncio.sleep(600)
asyncio.run(main())
"""
BUSY = {
    "a finalizer": SWALLOWS,
    "another KeyboardInterrupt": HANDLES_ANOTHER,
    "what catches everything": CATCHES_ALL,
    "compiled code": IN_COMPILED_CODE,
    "a callback of compiled code": IN_A_CALLBACK_OF_COMPILED_CODE,
    "a wait for a thread": WAITS_FOR_A_THREAD,
    "a callback of a loop": IN_A_LOOP,
}


def started(then: str, *arguments: str) -> "subprocess.Popen[str]":
    process = programs.start(
        [sys.executable, "-c", PROGRAM + then, *arguments],
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, told = process.communicate(timeout=60)
    return process.returncode, told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("then", BUSY.values(), ids=BUSY.keys())
def test_a_signal_ends_a_process_that_is_in(then: str, number: signal.Signals, tmp_path: object) -> None:
    process = started(then, f"{tmp_path}/busy.sqlite3")
    process.send_signal(number)
    assert ended(process) == (128 + number, "Stopped.\n")


def test_who_has_something_to_put_away_is_told_and_ends_by_itself() -> None:
    process = started(
        "with stopping.tidily() as stop:\n"
        "    ready()\n"
        "    stop.wait(600)\n"
        "    sys.stderr.write('put away')\n"
        "stopping.end_if_told()\n"
    )
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (143, "put away")


@pytest.mark.parametrize("count", [2, 3])
def test_further_signals_end_who_does_not_come_to_an_end(count: int) -> None:
    process = started(
        "with stopping.tidily() as stop:\n"
        "    ready()\n"
        "    while True:\n"
        "        stop.wait(600)\n"
        "        print('told', flush=True)\n"
        "        time.sleep(600)\n"
    )
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "told\n"
    for _ in range(count - 1):
        process.send_signal(signal.SIGINT)
    assert ended(process) == (130, "Stopped.\n")


def test_what_cannot_be_undone_is_brought_to_its_end() -> None:
    process = started(
        "with stopping.tidily() as stop:\n"
        "    assert stop.pass_no_return()\n"
        "    ready()\n"
        "    stop.wait(0.5)\n"
        "    sys.stderr.write('written')\n"
        "stopping.end_if_told()\n"
    )
    process.send_signal(signal.SIGINT)
    assert ended(process) == (0, "written")


def test_a_process_in_the_background_goes_on_ignoring_ctrl_c() -> None:
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + PROGRAM + "ready()\nsys.stdin.read(1)\n"
    process = programs.start(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    process.communicate("x", timeout=60)
    assert process.returncode == 0
