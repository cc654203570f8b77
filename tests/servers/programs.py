"""Programs that one test starts: none outlives it, also when it fails before it has seen their end.

What was left running would be told as a ResourceWarning of whichever test runs when its object is collected.
"""

import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

_started: "list[subprocess.Popen[str]]" = []


def start(command: Sequence[str], **options: Any) -> "subprocess.Popen[str]":
    process = subprocess.Popen(command, text=True, **options)
    _started.append(process)
    return process


@pytest.fixture(autouse=True)
def _no_program_outlives_its_test() -> Iterator[None]:
    yield
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()
