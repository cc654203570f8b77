"""The rule about the drawing alone: nodes that stand where people put them are arranged anew."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphs_app.redesign.changes import Change, ChangeDoesNotApply, Ground


class Tidy:
    """Pins, which keep nodes where they are while the rest of the graph becomes another."""

    kind = "tidy"

    def find(self, ground: Ground) -> Iterator[Change]:
        pinned = self._pins(ground)
        if pinned:
            count = len(pinned)
            title = f"Draw it anew, without {count} pin{'' if count == 1 else 's'}"
            yield Change(self.kind, {}, title, "Only the drawing changes; the graph does what it did.", sorted(pinned))

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        if not self._pins(ground):
            raise ChangeDoesNotApply("no node is pinned any more")
        metadata = {key: one for key, one in ground.wiring.rest["metadata"].items() if key != "pinned"}
        ground.wiring.rest["metadata"] = metadata
        if not metadata:
            del ground.wiring.rest["metadata"]

    def _pins(self, ground: Ground) -> dict[str, Any]:
        metadata = ground.wiring.rest.get("metadata")
        pinned = metadata.get("pinned") if isinstance(metadata, dict) else None
        return pinned if isinstance(pinned, dict) else {}
