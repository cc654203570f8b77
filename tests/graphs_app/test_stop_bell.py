"""A process is told to stop at whatever line it is, also at one that holds a lock of Python's own."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

import pytest

from graphs_app import tasks, worker
from graphs_app.stop_bell import StopBell
from tests.graphs_app.cast import wait_until

WITHIN_S = 60


@pytest.fixture
def by_signal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Tells this process to stop as Celery does at SIGTERM."""
    monkeypatch.setattr(worker, "_bell", StopBell(worker.stop))
    before = signal.signal(signal.SIGUSR1, lambda number, frame: tasks.drain_on_shutdown())
    yield lambda: os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.timeout(WITHIN_S)
@pytest.mark.parametrize(
    "held",
    [
        pytest.param(lambda: worker._lock, id="of the worker"),
        pytest.param(lambda: worker._stopping, id="of its end"),
    ],
)
def test_a_signal_that_meets_a_held_lock_drains_the_worker(
    by_signal: Callable[[], None], transactional_db: None, held: Callable[[], AbstractContextManager[object]]
) -> None:
    here = worker.current()
    with held():
        by_signal()
        assert worker.is_ending()
        assert not here.takes_runs
    wait_until(here.loop.is_closed)
    worker.finish_stop()
    assert worker.known() is None


@pytest.mark.timeout(WITHIN_S)
def test_a_second_signal_may_come_at_any_line_of_the_first(
    by_signal: Callable[[], None], transactional_db: None
) -> None:
    here, lines = worker.current(), 0

    def signal_at(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        if event == "line":
            lines += 1
            by_signal()
            assert worker.is_ending() or lines  # a call, at which the interpreter looks for signals
        return signal_at

    before = sys.gettrace()
    sys.settrace(signal_at)
    try:
        tasks.drain_on_shutdown()
    finally:
        sys.settrace(before)
    assert lines > 3
    wait_until(here.loop.is_closed)


@pytest.mark.timeout(WITHIN_S)
def test_a_signal_before_the_first_run_is_not_lost(by_signal: Callable[[], None], transactional_db: None) -> None:
    by_signal()
    assert worker.is_ending()
    late = worker.current()  # by a task that had been fetched before
    wait_until(late.loop.is_closed)


@pytest.mark.timeout(WITHIN_S)
def test_who_waits_for_the_end_waits_for_what_a_signal_began(
    by_signal: Callable[[], None], transactional_db: None
) -> None:
    here = worker.current()
    by_signal()
    worker.finish_stop()
    wait_until(here.loop.is_closed)
    assert not here._thread.is_alive()


def test_a_bell_is_heard_once_however_often_it_is_rung() -> None:
    heard: list[int] = []
    bell = StopBell(lambda: heard.append(1))
    bell.ring()
    bell.ring()
    bell.listen()
    bell.listen()
    bell.ring()
    wait_until(lambda: bool(heard))
    assert heard == [1]
