"""Where a graph's nodes and edges are drawn: layers from left to right, calm when little changes. Pure."""

from graphs_app.layout.changes import changes
from graphs_app.layout.plan import arrange

__all__ = ["arrange", "changes"]
