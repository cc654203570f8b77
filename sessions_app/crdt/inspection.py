"""Reads an update (Yjs, version 1) without applying it: is it well formed, what does it hold, what does it build on?

The CRDT library would take much that is no sensible update, keep parts of it for later, or panic. So every update from
outside is read here first: `contents()` refuses what is malformed or does not belong into the kind of document, and
`check_complete()` what builds on structs that are not there, so that nothing is ever left pending.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sessions_app.crdt.errors import BadUpdate, MissingUpdates
from sessions_app.crdt.kinds import Content, Kind
from sessions_app.crdt.lib0 import Reader, Truncated
from sessions_app.crdt.nesting import ItemId, Place

HAS_ORIGIN = 0x80
HAS_RIGHT_ORIGIN = 0x40
HAS_KEY = 0x20
CONTENT = 0x1F
MAX_CLOCK = 2**31
MAX_DEPTH = 64
XML_ELEMENT = 3
TYPES = frozenset({0, 1, 2, XML_ELEMENT, 4, 6})
"""Array, map, text and XML. Of others (hooks, links, documents) the library reads more or less than Yjs writes."""

EMPTY = b"\x00\x00"
"""An update with nothing in it: what a client that is up to date answers."""


@dataclass(slots=True)
class Contents:
    """What an update holds."""

    structs: list[tuple[int, int, int]] = field(default_factory=list)
    """(client, first clock, clock after the last) of each run of structs."""
    references: dict[int, int] = field(default_factory=dict)
    """For each client whose structs are built on: the clock after the last one that has to be there."""
    inserted: int = 0
    """How many bytes of text it brings."""
    items: int = 0
    deletions: int = 0
    deleted: int = 0
    """How many clocks it says are deleted; some of them may be already."""
    held: set[int] = field(default_factory=set)
    """Which contents its items have."""
    places: list[Place] = field(default_factory=list)
    """Where each struct lies, in kinds of documents that have types within types."""

    @property
    def is_empty(self) -> bool:
        return not self.structs and not self.deletions

    def is_all_new(self, known: Mapping[int, int]) -> bool:
        """Whether none of its structs is known, even in part: then all that it inserts is added."""
        return all(start >= known.get(client, 0) for client, start, _ in self.structs)

    def adds_to(self, known: Mapping[int, int]) -> bool:
        """Whether it has structs that are not known yet."""
        return any(end > known.get(client, 0) for client, _, end in self.structs)


def contents(update: bytes, kind: Kind) -> Contents:
    """Reads an update of a document of some kind; raises BadUpdate."""
    reader = Reader(update)
    found = Contents()
    try:
        for _ in range(reader.uint()):
            _read_structs(reader, found, kind)
        _read_deletions(reader, found)
    except Truncated as error:
        raise BadUpdate(f"the update is malformed: {error}") from None
    if not reader.is_done:
        raise BadUpdate(f"the update has {reader.end - reader.at} bytes after its end")
    return found


def check_taken(found: Contents, kind: Kind) -> None:
    """Raises BadUpdate for what may be in an old document of this kind, and not in a new update."""
    if refused := found.held - kind.taken:
        names = ", ".join(sorted(Content(content).name.lower() for content in refused))
        raise BadUpdate(f"a {kind.name} document takes no {names}: nobody would see it, and everybody would load it")


def check_complete(found: Contents, known: Mapping[int, int]) -> None:
    """Raises MissingUpdates when the update builds on what is neither known nor part of it."""
    ends: dict[int, int] = {}
    for client, start, end in found.structs:
        have = ends.get(client) or known.get(client, 0)
        if start > have:
            raise MissingUpdates(f"client {client} goes on at {start}, and is known up to {have}")
        if end > have:
            ends[client] = end
    for client, end in found.references.items():
        have = ends.get(client) or known.get(client, 0)
        if end > have:
            raise MissingUpdates(f"it builds on client {client} up to {end}, known up to {have}")


def state_vector(encoded: bytes) -> dict[int, int]:
    """A state vector as a mapping of client to the clock after its last struct; raises BadUpdate."""
    reader = Reader(encoded)
    vector: dict[int, int] = {}
    try:
        for _ in range(reader.uint()):
            client, clock = reader.uint(), reader.uint()
            if clock >= MAX_CLOCK:
                raise BadUpdate(f"the clock {clock} of client {client} is too large")
            vector[client] = clock
    except Truncated as error:
        raise BadUpdate(f"the state vector is malformed: {error}") from None
    if not reader.is_done:
        raise BadUpdate("the state vector has bytes after its end")
    return vector


def _read_structs(reader: Reader, found: Contents, kind: Kind) -> None:
    count, client, clock = reader.uint(), reader.uint(), reader.uint()
    start = clock
    for _ in range(count):
        info = reader.byte()
        content = info & CONTENT
        parent: ItemId | None = None
        neighbours: tuple[ItemId, ...] = ()
        if content not in kind.contents:
            raise BadUpdate(f"content of type {content} has no place in a {kind.name} document")
        if content == Content.GC:
            length = reader.uint()
        else:
            parent, neighbours = _read_place(reader, info, found, kind, own=(client, clock))
            length = _read_content(reader, content, found)
        if kind.nested:
            is_type = content == Content.TYPE
            found.places.append(Place(client, clock, clock + length, is_type, parent, neighbours))
        if length < 1 or (clock := clock + length) >= MAX_CLOCK:
            raise BadUpdate(f"a struct of length {length} at clock {clock} of client {client}")
        found.items += 1
        found.held.add(content)
    if count:
        found.structs.append((client, start, clock))


def _read_place(
    reader: Reader, info: int, found: Contents, kind: Kind, *, own: ItemId
) -> tuple[ItemId | None, tuple[ItemId, ...]]:
    """Where an item is: after or before others, or in a parent that is named; none is a root."""
    left = _refer(reader, found, own) if info & HAS_ORIGIN else None
    right = _refer(reader, found, own) if info & HAS_RIGHT_ORIGIN else None
    if left is not None and left == right:
        raise BadUpdate(f"the item at clock {own[1]} of client {own[0]} has the same neighbour on both sides")
    if info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN):
        return None, tuple(it for it in (left, right) if it is not None)
    parent = None
    if reader.uint() == 1:
        root = reader.text()
        if root not in kind.roots:
            raise BadUpdate(f"there is no root {root[:40]!r} in a {kind.name} document; expected {sorted(kind.roots)}")
        is_keyed = kind.roots[root] == "map"
    else:
        if not kind.nested:
            raise BadUpdate(f"a {kind.name} document has nothing inside its roots")
        parent = _refer(reader, found, own)
        is_keyed = bool(info & HAS_KEY)
    if bool(info & HAS_KEY) != is_keyed:
        raise BadUpdate("an item has a key in a text or list, or none in a map")
    if info & HAS_KEY:
        reader.text()
    return parent, ()


def _refer(reader: Reader, found: Contents, own: ItemId) -> ItemId:
    client, clock = reader.uint(), reader.uint()
    if clock >= MAX_CLOCK or (client == own[0] and clock >= own[1]):
        raise BadUpdate(f"the item at clock {own[1]} of client {own[0]} builds on clock {clock} of client {client}")
    if clock >= found.references.get(client, 0):
        found.references[client] = clock + 1
    return client, clock


def _read_content(reader: Reader, content: int, found: Contents) -> int:
    """Reads what an item holds; returns how many clocks it takes."""
    if content == Content.STRING:
        text = reader.text()
        if "\x00" in text:
            raise BadUpdate("a text cannot hold NUL")
        size = len(text.encode())
        found.inserted += size
        return len(text) if size == len(text) else len(text.encode("utf-16-le")) // 2
    if content == Content.DELETED:
        return reader.uint()
    start = reader.at
    length = CONTENT_READERS[content](reader)
    found.inserted += reader.at - start
    return length


def _read_strings(reader: Reader) -> int:
    count = reader.uint()
    for _ in range(count):
        reader.text()
    return count


def _read_binary(reader: Reader) -> int:
    reader.bytes()
    return 1


def _read_embed(reader: Reader) -> int:
    reader.text()
    return 1


def _read_format(reader: Reader) -> int:
    reader.text()
    reader.text()
    return 1


def _read_type(reader: Reader) -> int:
    if (of_type := reader.uint()) not in TYPES:
        raise BadUpdate(f"a type of number {of_type} has no place in a document")
    if of_type == XML_ELEMENT:
        reader.text()
    return 1


def _read_any(reader: Reader) -> int:
    count = reader.uint()
    for _ in range(count):
        _skip_any(reader, MAX_DEPTH)
    return count


CONTENT_READERS: dict[int, Callable[[Reader], int]] = {
    Content.JSON: _read_strings,
    Content.BINARY: _read_binary,
    Content.EMBED: _read_embed,
    Content.FORMAT: _read_format,
    Content.TYPE: _read_type,
    Content.ANY: _read_any,
}


FIXED = {127: 0, 126: 0, 124: 4, 123: 8, 122: 8, 121: 0, 120: 0}
"""The values of Any with a fixed size: undefined, null, float32, float64, bigint, false, true."""


def _skip_any(reader: Reader, depth: int) -> None:
    tag = reader.byte()
    if tag in FIXED:
        reader.skip(FIXED[tag])
    elif tag == 125:  # an integer, whose first byte has a sign and so counts differently; its length does not
        while reader.byte() & 128:
            pass
    elif tag == 119:
        reader.text()
    elif tag == 116:
        reader.bytes()
    elif tag in (117, 118) and depth:
        for _ in range(reader.uint()):
            if tag == 118:
                reader.text()
            _skip_any(reader, depth - 1)
    else:
        raise BadUpdate(f"a value of unknown type {tag}, or one that is nested more than {MAX_DEPTH} deep")


def _read_deletions(reader: Reader, found: Contents) -> None:
    for _ in range(reader.uint()):
        client = reader.uint()
        for _ in range(reader.uint()):
            clock, length = reader.uint(), reader.uint()
            end = clock + length
            if length < 1 or end >= MAX_CLOCK:
                raise BadUpdate(f"a deletion of {length} at clock {clock} of client {client}")
            found.deletions += 1
            found.deleted += length
            if end > found.references.get(client, 0):
                found.references[client] = end
