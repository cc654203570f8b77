"""The kinds of shared documents: which root types each has, and what may be written into them.

A document's kind is in its row. Rooms, stores and snapshots know nothing of text; what does is asked for here.
"""

from dataclasses import dataclass
from enum import IntEnum


class Content(IntEnum):
    """What an item of an update holds, by the number that Yjs writes for it."""

    GC = 0
    DELETED = 1
    JSON = 2
    BINARY = 3
    STRING = 4
    EMBED = 5
    FORMAT = 6
    TYPE = 7
    ANY = 8
    DOC = 9
    SKIP = 10


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document."""

    name: str
    roots: dict[str, str]
    """The name of each root type, and its type: "text", "map" or "array"."""
    contents: frozenset[int]
    """What its items may hold, so that it can be read."""
    taken: frozenset[int]
    """What new ones may hold: less, where older documents have what no editor of ours sends."""
    nested: bool
    """Whether there are types and keys inside the root types."""
    text_root: str | None = None
    """The root whose text is the document's text, for kinds that have one."""


TEXT = Kind(
    name="text",
    roots={"text": "text"},
    contents=frozenset({Content.GC, Content.DELETED, Content.STRING, Content.FORMAT}),
    taken=frozenset({Content.GC, Content.DELETED, Content.STRING}),
    nested=False,
    text_root="text",
)
"""One text. Embedded objects are refused: they take up room in it that no editor of plain text can show.

So are formats: nobody would see them, and everybody would load them."""

_OF_GRAPHS = frozenset(set(Content) - {Content.DOC, Content.SKIP})

GRAPH = Kind(
    name="graph",
    roots={"nodes": "map", "edges": "map", "settings": "map"},
    contents=_OF_GRAPHS,
    taken=_OF_GRAPHS,
    nested=True,
)
"""A graph's definition, as maps of maps."""

KINDS = {kind.name: kind for kind in (TEXT, GRAPH)}
