"""Feeds mutated updates to replicas as a room would; run in a child process, because the library could take it down.

python -m tests.sessions_app.crdt.mutate SEED COUNT prints how many were refused, taken, and taken without any change.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from sessions_app.crdt import inspection, lib0
from sessions_app.crdt.edits import Edit
from sessions_app.crdt.errors import Poisoned, UpdateError
from sessions_app.crdt.replica import Replica
from tests.sessions_app.crdt.crash import KIND

UPDATES = [bytes.fromhex(it) for it in json.loads(Path(__file__).with_name("crash.json").read_text())["valid_updates"]]


def mutated(update: bytes, chance: random.Random) -> bytes:
    """A few bytes of it changed, added or cut away."""
    out = bytearray(update)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(out)) if out else 0
        match chance.randrange(4):
            case 0:
                out[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                out[at : at + 1] = bytes([(out[at] if out else 0) ^ (1 << chance.randrange(8))])
            case 2:
                del out[at:]
            case _:
                out[at:at] = chance.randbytes(chance.randint(1, 5))
    return bytes(out)


def misplaced(client: int, *, left: tuple[int, int], right: tuple[int, int]) -> bytes:
    """An X between two items that may lie in any order: what no editor makes."""
    place = b"".join(map(lib0.uint, (*left, *right)))
    return lib0.uint(1) * 2 + lib0.uint(client) + b"\x00\xc4" + place + lib0.text("X") + b"\x00"


def offer(base: Sequence[bytes], known: Mapping[int, int], update: bytes) -> str:
    """What became of an update; whatever did, the replica can be read and written, and has nothing left over."""
    try:
        found = inspection.contents(update, KIND)
        inspection.check_complete(found, known)
    except UpdateError as error:  # before any replica has seen it
        return error.code
    replica = Replica.of(KIND, None, base)
    before = replica.text()
    try:
        changed = replica.apply(update, found)
    except Poisoned:
        return "poisoned"
    except UpdateError as error:
        assert replica.text() == before
        return error.code
    assert replica.known == inspection.state_vector(replica.state_vector())
    replica.edit([Edit(0, 0, "x")])
    if Replica.of(KIND, replica.state()).text() != replica.text():
        return "out_of_order"
    return "changed" if changed else "known"


def main(seed: int, count: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # repeatable, on purpose
    outcomes: Counter[str] = Counter()
    known = [Replica.of(KIND, None, UPDATES[:at]).known for at in range(len(UPDATES))]
    for _ in range(count):
        at = chance.randrange(1, len(UPDATES))
        outcomes[offer(UPDATES[:at], known[at], mutated(UPDATES[at], chance))] += 1
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
