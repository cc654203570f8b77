"""Threads that people share: nobody has all of them, and who waits is served in turn."""

import threading
from concurrent.futures import Future

import pytest

from refine_app.tools.fair_threads import FairThreads

pytestmark = pytest.mark.once


class Work:
    """Work that lasts until it may end."""

    def __init__(self, threads: "FairThreads[str]", person: str) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.future: Future[str] = threads.submit(person, lambda: self._do(person))

    def _do(self, person: str) -> str:
        self.began.set()
        assert self.may_end.wait(30)
        return person

    def end(self) -> None:
        self.may_end.set()
        self.future.result(30)


def test_a_person_has_a_share_of_the_threads_and_others_find_one_free() -> None:
    threads: FairThreads[str] = FairThreads(threads=4, share=2, name="test")
    greedy = [Work(threads, "greedy") for _ in range(10)]
    other = Work(threads, "other")
    assert other.began.wait(30)
    assert [work.began.is_set() for work in greedy[2:]] == [False] * 8
    other.end()
    for work in greedy:
        work.end()
        assert work.future.result() == "greedy"


def test_who_waits_is_served_in_turn() -> None:
    threads: FairThreads[str] = FairThreads(threads=1, share=1, name="test")
    first = Work(threads, "a")
    assert first.began.wait(30)
    order: list[str] = []
    futures = [threads.submit(person, lambda person=person: order.append(person) or "") for person in "aaabbc"]  # type: ignore[misc]
    first.end()
    for future in futures:
        future.result(30)
    assert order == ["a", "b", "c", "a", "b", "a"]


def test_what_was_cancelled_while_it_waited_is_not_done_and_what_fails_says_so_where_it_is_awaited() -> None:
    threads: FairThreads[str] = FairThreads(threads=1, share=1, name="test")
    first = Work(threads, "a")
    assert first.began.wait(30)
    done: list[str] = []
    waiting = threads.submit("a", lambda: done.append("never") or "")  # type: ignore[func-returns-value]
    failing = threads.submit("b", lambda: str(1 // 0))
    assert waiting.cancel()
    first.end()
    with pytest.raises(ZeroDivisionError):
        failing.result(30)
    assert threads.submit("a", lambda: "still works").result(30) == "still works"
    assert done == []
