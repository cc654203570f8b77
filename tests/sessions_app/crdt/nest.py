"""Updates whose types lie within each other, as no editor makes them; and what the library does with them.

    python -m tests.sessions_app.crdt.nest LEVELS

lets a document take them and delete the top, in a process that may end by it.
"""

import sys
from collections.abc import Sequence

from sessions_app.crdt import inspection, lib0
from sessions_app.crdt.errors import BadUpdate
from sessions_app.crdt.kinds import GRAPH
from sessions_app.crdt.replica import Replica

ARRAY, MAP, TEXT, XML_ELEMENT, XML_FRAGMENT, XML_HOOK, XML_TEXT, WEAK_LINK = range(8)
KEYED_TYPE = 0x27
LISTED_TYPE = 0x07


def nested(levels: int, *, client: int = 5, first: int = 0, types: Sequence[int] = (MAP,)) -> bytes:
    """A chain of types, each in the one before."""
    out = [lib0.uint(it) for it in (1, levels, client, first)]
    for clock in range(first, first + levels):
        of_type, holder = types[clock % len(types)], types[(clock - 1) % len(types)]
        is_keyed = clock == 0 or holder == MAP
        out.append(bytes([KEYED_TYPE if is_keyed else LISTED_TYPE]))
        out += [b"\x01", lib0.text("nodes")] if clock == 0 else [b"\x00", lib0.uint(client), lib0.uint(clock - 1)]
        out += [lib0.text("k")] if is_keyed else []
        out += [lib0.uint(of_type), lib0.text("e") if of_type in (XML_ELEMENT, XML_HOOK) else b""]
    return b"".join(out) + b"\x00"


def deletion(*, client: int = 5, clock: int = 0) -> bytes:
    """Takes one item away, with all that lies in it."""
    return b"".join(lib0.uint(it) for it in (0, 1, client, 1, clock, 1))


def main(levels: int) -> None:
    replica = Replica(GRAPH)
    for update in (nested(levels), deletion()):
        try:
            found = inspection.contents(update, GRAPH)
            inspection.check_complete(found, replica.known)
            replica.apply(update, found)
        except (BadUpdate, inspection.MissingUpdates) as error:
            sys.stdout.write(f"refused: {error}\n")
    sys.stdout.write("alive\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
