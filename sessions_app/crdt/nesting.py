"""How deep the items of a document lie in types within types, told before the CRDT library sees them.

The library deletes and reads nested types by native recursion: tens of thousands of levels overflow the stack, which
ends the process and cannot be caught. No editor of ours nests deeper than a map in a map.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sessions_app.crdt.errors import BadUpdate

MAX_NESTING = 16
"""So many types may lie within each other below a root."""

ItemId = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """One struct, and what says how deep it lies: the type that holds it, its neighbours there, or nothing: a root."""

    client: int
    start: int
    end: int
    is_type: bool = False
    parent: ItemId | None = None
    neighbours: tuple[ItemId, ...] = ()

    @property
    def builds_on(self) -> Iterator[ItemId]:
        if self.parent is not None:
            yield self.parent
        yield from self.neighbours


class Levels:
    """The level of every item of a document: 0 in a root, one more in each type. Kept as runs of equal levels."""

    def __init__(self) -> None:
        self._starts: dict[int, array[int]] = {}
        self._levels: dict[int, array[int]] = {}
        self._ends: dict[int, int] = {}

    @contextmanager
    def learned(self, places: list[Place]) -> Iterator[None]:
        """Learns the structs of one update, in whatever order they build on each other; forgets them if it is refused,
        here (BadUpdate) or by what is done with it meanwhile: its sender may come with others under the same clocks.
        """
        before = self._mark(places)
        is_taken = False
        try:
            self._learn(places)
            yield
            is_taken = True
        finally:
            if not is_taken:
                self._forget(before)

    def require(self, places: list[Place]) -> None:
        """Raises BadUpdate for an update that cannot be learned."""
        before = self._mark(places)
        try:
            self._learn(places)
        finally:
            self._forget(before)

    def _mark(self, places: list[Place]) -> dict[int, tuple[int, int]]:
        clients = {place.client for place in places}
        return {client: (self._ends.get(client, 0), len(self._levels.get(client, ()))) for client in clients}

    def _forget(self, before: dict[int, tuple[int, int]]) -> None:
        for client, (end, runs) in before.items():
            self._ends[client] = end
            if client in self._levels:
                del self._levels[client][runs:], self._starts[client][runs:]

    def _learn(self, places: list[Place]) -> None:
        queues: dict[int, list[Place]] = {}
        for place in places:
            queues.setdefault(place.client, []).append(place)
        for queue in queues.values():
            queue.sort(key=lambda place: -place.start)
        for client in queues:
            self._resolve(client, queues)

    def _resolve(self, client: int, queues: dict[int, list[Place]]) -> None:
        """All structs of one client, and of others what these build on; each is looked at once, without recursion."""
        waiting = [(client, float("inf"))]
        on_way = {client}
        while waiting:
            client, until = waiting[-1]
            queue = queues.get(client, [])
            missing: ItemId | None = None
            while queue and self._ends.get(client, 0) <= until:
                missing = self._missing(queue[-1])
                if missing is not None:
                    break
                self._place(queue.pop())
            if missing is None:
                if self._ends.get(client, 0) <= until < float("inf"):
                    raise BadUpdate(f"it builds on client {client} at {int(until)}, which is not there")
                waiting.pop()
                on_way.discard(client)
            elif missing[0] in on_way:
                raise BadUpdate("its structs build on each other in a circle")
            else:
                waiting.append(missing)
                on_way.add(missing[0])

    def _missing(self, place: Place) -> ItemId | None:
        """What it builds on that is not known yet."""
        return next((it for it in place.builds_on if it[1] >= self._ends.get(it[0], 0)), None)

    def _place(self, place: Place) -> None:
        known = self._ends.get(place.client, 0)
        if place.end <= known:
            return
        if place.start > known:
            raise BadUpdate(f"client {place.client} goes on at {place.start}, and is known up to {known}")
        level = self._of(place.parent) + 1 if place.parent is not None else 0
        level = max(level, *(self._of(it) for it in place.neighbours), 0)
        if place.start < known:  # the library goes on from its last known item
            level = max(level, self._of((place.client, known - 1)))
        if level + place.is_type > MAX_NESTING:
            raise BadUpdate(f"types are nested more than {MAX_NESTING} deep")
        levels = self._levels.setdefault(place.client, array("b"))
        if not levels or levels[-1] != level:
            levels.append(level)
            self._starts.setdefault(place.client, array("q")).append(known)
        self._ends[place.client] = place.end

    def _of(self, item: ItemId) -> int:
        client, clock = item
        return self._levels[client][bisect_right(self._starts[client], clock) - 1]
