"""How a node run pauses for a person: signals that leave a tool, and answers that come back to it.

A tool that asks is left by one of these signals; the node run then waits, and once there is an answer the tool is
called again from its start, and finds it. They are BaseExceptions, so that a tool's `except Exception` lets them by.
"""

from dataclasses import dataclass
from typing import Any

from graphs_app.engine.checkpoint import Json


@dataclass(frozen=True, slots=True)
class Question:
    """What a node run asks a person."""

    question: str
    schema: Json | None
    default: Any
    has_default: bool
    timeout_s: float | None
    size: int = 0
    """In bytes."""


class Asked(BaseException):
    """Leaves a tool that needs an answer which is not there yet."""

    def __init__(self, question: Question) -> None:
        self.question = question
        super().__init__(question.question)


class SubRunInterrupted(BaseException):
    """Raised by Host.sub_run when the sub-run waits for a person; its own run knows for what."""
