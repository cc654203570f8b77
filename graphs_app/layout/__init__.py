"""Where a graph's nodes and edges are drawn: layers from left to right. Pure."""

from graphs_app.layout.layered import arrange

__all__ = ["arrange"]
