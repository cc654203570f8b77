"""What a command calls the steps of a run, so that those of a node that runs again can be told apart."""

from collections.abc import Mapping
from typing import Any


class Rounds:
    """Counts how often each node of a run has begun."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], list[int]] = {}

    def name(self, frame: Mapping[str, Any]) -> str:
        """The node that a frame tells of; from its second time on with its round, and its attempt with it."""
        data = frame["data"]
        begun = self._of.setdefault((str(frame["run"]), data["node_id"]), [])
        if data["activation"] not in begun:
            begun.append(data["activation"])
        number, attempt = begun.index(data["activation"]) + 1, data["attempt"]
        failed = frame["type"] in ("node.failed", "node.retried")
        parts = [data["node_id"]]
        if number > 1:
            parts.append(f"round {number}")
        if failed or attempt > 1:
            parts.append(f"attempt {attempt}")
        return ", ".join(parts)
