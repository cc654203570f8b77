"""What did not answer is left alone for a while, then asked by one caller at a time until it answers."""

from dataclasses import dataclass

import pytest
from pytest_django import Settings

from agentsite.outage import Outage


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(settings: Settings) -> Clock:
    settings.DEPENDENCY_RETRY_S = 2.0
    return Clock()


def test_everybody_asks_what_answers(clock: Clock) -> None:
    outage = Outage(clock)
    assert all(outage.may_ask(1.0) for _ in range(10))
    assert not outage.ends()


def test_one_caller_asks_what_does_not_answer_and_only_after_a_while(clock: Clock) -> None:
    outage = Outage(clock)
    assert [outage.begins(), outage.begins()] == [True, False]
    assert not outage.may_ask(1.0)
    clock.now += 2.0
    assert [outage.may_ask(1.0) for _ in range(5)] == [True, False, False, False, False]
    outage.begins()
    clock.now += 1.9
    assert not outage.may_ask(1.0)
    clock.now += 0.1
    assert outage.may_ask(1.0)
    assert [outage.ends(), outage.ends()] == [True, False]
    assert all(outage.may_ask(1.0) for _ in range(5))


def test_a_caller_that_never_comes_back_with_an_answer_makes_place_for_another(clock: Clock) -> None:
    outage = Outage(clock)
    outage.begins()
    clock.now += 2.0
    assert outage.may_ask(1.0)
    clock.now += 2.9
    assert not outage.may_ask(1.0)
    clock.now += 0.1
    assert outage.may_ask(1.0)
