"""Changes that somebody else suggests, a model for one: given as edits, and held to what every change is held to.

What comes out must be no worse a graph than before, and may not do what the graph did not do: a tool that writes
outside the run is not brought in by a suggestion. That it computes the same is not known; people are told so.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphs_app.engine import validate
from graphs_app.engine.schema import CheckTooCostly, Judge
from graphs_app.redesign.changes import Change, ChangeDoesNotApply, Ground
from graphs_app.redesign.wiring import Json, Wiring, arrow

KIND = "suggested"
MOST_EDITS = 20
MOST_CHARACTERS = 20_000
SETTABLE = ("tool", "config", "label", "timeout_s", "retry", "on_error", "fallback", "join", "route")

_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
_CONDITION = {"type": ["string", "null"], "maxLength": 4000}
_NODE = {
    "type": "object",
    "properties": {"node_id": _NAME, "tool": _NAME, "config": {"type": "object"}},
    "required": ["node_id", "tool"],
}


def _edit(word: str, **properties: Any) -> Json:
    required = [name for name in properties if name != "condition"]
    fields = {"do": {"const": word}, **properties}
    return {"type": "object", "properties": fields, "required": ["do", *required], "additionalProperties": False}


_ENDS = {"from_node": _NAME, "to_node": _NAME, "condition": _CONDITION}
_VALUES = {
    "type": "object",
    "properties": dict.fromkeys(SETTABLE, True),
    "additionalProperties": False,
    "minProperties": 1,
}
SUGGESTION: Json = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "reason": {"type": "string", "minLength": 1},
        "edits": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_EDITS,
            "items": {
                "oneOf": [
                    _edit("add_node", node=_NODE),
                    _edit("remove_node", node_id=_NAME),
                    _edit("change_node", node_id=_NAME, set=_VALUES),
                    _edit("add_edge", **_ENDS),
                    _edit("remove_edge", **_ENDS),
                    _edit("set_entry", node_id=_NAME),
                ]
            },
        },
    },
    "required": ["title", "reason", "edits"],
}
"""One change as it is suggested."""
_JUDGE = Judge(SUGGESTION)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A suggestion of which nothing came, and why."""

    title: str
    why: str

    def as_json(self) -> Json:
        return {"title": self.title, "why": self.why}


def fault_of(suggestion: Any) -> str | None:
    """What is wrong with the form of a suggestion."""
    if len(json.dumps(suggestion, default=str)) > MOST_CHARACTERS:
        return f"it is longer than {MOST_CHARACTERS} characters"
    try:
        fault = next(iter(_JUDGE.mismatches(suggestion, most=1)), None)
    except CheckTooCostly as error:
        return str(error)
    if fault is None:
        return None
    if fault.keyword == "oneOf":
        return f"{fault.pointer} is none of the edits there are"
    return f"{fault.pointer or 'the whole'}: {fault.message[:200]}"


def named_in(edits: list[Json]) -> list[str]:
    """The nodes that edits are about, each once."""
    found = dict.fromkeys(
        name
        for edit in edits
        for part in (edit, edit.get("node", {}))
        for name in (part.get("node_id"), part.get("from_node"), part.get("to_node"))
        if name
    )
    return list(found)


class Suggested:
    """Edits in their order, on a graph that is no worse after them."""

    kind = KIND

    def find(self, ground: Ground) -> Iterator[Change]:
        """None: they come from elsewhere."""
        yield from ()

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        wiring = ground.wiring
        before = wiring.definition()
        used = {node["tool"] for node in wiring.nodes.values()}
        for edit in params["edits"]:
            _EDITS[edit["do"]](wiring, edit)
        after = wiring.definition()
        if after == before:
            raise ChangeDoesNotApply("it changes nothing")
        known = {(one.code, one.message) for one in validate.problems(before, ground.registry)}
        new = [one for one in validate.problems(after, ground.registry) if (one.code, one.message) not in known]
        if new:
            raise ChangeDoesNotApply(f"the graph would not be valid: {new[0].message}")
        for node in wiring.nodes.values():
            if node["tool"] not in used and ground.registry.get(node["tool"]).effects:
                raise ChangeDoesNotApply(
                    f"it would bring in {node['tool']!r}, which writes outside the run; only people add that"
                )


def _add_node(wiring: Wiring, edit: Json) -> None:
    node = edit["node"]
    if node["node_id"] in wiring.nodes:
        raise ChangeDoesNotApply(f"there is a node {node['node_id']!r} already")
    wiring.nodes[node["node_id"]] = dict(node)


def _known(wiring: Wiring, node_id: str) -> Json:
    if node_id not in wiring.nodes:
        raise ChangeDoesNotApply(f"there is no node {node_id!r}")
    return wiring.nodes[node_id]


def _remove_node(wiring: Wiring, edit: Json) -> None:
    _known(wiring, edit["node_id"])
    if wiring.entry == edit["node_id"]:
        raise ChangeDoesNotApply(f"{edit['node_id']!r} is the entry")
    if wiring.is_fallback(edit["node_id"]):
        raise ChangeDoesNotApply(f"another node falls back to {edit['node_id']!r}")
    wiring.drop([edit["node_id"]])


def _change_node(wiring: Wiring, edit: Json) -> None:
    # A new node in the place of the old one: what the graph was before is still looked at.
    changed = {**_known(wiring, edit["node_id"]), **edit["set"]}
    wiring.nodes[edit["node_id"]] = {name: value for name, value in changed.items() if value is not None}


def _edges_like(wiring: Wiring, edit: Json) -> list[Json]:
    return [
        edge
        for edge in wiring.edges
        if (edge["from_node"], edge["to_node"]) == (edit["from_node"], edit["to_node"])
        and ("condition" not in edit or edge.get("condition") == edit["condition"])
    ]


def _add_edge(wiring: Wiring, edit: Json) -> None:
    _known(wiring, edit["from_node"])
    _known(wiring, edit["to_node"])
    condition = edit.get("condition")
    like = {"type": "normal"} if not condition else {"type": "conditional", "condition": condition}
    wiring.edges.append(arrow(edit["from_node"], edit["to_node"], like))


def _remove_edge(wiring: Wiring, edit: Json) -> None:
    gone = _edges_like(wiring, edit)
    if not gone:
        raise ChangeDoesNotApply(f"there is no such edge from {edit['from_node']!r} to {edit['to_node']!r}")
    wiring.edges = [edge for edge in wiring.edges if all(edge is not one for one in gone)]


def _set_entry(wiring: Wiring, edit: Json) -> None:
    _known(wiring, edit["node_id"])
    wiring.entry = edit["node_id"]


_EDITS: dict[str, Callable[[Wiring, Json], None]] = {
    "add_node": _add_node,
    "remove_node": _remove_node,
    "change_node": _change_node,
    "add_edge": _add_edge,
    "remove_edge": _remove_edge,
    "set_entry": _set_entry,
}
