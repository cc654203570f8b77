import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.realtime import protocol
from sessions_app.realtime.protocol import Allowance, Ping, TextSince, TextSoFar

NODE_RUN = UUID("0190c0de-0000-7000-8000-000000000000")
VALUES = st.one_of(st.none(), st.integers(max_value=-1), st.text(max_size=5), st.lists(st.integers(), max_size=2))
"""None of them is a node run's id, or an offset."""


def test_the_protocol_needs_neither_django_nor_celery() -> None:
    script = (
        "import sys; import sessions_app.realtime.protocol; "
        "assert not {'django', 'celery', 'channels'} & set(sys.modules), 'heavy'"
    )
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True)


def test_the_two_frames_of_a_client_are_read() -> None:
    assert protocol.parse('{"type": "ping"}') == Ping()
    asked = protocol.parse(f'{{"type": "text.since", "node_run": "{NODE_RUN}", "offset": 3}}')
    assert asked == TextSince(NODE_RUN, 3)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_anything_else_is_malformed_and_nothing_worse(frame: str | bytes) -> None:
    with pytest.raises(protocol.MalformedFrame):
        protocol.parse(frame)


@given(st.dictionaries(st.sampled_from(["type", "node_run", "offset", "x"]), VALUES, max_size=4))
def test_an_object_of_no_known_type_is_malformed(content: dict[str, object]) -> None:
    content["type"] = "text.since"
    with pytest.raises(protocol.MalformedFrame):
        protocol.parse(protocol.encode(content))


def test_the_answer_to_text_since_never_goes_back_before_what_was_asked() -> None:
    known = TextSoFar(run=NODE_RUN, node_id="n", attempt=1, text="héllo")
    data = protocol.text_delta(TextSince(NODE_RUN, 2), known, at="t")["data"]
    assert (data["offset"], data["text"]) == (2, "llo")
    beyond = protocol.text_delta(TextSince(NODE_RUN, 99), known, at="t")["data"]
    assert (beyond["offset"], beyond["text"]) == (5, "")


def test_an_allowance_gives_a_burst_and_then_a_rate() -> None:
    allowance = Allowance(burst=3, per_second=2)
    assert [allowance.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert allowance.take(10.5)
    assert not allowance.take(10.5)
    assert [allowance.take(100.0) for _ in range(4)] == [True, True, True, False]
