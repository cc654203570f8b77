"""Runs that turn in circles: a node is about to start again on the very same state, and nothing could go otherwise.

That is certain where one node alone is next, and every tool since it was last there always does the same with the same.
What is compared is one state for each node, kept anew at the first, second, fourth, eighth … arrival, so that a circle
of any length is found, for the price of one comparison a pass.
"""

from collections.abc import Mapping
from typing import Any


class Circles:
    """Where one run has been, and on what state."""

    __slots__ = ("_doubtful", "_kept", "_last", "_passes")

    def __init__(self) -> None:
        self._doubtful = 0
        """The last checkpoint of a tool that might do otherwise the next time."""
        self._last: dict[int, int] = {}
        """By node, the checkpoint of its last arrival."""
        self._passes: dict[int, int] = {}
        """By node, its arrivals without doubt in between."""
        self._kept: dict[int, tuple[int, Mapping[str, Any]]] = {}
        """By node, the checkpoint and the state of one arrival."""

    def doubt(self, number: int) -> None:
        """Says that a checkpoint is of a tool that might do otherwise the next time, or that a list has grown."""
        self._doubtful = number

    def arrive(self, node: int, number: int, values: Mapping[str, Any]) -> int | None:
        """The earlier checkpoint of which all is the same now, before this node starts; None where there is none."""
        last = self._last.get(node)
        self._last[node] = number
        if last is None or last < self._doubtful:
            self._passes[node] = 0
            self._kept.pop(node, None)
            return None
        kept = self._kept.get(node)
        # Unchanged values are the same objects, so this is as quick as it looks.
        if kept is not None and kept[1] == values:
            return kept[0]
        passes = self._passes[node] = self._passes.get(node, 0) + 1
        if passes & (passes - 1) == 0:
            self._kept[node] = (number, dict(values))
        return None
