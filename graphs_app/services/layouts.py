"""Where a graph's versions are drawn: each from the one before it, once, so that what is new moves little.

A layout is made when somebody first looks, outside the transaction that publishes, and kept beside its version.
"""

from typing import Any

from graphs_app import layout
from graphs_app.models import Graph, GraphVersion, VersionLayout

MOST_BEFORE = 20
"""Versions that nobody has looked at yet and that are drawn first; before them a graph is drawn anew."""


def layout_of(version: GraphVersion) -> dict[str, Any]:
    """Where the version's nodes and edges are drawn."""
    kept = VersionLayout.objects.filter(version=version).values_list("layout", flat=True).first()
    if kept is not None:
        found: dict[str, Any] = kept
        return found
    drawn: dict[str, Any] | None = None
    missing = [version]
    earlier = GraphVersion.objects.filter(graph=version.graph_id, number__lt=version.number).order_by("-number")
    for before in earlier.select_related("drawn")[:MOST_BEFORE]:
        if hasattr(before, "drawn"):
            drawn = before.drawn.layout
            break
        missing.append(before)
    for one in reversed(missing):
        drawn = layout.arrange(one.definition, drawn)
        VersionLayout.objects.bulk_create([VersionLayout(version=one, layout=drawn)], ignore_conflicts=True)
    return drawn or layout.arrange(version.definition)


def layout_after(graph: Graph, number: int, definition: dict[str, Any]) -> dict[str, Any]:
    """Where a definition is drawn that goes on from a version, such as a draft."""
    version = GraphVersion.objects.filter(graph=graph, number=number).first()
    if version is None:
        return layout.arrange(definition)
    before = layout_of(version)
    return before if definition == version.definition else layout.arrange(definition, before)
