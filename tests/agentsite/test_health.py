"""Looking at what may hang: the answer comes in time, and what hangs is not asked a second time."""

import threading
import time

import pytest

from agentsite import health
from agentsite.health import Finding, Look


def test_what_hangs_is_told_in_time_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, asked = threading.Event(), []

    def hang() -> Finding:
        asked.append(1)
        answers.wait(60)
        return Finding("silent", True, 0.0, "at last")

    monkeypatch.setattr(health, "LOOKS", {"silent": Look(hang), "well": Look(lambda: Finding("well", True, 0.0, ""))})
    monkeypatch.setattr(health, "ANSWERS_WITHIN_S", 0.05)
    for _ in range(3):
        silent, well = health.findings()
        assert (silent.name, silent.ok, well.ok) == ("silent", False, True)
        assert "no answer" in silent.detail
    assert len(asked) == 1
    answers.set()
    deadline = time.monotonic() + 60
    while not health.findings()[0].ok:
        assert time.monotonic() < deadline
