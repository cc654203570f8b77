"""Types within types are bounded in depth before the library sees them: it deletes them by native recursion."""

import subprocess
import sys

import pytest

from sessions_app.crdt import inspection, lib0
from sessions_app.crdt.errors import BadUpdate
from sessions_app.crdt.kinds import GRAPH, TEXT
from sessions_app.crdt.nesting import MAX_NESTING, Levels, Place
from sessions_app.crdt.replica import Replica
from tests.sessions_app.crdt.nest import (
    ARRAY,
    MAP,
    WEAK_LINK,
    XML_ELEMENT,
    XML_FRAGMENT,
    XML_HOOK,
    XML_TEXT,
    deletion,
    nested,
)
from tests.sessions_app.crdt.nest import TEXT as TEXT_TYPE


def test_a_hundred_thousand_maps_within_each_other_do_not_end_the_process() -> None:
    command = [sys.executable, "-m", "tests.sessions_app.crdt.nest", "100000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.startswith(f"refused: types are nested more than {MAX_NESTING} deep\n")
    assert done.stdout.endswith("alive\n")


@pytest.mark.parametrize(
    "types", [(MAP,), (ARRAY,), (TEXT_TYPE,), (XML_ELEMENT,), (XML_FRAGMENT, XML_TEXT), (MAP, ARRAY)]
)
def test_types_of_any_sort_nest_up_to_the_bound_and_not_deeper(types: tuple[int, ...]) -> None:
    assert Replica(GRAPH).apply(nested(MAX_NESTING, types=types))
    with pytest.raises(BadUpdate, match="nested more than 16 deep"):
        Replica(GRAPH).apply(nested(MAX_NESTING + 1, types=types))


@pytest.mark.parametrize("of_type", [XML_HOOK, WEAK_LINK, 9, 15, 200])
def test_types_that_the_library_reads_otherwise_than_yjs_writes_are_refused(of_type: int) -> None:
    with pytest.raises(BadUpdate, match=f"a type of number {of_type}"):
        inspection.contents(nested(1, types=(of_type,)), GRAPH)


def test_a_text_takes_no_type_within_it_at_all() -> None:
    with pytest.raises(BadUpdate):
        inspection.contents(nested(1), TEXT)


def test_a_chain_of_many_small_updates_is_bounded_like_one_large_one() -> None:
    replica = Replica(GRAPH)
    for level in range(MAX_NESTING):
        assert replica.apply(nested(1, first=level))
    with pytest.raises(BadUpdate, match="nested more than 16 deep"):
        replica.apply(nested(1, first=MAX_NESTING))
    assert replica.apply(deletion())


def test_a_replica_built_from_a_state_knows_how_deep_it_is_already() -> None:
    made = Replica(GRAPH)
    made.apply(nested(MAX_NESTING))
    built = Replica.of(GRAPH, made.state())
    with pytest.raises(BadUpdate, match="nested more than 16 deep"):
        built.apply(nested(1, first=MAX_NESTING))
    with pytest.raises(BadUpdate, match="nested more than 16 deep"):
        Replica.of(GRAPH, nested(MAX_NESTING + 1))


def test_a_refused_update_leaves_nothing_behind_by_which_another_gets_through() -> None:
    """The same clocks come again, and lie elsewhere than the refused ones did."""
    replica = Replica(GRAPH)
    flat = [lib0.uint(it) for it in (1, 20, 5, 0)]
    flat += [b"\x27\x01" + lib0.text("nodes") + lib0.text(f"k{clock}") + b"\x01" for clock in range(19)]
    with pytest.raises(BadUpdate):
        replica.apply(b"".join([*flat, b"\x27\x00\x09\x63", lib0.text("k"), b"\x01\x00"]))  # its holder is nowhere
    with pytest.raises(BadUpdate, match="nested more than 16 deep"):
        replica.apply(nested(20))


def chain_by_two(levels: int) -> list[Place]:
    """Two clients by turns, each type in the other's last; the first client's structs all come first."""
    places = [
        Place(1 + n % 2, n // 2, n // 2 + 1, True, (1 + (n - 1) % 2, (n - 1) // 2) if n else None)
        for n in range(levels)
    ]
    return sorted(places, key=lambda place: place.client)


def test_holders_that_come_later_in_the_update_are_found() -> None:
    levels = Levels()
    with levels.learned(chain_by_two(MAX_NESTING)):
        pass
    with pytest.raises(BadUpdate, match="nested more than 16 deep"), Levels().learned(chain_by_two(MAX_NESTING + 1)):
        pass


def test_a_type_beside_another_lies_as_deep_as_that_one() -> None:
    """An item with neighbours names no holder: what is put over a key, or behind another in a list."""
    places = [Place(5, 0, 1, True)]
    for n in range(1, 40, 2):
        places += [Place(5, n, n + 1, False, (5, n - 1)), Place(5, n + 1, n + 2, True, None, ((5, n),))]
    with pytest.raises(BadUpdate, match="nested more than 16 deep"), Levels().learned(places):
        pass


def test_structs_that_build_on_each_other_in_a_circle_or_on_nothing_are_refused() -> None:
    circle = [Place(1, 0, 1, True, (2, 0)), Place(2, 0, 1, True, (1, 0))]
    with pytest.raises(BadUpdate, match="circle"), Levels().learned(circle):
        pass
    with pytest.raises(BadUpdate, match="not there"), Levels().learned([Place(1, 0, 1, True, (2, 0))]):
        pass
