"""A definition made ready to run: tools looked up, conditions parsed, joins prepared. Share it among runs."""

from dataclasses import dataclass
from typing import Any

from graphs_app.engine.graph import Definition
from graphs_app.engine.registry import Registry


@dataclass(frozen=True, slots=True)
class Compiled:
    definition: Definition
    progress_total: int | None
    """How many node runs a run has that goes round no loop; for progress bars."""


def compile_definition(definition: Any, registry: Registry) -> Compiled:
    """Raises DefinitionInvalid with every problem. Takes the JSON form."""
    raise NotImplementedError
