import threading
from concurrent.futures import CancelledError
from datetime import UTC, datetime

import pytest

from graphs_app.ending import Ending
from graphs_app.engine.checkpoint import RunEnded

ENDED = RunEnded("completed", {"n": 1}, datetime(2026, 1, 1, tzinfo=UTC))


def test_whoever_waits_is_told_by_the_thread_that_ends_it() -> None:
    ending = Ending()
    found: list[RunEnded | None] = []
    waiting = threading.Thread(target=lambda: found.append(ending.result(60)))
    waiting.start()
    assert not ending.done()
    ending.settle(ENDED)
    waiting.join(60)
    assert found == [ENDED]
    assert ending.result() is ENDED


def test_callbacks_are_called_once_also_when_they_come_late() -> None:
    ending, told = Ending(), []
    ending.add_done_callback(lambda one: told.append(("early", one.done())))
    ending.settle(None)
    ending.add_done_callback(lambda one: told.append(("late", one.done())))
    assert told == [("early", True), ("late", True)]


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    ending = Ending()
    ending.settle(None, ValueError("broken"))
    assert isinstance(ending.exception(), ValueError)
    with pytest.raises(ValueError, match="broken"):
        ending.result()


def test_a_run_that_was_handed_back_has_no_result() -> None:
    ending = Ending()
    ending.cancel()
    assert ending.cancelled()
    with pytest.raises(CancelledError):
        ending.result()


def test_waiting_ends_with_its_time() -> None:
    assert not Ending().wait(0)
    with pytest.raises(TimeoutError):
        Ending().result(0)
