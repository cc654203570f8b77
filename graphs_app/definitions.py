"""Graph versions made ready to run: one never changes, so what a process has compiled once serves all its runs."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from graphs_app.engine.compiled import Compiled, compile_definition
from graphs_app.engine.errors import DefinitionInvalid
from graphs_app.engine.graph import alone, parse
from graphs_app.engine.registry import REGISTRY
from graphs_app.errors import InvalidGraph
from graphs_app.models import GraphVersion, Run
from sessions_app.errors import FieldProblem


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


def load_for(run: Run) -> LoadedGraph:
    """What a run executes: its graph version, or the one node of it."""
    return load(run.graph_version_id, run.only_node)


@lru_cache(maxsize=500)
def load(version_id: UUID, only_node: str = "") -> LoadedGraph:
    """Raises GraphVersion.DoesNotExist, and InvalidGraph for a version that was saved and can be run no more.

    A tool it uses is not installed here, or it is from before a rule, such as that schemas are never fetched.

    With a node's id it is that node by itself, which the version must have.
    """
    version = GraphVersion.objects.select_related("graph").get(pk=version_id)
    definition = alone(version.definition, only_node) if only_node else version.definition
    try:
        compiled = compile_definition(definition, REGISTRY)
    except DefinitionInvalid as error:
        raise _unsupported(version, error) from error
    return LoadedGraph(
        version_id=version_id,
        slug=version.graph.slug,
        number=version.number,
        definition=definition,
        compiled=compiled,
        edges=tuple((edge.from_node, edge.to_node) for edge in compiled.definition.edges),
        tools={node.node_id: node.tool for node in compiled.definition.nodes},
    )


def edges_of(run: Run) -> tuple[tuple[str, str], ...]:
    """From and to of every edge of what a run executed, for those who look back: also where it can be run no more."""
    version = run.graph_version
    definition = alone(version.definition, run.only_node) if run.only_node else version.definition
    return tuple((edge.from_node, edge.to_node) for edge in parse(definition).edges)


def _unsupported(version: GraphVersion, error: DefinitionInvalid) -> InvalidGraph:
    problems = [FieldProblem(pointer=one.pointer, code=one.code, message=one.message) for one in error.problems]
    return InvalidGraph(
        f"Version {version.number} of graph {version.graph.slug!r} was saved and can be run no more. {error}. "
        "Publish a version without the problem.",
        errors=problems,
    )
