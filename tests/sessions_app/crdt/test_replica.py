"""Replicas: edits as the smallest change, resends that change nothing, and updates that break the library."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.crdt import edits, inspection
from sessions_app.crdt.errors import BadUpdate, MissingUpdates, Poisoned
from sessions_app.crdt.kinds import GRAPH, TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.services.documents import CLIENT_BITS
from tests.sessions_app.crdt.crash import BAD, FULL, KIND
from tests.sessions_app.crdt.mutate import misplaced

TEXTS = st.text(alphabet="ab \n\r\té😀", max_size=60)


def replica_with(text: str) -> Replica:
    replica = Replica(TEXT)
    replica.edit(edits.between("", text))
    return replica


@given(TEXTS, TEXTS)
def test_edits_lead_from_any_text_to_any_other(old: str, new: str) -> None:
    replica = replica_with(old)
    replica.edit(edits.between(old, new))
    assert replica.text() == new


@given(TEXTS, TEXTS)
def test_an_edit_as_an_update_leads_every_replica_to_the_same_text(old: str, new: str) -> None:
    first = replica_with(old)
    second = Replica.of(TEXT, first.state())
    update = first.edit(edits.between(old, new))
    if update != inspection.EMPTY:
        found = inspection.contents(update, TEXT)
        inspection.check_complete(found, second.known)
        second.apply(update, found)
    assert (second.text(), second.known) == (new, first.known)


def test_an_edit_touches_only_the_lines_that_differ() -> None:
    old = "".join(f"line {n}\n" for n in range(100))
    new = old.replace("line 10\n", "line ten\n").replace("line 90\n", "")
    assert [(edit.removed, edit.inserted) for edit in edits.between(old, new)] == [(2, "ten"), (8, "")]


@given(st.text(alphabet="a\n\r", max_size=30), st.text(alphabet="a\n\r", max_size=30))
def test_no_edit_begins_or_ends_inside_a_pair(old: str, new: str) -> None:
    moved = 0
    for edit in edits.between(old, new):
        inside = [(old, edit.at), (old, edit.at + edit.removed)]
        inside += [(new, edit.at + moved), (new, edit.at + moved + len(edit.inserted))]
        assert [text[max(0, at - 1) : at + 1] == "\r\n" for text, at in inside] == [False] * 4
        moved += len(edit.inserted) - edit.removed


@pytest.mark.parametrize("client", [1, 2**31])
@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        ("one\ntwo", "one\r\ntwo", "oneX\r\ntwo"),
        ("one\ntwo\n", "one\r\ntwo\r\n", "oneX\r\ntwo\r\n"),
        ("one\r\ntwo\r\n", "one\ntwo\n", "oneX\ntwo\n"),
        ("one\ntwo\r\n", "one\r\ntwo\n", "oneX\r\ntwo\n"),
    ],
)
def test_what_is_typed_at_a_lines_end_while_the_ends_change_stays_before_them(
    client: int, old: str, new: str, merged: str
) -> None:
    server = Replica(TEXT, client=2**20)
    server.edit(edits.between("", old))
    page = Replica.of(TEXT, server.state(), client=client)
    typed = page.edit([edits.Edit(3, 0, "X")])
    put = server.edit(edits.between(old, new))
    server.apply(typed)
    page.apply(put)
    assert server.text() == page.text() == merged


@pytest.mark.parametrize(
    ("old", "new", "at", "merged"),
    [
        ("one\ntwo\n", "one\r\ntwo\r\n", 4, "one\r\nXtwo\r\n"),
        ("one\ntwo\n", "one\r\ntwo\r\n", 6, "one\r\ntwXo\r\n"),
        ("one\ntwo\n", "one\r\ntwo\r\n", 8, "one\r\ntwo\r\nX"),
        ("a\n\nb", "a\r\n\r\nb", 2, "a\r\nX\r\nb"),
        ("a\rb\rc", "a\nb\nc", 2, "a\nXb\nc"),
        ("one\ntwo\n", "1 one\r\n2 two\r\n", 4, "1 one\r\n2 Xtwo\r\n"),
        ("one\ntwo\n", "ONE\nTWO\n", 4, "ONE\nXTWO\n"),
        ("one\ntwo\n", "one\nnew\ntwo\n", 4, "one\nnew\nXtwo\n"),
        ("one\ntwo\nend\n", "one\r\nend\r\n", 9, "one\r\neXnd\r\n"),
    ],
)
def test_what_is_typed_while_lines_change_stays_on_its_line(old: str, new: str, at: int, merged: str) -> None:
    server = Replica(TEXT, client=2**CLIENT_BITS - 1)
    server.edit(edits.between("", old))
    page = Replica.of(TEXT, server.state(), client=2**CLIENT_BITS)
    typed = page.edit([edits.Edit(at, 0, "X")])
    put = server.edit(edits.between(old, new))
    server.apply(typed)
    page.apply(put)
    assert server.text() == page.text() == merged


def test_a_long_text_whose_line_ends_all_change_takes_few_edits() -> None:
    old = "".join(f"line é{n}\n" for n in range(3 * edits.EDITS))
    new = old.replace("\n", "\r\n")
    found = edits.between(old, new)
    assert len(found) == edits.EDITS
    replica = replica_with(old)
    replica.edit(found)
    assert replica.text() == new


def test_an_update_that_comes_again_changes_nothing() -> None:
    replica = replica_with("one")
    other = Replica(TEXT)
    state = replica.state()
    assert other.apply(state)
    assert not other.apply(state)
    assert other.text() == "one"


def test_an_update_that_builds_on_a_missing_one_is_not_taken() -> None:
    replica = replica_with("one")
    second = replica.edit(edits.between("one", "one two"))
    with pytest.raises(MissingUpdates):
        inspection.check_complete(inspection.contents(second, TEXT), Replica(TEXT).known)


def test_an_update_of_another_root_is_refused() -> None:
    with pytest.raises(BadUpdate, match="no root 't'"):
        inspection.contents(FULL, TEXT)


def test_a_text_with_nul_is_refused() -> None:
    update = replica_with("a@b").state().replace(b"@", b"\x00")
    with pytest.raises(BadUpdate, match="NUL"):
        inspection.contents(update, TEXT)


def test_a_map_in_a_graph_is_taken_and_in_a_text_is_not() -> None:
    replica = Replica(GRAPH)
    root = replica._roots["nodes"]
    root["n1"] = {"tool": "emit", "x": 1.5, "tags": ["a", None, True, 7]}
    state = replica.state()
    assert Replica(GRAPH).apply(state)
    with pytest.raises(BadUpdate):
        inspection.contents(state, TEXT)


def test_the_update_that_breaks_the_library_is_refused_before_it_gets_there() -> None:
    with pytest.raises(BadUpdate, match="malformed"):
        inspection.contents(BAD, KIND)


def test_a_replica_that_panicked_is_never_used_again_and_the_process_lives() -> None:
    script = (
        "from tests.sessions_app.crdt.crash import *; from sessions_app.crdt.replica import Replica\n"
        "from sessions_app.crdt.errors import *; from sessions_app.crdt.edits import Edit\nimport gc\n"
        "for _ in range(20):\n"
        "    replica = Replica.of(KIND, FULL)\n"
        "    try:\n        replica._apply(BAD)\n        raise SystemExit(3)\n    except Poisoned:\n        pass\n"
        "    try:\n        replica.text()\n        raise SystemExit(4)\n    except Poisoned:\n        pass\n"
        "    del replica; gc.collect()\n"
        "    fresh = Replica.of(KIND, FULL); fresh.text(); fresh.edit([Edit(0, 0, 'x')])\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-2000:]


def test_twenty_thousand_mutated_updates_leave_the_process_and_the_document_whole() -> None:
    command = [sys.executable, "-m", "tests.sessions_app.crdt.mutate", "7", "20000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes = json.loads(done.stdout)
    assert sum(outcomes.values()) == 20_000
    assert outcomes.get("poisoned", 0) == 0
    assert outcomes["bad_update"] > 10_000
    # An item whose right neighbour lies left of its left one is taken, and lies elsewhere after the next opening. No
    # editor makes one; compaction finds it, and begins the history anew.
    assert outcomes.get("out_of_order", 0) < 20


def test_an_item_with_the_same_neighbour_on_both_sides_is_refused() -> None:
    base = Replica(TEXT, client=5)
    base.edit(edits.between("", "one"))
    with pytest.raises(BadUpdate, match="same neighbour"):
        inspection.contents(misplaced(7, left=(5, 1), right=(5, 1)), TEXT)


def test_two_clients_that_build_on_each_other_in_a_circle_are_refused() -> None:
    """Each item of the one names an item of the other as its origin, so neither can ever be placed."""
    circle = bytes.fromhex("0201010084020001610102008401000162") + b"\x00"
    replica = Replica(TEXT)
    found = inspection.contents(circle, TEXT)
    inspection.check_complete(found, replica.known)
    with pytest.raises(Poisoned):
        replica.apply(circle, found)
