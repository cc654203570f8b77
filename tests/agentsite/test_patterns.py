"""Every regular expression of the product takes time in proportion to the text, whatever the text is.

A pattern that is added is measured too, without being named here.
"""

import re
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.urls import URLResolver, get_resolver

from agentsite.sockets import sockets
from tests.agentsite import patterns
from tests.agentsite.patterns import NotFound, Pattern

LENGTH = 16_000
"""Characters. One that grows with the square takes a hundred million steps by then."""
CPU_S = 0.02
"""What a text of that length may take of the processor; a pattern that grows linearly takes a tenth of it at most."""


class Burned(Exception):
    """Raised when a pattern has taken its time."""


def of_urls(entries: Sequence[Any], where: str) -> Iterator[Pattern]:
    for entry in entries:
        regex = entry.pattern.regex.pattern
        yield Pattern(f"{where}: {entry.pattern}", regex, entry.pattern.regex.flags & ~re.UNICODE)
        if isinstance(entry, URLResolver):
            yield from of_urls(entry.url_patterns, f"{where}/{entry.pattern}")


PATTERNS = sorted(
    {
        *patterns.in_python(patterns.modules()),
        *patterns.in_javascript(patterns.scripts()),
        *of_urls(get_resolver().url_patterns, "urls"),
        *of_urls(sockets.routes, "sockets"),
    }
)


def seconds(compiled: re.Pattern[str], use: str, text: str) -> float:
    """The processor's time of one use. Python's engine looks at signals, so a timer ends it."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Burned

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, 4 * CPU_S)
    began = time.thread_time()
    try:
        if use in ("match", "fullmatch"):
            getattr(compiled, use)(text)
        else:
            for _ in compiled.finditer(text):
                pass
        return time.thread_time() - began
    except Burned:
        return 4 * CPU_S
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def slow_texts(pattern: Pattern) -> Iterator[str]:
    """Descriptions of texts for which the pattern takes too long."""
    compiled = re.compile(pattern.text, pattern.flags)
    for begin, piece, end in patterns.attacks(pattern):
        text = begin + piece * (LENGTH // len(piece)) + end
        for use in pattern.uses:
            # A measurement that is disturbed is not disturbed three times.
            if all(seconds(compiled, use, text) > CPU_S for _ in range(3)):
                yield f"{use} on {begin!r} + {piece!r} * {LENGTH // len(piece)} + {end!r}"


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.where)
def test_a_pattern_takes_time_in_proportion_to_the_text(pattern: Pattern) -> None:
    slow = next(slow_texts(pattern), None)
    assert slow is None, f"{pattern.where} {pattern.text!r} takes more than {CPU_S} s: {slow}"


def test_the_patterns_of_the_product_are_found() -> None:
    found = {pattern.where.partition(":")[0] for pattern in PATTERNS}
    assert {"refine_app/safety/redaction.py", "graphs_app/engine/tokens.py", "static/js/refine/hunk.js"} <= found
    assert len(PATTERNS) > 150


@pytest.mark.parametrize(
    "text",
    [
        r"^\s*([.#]?[\w-]+(\s*[,>+~:]?\s*[.#]?[\w-]+)* \{$|[a-z-]+: [^;{]+;$|@media )",
        r"^(a+)+$",
        r"(a|aa)+$",
        r"\s+$",
        r"<a[^>]*href=",
        r"x.*y.*z",
        r"BEGIN.{0,20000}?END",
    ],
)
def test_a_pattern_that_burns_is_seen(text: str) -> None:
    assert next(slow_texts(Pattern("here", text)), None) is not None


def test_a_pattern_that_is_made_while_the_program_runs_is_refused(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("import re\ndef f(words):\n    return re.compile('|'.join(words))\n")
    with pytest.raises(NotFound, match=r"module\.py:3"):
        patterns.in_python([module])
