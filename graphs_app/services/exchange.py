"""Graphs out of the site and into it: pictures, texts, modules and folders of a version; new graphs from files."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphs_app.engine.registry import REGISTRY
from graphs_app.errors import InvalidImport, PictureUnavailable
from graphs_app.exchange import folder, langgraph, mermaid, module, png, reading, svg
from graphs_app.models import Graph, GraphVersion
from graphs_app.services import graphs, layouts
from sessions_app.models import User

MOST_DRAWN = 3000
"""Nodes in a picture; a larger one is of no use to people, and costs the server seconds."""


@dataclass(frozen=True, slots=True)
class File:
    """What is downloaded."""

    content: bytes
    type: str
    name: str


def export_version(*, version: GraphVersion, form: str, theme: str = "light") -> File:
    """A version in one of the forms: svg, png, mermaid, json, python, langgraph, files."""
    slug, definition = version.graph.slug, version.definition
    if form == "files":
        name = f"{slug}-{version.semver or version.number}"
        return File(folder.zip_of(folder.files_of(kept_of(version)), name), "application/zip", f"{name}.zip")
    if form in ("svg", "png"):
        return _picture(version, form, theme)
    texts: dict[str, tuple[Callable[[dict[str, Any]], str], str, str]] = {
        "mermaid": (mermaid.mermaid_of, "text/plain", "mmd"),
        "python": (lambda one: module.module_of(one, slug), "text/x-python", "py"),
        "langgraph": (lambda one: _written(langgraph.drawing_of(one)), "application/json", "langgraph.json"),
        "json": (_written, "application/json", "json"),
    }
    write, kind, ending = texts[form]
    return File(write(definition).encode(), f"{kind}; charset=utf-8", f"{slug}.{ending}")


def kept_of(version: GraphVersion) -> folder.Kept:
    """What of a version is kept in files."""
    return folder.Kept(version.definition, version.snapshot or {}, version.semver, version.title, version.note)


def _picture(version: GraphVersion, form: str, theme: str) -> File:
    definition = version.definition
    count = len(definition["nodes"])
    if count > MOST_DRAWN:
        raise PictureUnavailable(
            f"Graph {version.graph.slug!r} has {count} nodes; pictures have at most {MOST_DRAWN}. Export JSON."
        )
    layout = layouts.layout_of(version)
    drawn = svg.svg_of(definition, layout, theme)
    if form == "svg":
        return File(drawn.encode(), "image/svg+xml", f"{version.graph.slug}.svg")
    _, _, width, height = svg.extent(layout)
    return File(png.png_of(drawn, width, height), "image/png", f"{version.graph.slug}.png")


def _written(value: object) -> str:
    """JSON as files under version control like it: one line for each thing, in the order it was written."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def import_graph(*, user: User, text: str, name: str = "") -> Graph:
    """A new graph from a file's text. Raises InvalidImport for what is none, InvalidGraph with every fault of one."""
    try:
        definition = reading.read_graph(text, name=name.strip(), tools=[tool.name for tool in REGISTRY])
    except reading.NotAGraph as error:
        raise InvalidImport(str(error)) from error
    return graphs.create_graph(user=user, definition=definition)


def import_files(*, user: User, content: bytes, name: str = "") -> Graph:
    """A new graph from the zip of a version's folder, its first version with that one's number, title and note.

    Raises InvalidImport for what is none or is not to be opened, InvalidGraph with every fault of its graph.
    """
    try:
        kept = folder.read_folder(content)
    except folder.NotAFolder as error:
        raise InvalidImport(str(error)) from error
    definition = {**kept.definition, "name": name.strip()} if name.strip() else kept.definition
    about = graphs.About(semver=kept.semver, title=kept.title, note=kept.note)
    return graphs.create_graph(user=user, definition=definition, about=about)
