"""The supervisor of `manage.py serve` as a process, over children that die in every way."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.field import wait_until
from tests.servers import programs
from tests.servers.site import ROOT

PARENT = "import sys; from agentsite import supervisor; sys.exit(supervisor.supervise(sys.argv[1:]))"
CHILD = """
import os, signal, sys, time
from pathlib import Path
from agentsite import supervisor
log, restarts = Path(sys.argv[1]), sys.argv[2] == "restarts"
with log.open("a") as file:
    file.write(f"{os.getpid()}\\n")
life = len(log.read_text().split())
"""


def start(tmp_path: Path, then: str, *, restarts: str = "restarts") -> "subprocess.Popen[str]":
    """A supervisor of a child that logs its lives, and then does this."""
    program = tmp_path / "child.py"
    program.write_text(CHILD + then)
    command = [sys.executable, "-c", PARENT, sys.executable, str(program), str(tmp_path / "lives"), restarts]
    return programs.start(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)


def ended(parent: "subprocess.Popen[str]") -> int:
    parent.communicate(timeout=60)
    return parent.returncode


def lives(tmp_path: Path) -> list[int]:
    log = tmp_path / "lives"
    return [int(pid) for pid in log.read_text().split()] if log.exists() else []


@pytest.mark.parametrize("code", [0, 1, 7])
def test_a_child_that_never_answered_is_not_started_again(tmp_path: Path, code: int) -> None:
    assert ended(start(tmp_path, f"sys.exit({code})")) == code
    assert len(lives(tmp_path)) == 1


def test_a_child_that_died_after_it_had_answered_is_started_again(tmp_path: Path) -> None:
    parent = start(
        tmp_path,
        "supervisor.say_ready(restarts=restarts)\n"
        "if life == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "if life == 2: sys.exit(70)\n"
        "sys.exit(0)\n",
    )
    _, said = parent.communicate(timeout=60)
    assert (parent.returncode, len(lives(tmp_path))) == (0, 3)
    assert "ended by SIGKILL" in said
    assert "ended with status 70" in said


def test_where_restarts_are_off_in_the_settings_it_stays_dead(tmp_path: Path) -> None:
    then = "supervisor.say_ready(restarts=restarts)\nos.kill(os.getpid(), signal.SIGKILL)"
    assert ended(start(tmp_path, then, restarts="off")) == 128 + signal.SIGKILL
    assert len(lives(tmp_path)) == 1


def test_a_child_that_does_not_come_up_again_is_given_up(tmp_path: Path) -> None:
    then = "if life == 1: supervisor.say_ready(restarts=restarts)\nsys.exit(3)"
    assert ended(start(tmp_path, then)) == 3
    assert len(lives(tmp_path)) == 6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_child_once_and_end_both(tmp_path: Path, number: signal.Signals) -> None:
    then = (
        "seen = []\n"
        "for one in (signal.SIGTERM, signal.SIGINT): signal.signal(one, lambda number, frame: seen.append(number))\n"
        "supervisor.say_ready(restarts=restarts)\n"
        "Path(sys.argv[1] + '.ready').touch()\n"
        "while not seen: time.sleep(0.01)\n"
        "time.sleep(0.2)\n"
        "sys.exit(0 if len(seen) == 1 else 9)\n"
    )
    parent = start(tmp_path, then)
    wait_until((tmp_path / "lives.ready").exists, "the child's answer", within_s=30)
    parent.send_signal(number)
    assert ended(parent) == 0
    assert len(lives(tmp_path)) == 1


def test_the_child_ends_with_its_supervisor(tmp_path: Path) -> None:
    parent = start(tmp_path, "supervisor.say_ready(restarts=restarts)\ntime.sleep(600)")
    wait_until(lambda: bool(lives(tmp_path)), "the child", within_s=30)
    child = Path(f"/proc/{lives(tmp_path)[0]}")
    time.sleep(0.1)
    parent.kill()
    parent.communicate(timeout=30)
    wait_until(lambda: not child.exists() or "(zombie)" in (child / "status").read_text(), "its end", within_s=30)
