"""Rendering prompts: a sandboxed, strict part of Jinja2. What is filled in is never read as a template itself.

A template may name its variables, their fields, and filter, choose and loop over them; nothing else is let through when
it is read, so nothing else can be reached when it is rendered.
"""

import hashlib
import json
import re
import traceback
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any, TypeAlias, cast

import jinja2.exceptions
import jinja2.nodes as nodes

from refine_app.prompts import metered

MAX_TEMPLATE = 50_000
MAX_NODES = 5_000
"""Places, words of the language and what they are given: compiling one takes some 20 µs."""
MAX_OUTPUT = 4_000_000
MAX_ITEMS = 1000
MAX_LOOPS = 2
MAX_ARGUMENT = 100
CACHE_SIZE = 500
CACHE_BYTES = 1_000_000
"""What the sources of the templates that are kept have together; compiled, one takes up to 40 times as much."""
FILTERS = frozenset({"trim", "upper", "lower", "title", "capitalize", "length", "join", "default", "first", "last",
                     "indent", "truncate", "tojson"})  # fmt: skip
TESTS = frozenset({"defined", "none", "string", "number", "sequence", "mapping"})
LISTS = {"agents": "list", "intents": "list", "pairs": "list"}
"""What the product fills in that is no text."""
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
    "object": (dict,),
}

Compiled: TypeAlias = "tuple[jinja2.Template, frozenset[str]]"
"""A template, and the variables that it needs."""


class PromptError(Exception):
    """Raised when a template is not one that may be used, or when it and its values do not belong together."""

    code = "prompt_error"
    retryable = False


@dataclass(frozen=True, slots=True)
class PromptText:
    """One version of a prompt, ready to be rendered."""

    name: str
    version: str
    content: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    """By name: {"type", "required"?, "default"?}; those that nothing is said of take text."""

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"

    def render(self, values: Mapping[str, Any]) -> str:
        return render(self.content, _checked(self, values), name=self.name)


class _Kept:
    """Compiled templates, those that were asked for lately: so many, of sources of so many bytes. Not locked."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self.bytes = 0
        self._templates: OrderedDict[bytes, tuple[Compiled, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._templates)

    def get(self, key: bytes) -> "Compiled | None":
        found = self._templates.get(key)
        if found is None:
            return None
        self._templates.move_to_end(key)
        return found[0]

    def put(self, key: bytes, compiled: "Compiled", source_bytes: int) -> None:
        self._drop(key)  # two threads may have compiled the same
        self._templates[key] = compiled, source_bytes
        self.bytes += source_bytes
        while len(self._templates) > self.most or self.bytes > self.most_bytes:
            self._drop(next(iter(self._templates)))

    def _drop(self, key: bytes) -> None:
        _, source_bytes = self._templates.pop(key, (None, 0))
        self.bytes -= source_bytes


_templates = _Kept(most=CACHE_SIZE, most_bytes=CACHE_BYTES)
_lock = Lock()
_hits = _misses = 0


@cache
def _environment() -> "metered.Environment":
    """Made with the first prompt: most processes render none, and need not load Jinja2."""
    return metered.make_environment(FILTERS)


@cache
def _allowed() -> "tuple[type[nodes.Node], ...]":
    return (
        nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.CondExpr,
        nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Test, nodes.Getattr,
        nodes.Getitem, nodes.Concat, nodes.Keyword,
    )  # fmt: skip


def render_prompt(name: str, values: Mapping[str, Any]) -> str:
    """The prompt file of that name with its places filled. Every place needs a value, every value a place."""
    return render(load_prompt(name), values, name=name)


def render(template: str, values: Mapping[str, Any], *, name: str = "template") -> str:
    """The text with its places filled. Raises PromptError, also for a value that has no place."""
    compiled, places = _compiled(template, name)
    if places != values.keys():
        missing, unknown = sorted(places - values.keys()), sorted(values.keys() - places)
        raise PromptError(f"Prompt {name!r}: no value for {missing}, no place for {unknown}; they must be the same.")
    meter = metered.Meter(output=MAX_OUTPUT)
    parts = []
    rendering = cast("Generator[str, None, None]", compiled.generate(**values, **{metered.METER: meter}))
    try:
        for part in rendering:
            parts.append(part)
            try:
                meter.write(len(part))
            except metered.TooMuch as error:
                rendering.throw(error)  # where it is, its line is known
    except (
        metered.TooMuch, jinja2.UndefinedError, jinja2.exceptions.SecurityError, TypeError, ValueError, RecursionError,
        OverflowError,
    ) as error:  # fmt: skip
        raise PromptError(f"Prompt {name!r}{_place(error)} cannot be rendered: {error}.") from error
    return "".join(parts)


def _place(error: BaseException) -> str:
    """The template's line at which it was raised, in words."""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == metered.SOURCE]
    return f", line {lines[-1]}," if lines else ""


def places_of(template: str, *, name: str = "template") -> frozenset[str]:
    """The variables that a template needs. Raises PromptError when it is not allowed."""
    return _compiled(template, name)[1]


def hit_rate() -> float | None:
    """How often a template was at hand already; None before the first."""
    looked = _hits + _misses
    return _hits / looked if looked else None


def load_prompt(name: str) -> str:
    """The text of a prompt that comes with the product."""
    if not re.fullmatch(r"[a-z_]+", name):
        raise PromptError(f"{name!r} is not the name of a prompt; expected lower-case letters and _.")
    resource = files("refine_app.prompts").joinpath(f"{name}.md")
    if not resource.is_file():
        raise PromptError(f"There is no prompt {name!r}.")
    return resource.read_text(encoding="utf-8").strip() + "\n"


def built_in_prompt(name: str) -> PromptText:
    """A prompt as it comes with the product."""
    content = load_prompt(name)
    places = sorted(places_of(content, name=name))
    return PromptText(name, "built-in", content, {place: {"type": LISTS.get(place, "string")} for place in places})


def built_in_names() -> list[str]:
    """The prompts that come with the product."""
    folder = files("refine_app.prompts")
    return sorted(one.name.removesuffix(".md") for one in folder.iterdir() if one.name.endswith(".md"))


def _compiled(template: str, name: str) -> "Compiled":
    global _hits, _misses
    source = template.encode("utf-8", "surrogatepass")
    key = hashlib.blake2b(source, digest_size=16).digest()
    with _lock:
        known = _templates.get(key)
        if known is not None:
            _hits += 1
            return known
        _misses += 1
    made = _compile(template, name)
    with _lock:
        _templates.put(key, made, len(source))
    return made


def _compile(template: str, name: str) -> "Compiled":
    if len(template) > MAX_TEMPLATE:
        raise PromptError(f"Prompt {name!r} has {len(template)} characters, at most {MAX_TEMPLATE} are read.")
    try:
        tree = _environment().parse(template)
        if (count := sum(1 for _ in tree.find_all(nodes.Node))) > MAX_NODES:
            raise PromptError(f"Prompt {name!r} has {count} places and signs of its language; {MAX_NODES} are read.")
        places = frozenset(_check(tree, name))
        metered.prepare(tree)
        return _environment().from_string(tree), places
    except jinja2.TemplateSyntaxError as error:
        raise PromptError(f"Prompt {name!r}, line {error.lineno}: {error.message}") from error
    except (RecursionError, MemoryError, OverflowError) as error:
        raise PromptError(f"Prompt {name!r} is nested too deeply to be read.") from error
    except (SyntaxError, ValueError) as error:
        # Python's own, for what Jinja2 reads and cannot write down: a number of thousands of digits, say.
        raise PromptError(f"Prompt {name!r} cannot be read: {error}") from error


def _check(tree: "nodes.Template", name: str) -> set[str]:
    """Every node is of those allowed; returns the variables that are read and not made by a loop."""
    made: set[str] = set()
    read: set[str] = set()
    for node, depth in _walk(tree, 0):
        if not isinstance(node, _allowed()):
            raise _refused(name, node, f"{type(node).__name__.lower()} is not allowed in prompts")
        if isinstance(node, nodes.Name):
            (made if node.ctx == "store" else read).add(node.name)
            if node.name.startswith("_"):
                raise _refused(name, node, f"{node.name!r} begins with an underscore")
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            raise _refused(name, node, f"the field {node.attr!r} begins with an underscore")
        elif isinstance(node, nodes.Getitem) and not isinstance(node.arg, nodes.Const):
            raise _refused(name, node, "what is between [ and ] must be a constant")
        elif isinstance(node, nodes.Getitem) and str(getattr(node.arg, "value", "")).startswith("_"):
            raise _refused(name, node, "a field begins with an underscore")
        elif isinstance(node, nodes.Filter | nodes.Test):
            _check_call(node, name)
        elif isinstance(node, nodes.For) and (depth >= MAX_LOOPS or node.recursive or not _is_path(node.iter)):
            raise _refused(name, node, f"loops go over a variable, and at most {MAX_LOOPS} deep")
    read.discard("loop")
    return read - made


def _walk(node: "nodes.Node", loops: int) -> "Iterator[tuple[nodes.Node, int]]":
    yield node, loops
    for child in node.iter_child_nodes():
        yield from _walk(child, loops + isinstance(node, nodes.For))


def _check_call(node: "nodes.Filter | nodes.Test", name: str) -> None:
    allowed = FILTERS if isinstance(node, nodes.Filter) else TESTS
    kind = "filter" if isinstance(node, nodes.Filter) else "test"
    if node.name not in allowed or node.dyn_args or node.dyn_kwargs:
        raise _refused(name, node, f"the {kind} {node.name!r} is not allowed; there are {', '.join(sorted(allowed))}")
    for argument in [*node.args, *(keyword.value for keyword in node.kwargs)]:
        value = getattr(argument, "value", None)
        small = len(value) <= MAX_ARGUMENT if isinstance(value, str) else not isinstance(value, int) or abs(value) < 1e5
        if not isinstance(argument, nodes.Const) or not small:
            raise _refused(name, node, f"what the {kind} {node.name!r} is given must be a short constant")


def _is_path(node: "nodes.Node | None") -> bool:
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return isinstance(node, nodes.Name)


def _refused(name: str, node: "nodes.Node", why: str) -> PromptError:
    return PromptError(f"Prompt {name!r}, line {node.lineno}: {why}.")


def _checked(prompt: PromptText, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the template has places for, each of its declared type; defaults where none was given."""
    checked: dict[str, Any] = {}
    for place in places_of(prompt.content, name=prompt.name):
        declared = prompt.variables.get(place) or {}
        if place not in values:
            if "default" not in declared and declared.get("required", True):
                raise PromptError(f"Prompt {prompt.label!r} needs a value for {place!r}.")
            checked[place] = declared.get("default", "")
            continue
        value = values[place]
        expected = TYPES[str(declared.get("type") or "string")]
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            raise PromptError(
                f"Prompt {prompt.label!r}: {place!r} must be a {declared.get('type') or 'string'}, "
                f"found {type(value).__name__}."
            )
        _check_size(prompt, place, value)
        checked[place] = value
    return checked


def _check_size(prompt: PromptText, place: str, value: Any) -> None:
    if isinstance(value, str):
        return
    try:
        length = len(json.dumps(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise PromptError(f"Prompt {prompt.label!r}: {place!r} is not plain data: {error}") from error
    if length > MAX_OUTPUT or _longest(value) > MAX_ITEMS:
        raise PromptError(f"Prompt {prompt.label!r}: {place!r} has more than {MAX_ITEMS} items, or is too long.")


def _longest(value: Any) -> int:
    """The most items of one list or object in it, at any depth: what JSON writes down may be too deep for calls."""
    most, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list | tuple):
            most = max(most, len(one))
            waiting.extend(one.values() if isinstance(one, dict) else one)
    return most
