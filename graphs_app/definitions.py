"""Graph versions made ready to run: one never changes, so what a process has compiled once serves all its runs."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from graphs_app.engine.compiled import Compiled, compile_definition
from graphs_app.engine.registry import REGISTRY
from graphs_app.models import GraphVersion


@dataclass(frozen=True, slots=True, eq=False)
class LoadedGraph:
    """A graph version, as those who run it and tell of it need it."""

    version_id: UUID
    slug: str
    number: int
    definition: dict[str, Any]
    compiled: Compiled
    edges: tuple[tuple[str, str], ...]
    """From and to of every edge, by the index that journals use."""
    tools: dict[str, str]
    """The tool of each node."""


@lru_cache(maxsize=500)
def load(version_id: UUID) -> LoadedGraph:
    """Raises GraphVersion.DoesNotExist, and DefinitionInvalid when a tool it uses is no longer there."""
    version = GraphVersion.objects.select_related("graph").get(pk=version_id)
    compiled = compile_definition(version.definition, REGISTRY)
    return LoadedGraph(
        version_id=version_id,
        slug=version.graph.slug,
        number=version.number,
        definition=version.definition,
        compiled=compiled,
        edges=tuple((edge.from_node, edge.to_node) for edge in compiled.definition.edges),
        tools={node.node_id: node.tool for node in compiled.definition.nodes},
    )
