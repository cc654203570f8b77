"""What is exported comes back as it was; what is none of the forms is refused in words, and nothing in it is run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings

from graphs_app.engine import validate
from graphs_app.engine.registry import REGISTRY
from graphs_app.exchange import langgraph, mermaid, module, png, reading, svg
from graphs_app.layout import arrange
from tests.graphs_app import cast
from tests.graphs_app.layout import drawings

ROOT = Path(__file__).resolve().parents[3]
NASTY = '"</script><b>\u202e`#[]{}|\\ \'\'\' """ \u05d0 \U0001f600 {x} %s'
TOOLS = [tool.name for tool in REGISTRY]
FULL: dict[str, Any] = {
    **cast.SUM,
    "name": NASTY,
    "metadata": {"pinned": {"add": [400, 20]}},
    "nodes": [*cast.SUM["nodes"], cast.node(NASTY[:20], "emit", {"text": NASTY}, label=NASTY, fallback="add")],
    "edges": [*cast.SUM["edges"], {"from_node": "add", "to_node": NASTY[:20], "label": NASTY}],
}


@pytest.mark.parametrize("definition", [cast.SUM, FULL])
def test_json_snapshots_and_modules_come_back_as_they_were(definition: dict[str, Any]) -> None:
    assert reading.read_graph(json.dumps(definition)) == definition
    assert (
        reading.read_graph("\ufeff\n" + json.dumps({"v": 1, "semver": "1.0.0", "definition": definition})) == definition
    )
    source = module.module_of(definition, "sum")
    assert reading.read_graph(source) == definition
    compile(source, "exported.py", "exec")


@given(drawings.graphs)
@settings(max_examples=30, deadline=None)
def test_any_graph_comes_back_from_a_module_and_keeps_its_shape_through_langgraphs_drawing(
    definition: dict[str, Any],
) -> None:
    assert reading.read_graph(module.module_of(definition, "g")) == definition
    back = reading.read_graph(json.dumps(langgraph.drawing_of(definition)), tools=TOOLS)
    assert [node["node_id"] for node in back["nodes"]] == [node["node_id"] for node in definition["nodes"]]
    assert back["entry_node"] == definition["entry_node"]

    def plain(edges: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [(one["from_node"], one["to_node"], one.get("condition") or None) for one in edges]

    assert plain(back["edges"]) == plain(definition["edges"])


def test_a_drawing_as_langgraph_writes_it_becomes_a_graph_that_can_be_mended_and_run() -> None:
    drawing = {
        "nodes": [
            {"id": "__start__", "type": "schema", "data": "__start__"},
            {"id": "agent", "type": "runnable", "data": {"id": ["langgraph", "utils", "Runnable"], "name": "agent"}},
            {"id": "tools", "type": "runnable", "data": {"id": ["x"], "name": "tools"}},
            {"id": "__end__", "type": "schema", "data": "__end__"},
        ],
        "edges": [
            {"source": "__start__", "target": "agent"},
            {"source": "tools", "target": "agent"},
            {"source": "agent", "target": "tools", "data": "continue", "conditional": True},
            {"source": "agent", "target": "__end__", "data": "end", "conditional": True},
        ],
    }
    graph = reading.read_graph(json.dumps(drawing), name="Agent", tools=TOOLS)
    assert (graph["name"], graph["entry_node"]) == ("Agent", "agent")
    assert graph["edges"][1]["condition"] == 'route == "continue"'
    assert validate.problems(graph, REGISTRY) == []


@pytest.mark.timeout(60)
def test_the_module_runs_the_graph_with_only_the_engine(tmp_path: Path) -> None:
    (tmp_path / "sum.py").write_text(module.module_of(cast.SUM, "sum"))
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "sum.py")], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"status": "completed", "state": {"n": 5}, "error": None}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("{", "line 1, column"),
        ("[1, 2]", "no graph"),
        ('{"a": NaN}', "no JSON number"),
        ("[" * 100_000, "JSON"),
        (module.MARK + "\nDEFINITION = json.loads(\n 'x'", "cut short"),
        (f"{module.MARK}\nDEFINITION = json.loads(\n __import__('os')\n)\n{module.END}", "cannot be read"),
        (f"{module.MARK}\nDEFINITION = json.loads(\n 7\n)\n{module.END}", "not text"),
        (f"{module.MARK}\nprint(1)\n{module.END}", "export it again"),
    ],
)
def test_what_is_none_of_the_forms_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(reading.NotAGraph, match=words):
        reading.read_graph(text)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_is_well_formed_and_holds_names_as_text_only(theme: str) -> None:
    picture = svg.svg_of(FULL, theme=theme)
    root = ElementTree.fromstring(picture)  # noqa: S314 - made here
    space = "{http://www.w3.org/2000/svg}"
    assert {one.tag.removeprefix(space) for one in root.iter()} <= {
        "svg", "title", "desc", "defs", "marker", "path", "rect", "g", "text",
    }  # fmt: skip
    assert "\u202e" not in picture
    assert root.find(f"{space}title") is not None
    assert not any(name.startswith("on") or "href" in name for one in root.iter() for name in one.attrib)


def test_a_png_is_as_large_as_the_picture_and_no_larger_than_allowed() -> None:
    definition = drawings.graph(60, [(at, at + 1) for at in range(59)])
    layout = arrange(definition)
    _, _, width, height = svg.extent(layout)
    picture = png.png_of(svg.svg_of(definition, layout), width, height)
    assert picture.startswith(b"\x89PNG\r\n")
    wide, high = int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])
    assert wide <= png.MOST_PIXELS
    assert abs(wide / high - width / height) < 0.1 * width / height


SCRIPTS = {
    "Latin": "Hello",
    "Cyrillic": "Привет",
    "Greek": "Γειά σου",  # noqa: RUF001
    "Hebrew": "שלום",
    "Arabic": "سلام",
    "Chinese": "你好",
    "Korean": "한국어",
    "emoji": "😀🚀",
    "private": "\ue000\U0010fffd",
}


def written(text: str, family: str = svg.FONT, weight: int = 400) -> bytes:
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40" font-family={quoteattr(family)}>'
        f'<text x="5" y="30" font-size="20" font-weight="{weight}">{text}</text></svg>'
    )
    return png.png_of(drawn, 200, 40)


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_png_writes_something_for_every_script(text: str) -> None:
    assert written(text) != written("")
    assert written(text, weight=600) != written("")


@pytest.mark.parametrize("family", ["DejaVu Sans Mono", "DejaVu Serif", "Liberation Serif", "monospace", "None"])
def test_a_png_takes_no_letters_from_the_machine(family: str) -> None:
    # Many machines have some of these; the product does not, so its own font stands in for each.
    assert written("Hello", family) in (written("Hello"), written(""))
    assert written("Hello", f"{family}, {svg.FONT}") == written("Hello")


def test_the_picture_names_a_family_that_the_png_has() -> None:
    assert f"'{png.FAMILY}'" in svg.FONT
    assert {file.name for file in png.FONTS.iterdir()} == {"DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "LICENSE.txt"}
    assert written("Hello", weight=600) != written("Hello")


def test_mermaid_has_a_line_for_each_node_and_edge_and_no_name_can_leave_its_quotes() -> None:
    drawn = mermaid.mermaid_of(FULL)
    lines = drawn.splitlines()
    assert lines[3] == "flowchart LR"
    assert '    n1 -.->|"n #lt; 5"| n1' in lines
    assert '    n2 -. "on error" .-> n1' in lines
    assert all(line.count('"') in (0, 2) for line in lines)
    assert "<" not in drawn.replace("-.->", "").replace("-->", "")
