"""Templates whose work is counted while they are rendered, whatever they loop over, compare or filter.

`prepare` rewrites a template that was checked: each loop, filter, comparison and joining goes through a function here
that charges the rendering's Meter first. Loaded with the first prompt: most processes render none.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jinja2
import jinja2.nodes as nodes
import jinja2.sandbox
from jinja2.runtime import Context, LoopContext, Undefined

MAX_STEPS = 200_000
"""About a microsecond each: an item of a loop and each thing that is done with it, or some characters looked at."""
CHARACTERS_A_STEP = 500
SLOW_CHARACTERS_A_STEP = 20
SLOW = frozenset({"title", "indent", "join", "tojson", "truncate"})
LOOP_FIELDS = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"})
METER = "_meter"
"""The place of the Meter among the values; no template can name it."""
SOURCE = "<template>"
"""What Jinja2 calls the file of a template that was made from a string."""


class TooMuch(Exception):
    """Raised into a template that is not to go on."""


class Meter:
    """What is left of one rendering."""

    def __init__(self, *, steps: int = MAX_STEPS, output: int) -> None:
        self._steps = self.steps = steps
        self._output = self.output = output
        self._known: dict[int, int] = {}

    def charge(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise TooMuch(f"rendering takes more than {self._steps} steps")

    def write(self, length: int) -> None:
        self.output -= length
        if self.output < 0:
            raise TooMuch(f"the text becomes longer than {self._output} characters")

    def weigh(self, value: Any) -> int:
        """Characters, and as many for each item that a value holds at any depth."""
        if isinstance(value, str):
            return len(value)
        if not isinstance(value, list | tuple | Mapping):
            return 1
        known = self._known.get(id(value))  # values are not changed, nor freed, while they are rendered
        if known is None:
            self.charge(len(value) // 10 + 1)
            inner = [*value.keys(), *value.values()] if isinstance(value, Mapping) else value
            known = self._known[id(value)] = sum(map(self.weigh, inner)) + 8 * len(value) + 8
        return known


class Environment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Values have items and fields, and nothing else: no methods, no attributes of Python's own."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in LOOP_FIELDS:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping) or (isinstance(obj, str | list | tuple) and isinstance(argument, int)):
            try:
                return obj[argument]
            except LookupError:
                pass
        return obj if isinstance(obj, Undefined) else self.undefined(obj=obj, name=argument)


def make_environment(filters: Iterable[str]) -> Environment:
    environment = Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.clear()
    known = environment.filters
    environment.filters = {f"metered {name}": _metered(name, known[name]) for name in filters}
    environment.filters |= {"each": _each, "weighed": _weighed, "joined": _joined}
    return environment


def prepare(tree: nodes.Template) -> None:
    """Puts a meter into a template, in place. It must have passed its check: these filters take it as it is then."""
    for loop in list(tree.find_all(nodes.For)):
        work = 1 + sum(1 for _ in _inside(loop))
        loop.iter = _filter("each", loop.iter, nodes.Const(work))
    for found in list(tree.find_all(nodes.Filter)):
        if found.name not in ("each", "weighed"):
            found.name = f"metered {found.name}"
    for comparison in list(tree.find_all(nodes.Compare)):
        comparison.expr = _filter("weighed", comparison.expr)
        for operand in comparison.ops:
            operand.expr = _filter("weighed", operand.expr)
    _join(tree)


def _inside(loop: nodes.For) -> Iterator[nodes.Node]:
    for part in (*loop.body, *([] if loop.test is None else [loop.test])):
        yield part
        yield from part.find_all(nodes.Node)


def _join(tree: nodes.Node) -> None:
    """Concat is no filter, and cannot be told to call one: another node takes its place in whatever holds it."""
    for node in [tree, *tree.find_all(nodes.Node)]:
        for field, value in node.iter_fields():
            if isinstance(value, nodes.Concat):
                setattr(node, field, _joining(value))
            elif isinstance(value, list):
                value[:] = [_joining(one) if isinstance(one, nodes.Concat) else one for one in value]


def _joining(concat: nodes.Concat) -> nodes.Filter:
    return _filter("joined", nodes.List(concat.nodes, lineno=concat.lineno))


def _filter(name: str, value: nodes.Node | None, *arguments: nodes.Expr) -> nodes.Filter:
    line = 1 if value is None else value.lineno
    made = nodes.Filter(value, name, list(arguments), [], None, None, lineno=line)
    for argument in arguments:
        argument.lineno = line
    return made


@jinja2.pass_context
def _each(context: Context, items: Any, work: int) -> Iterator[Any]:
    """The items of a loop, each with the work of one round."""
    charge = _meter(context).charge
    for item in items:
        charge(work)
        yield item


@jinja2.pass_context
def _weighed(context: Context, value: Any) -> Any:
    """A value that is compared, or looked through."""
    if isinstance(value, str | list | tuple | Mapping):
        meter = _meter(context)
        meter.charge(1 + meter.weigh(value) // CHARACTERS_A_STEP)
    return value


@jinja2.pass_context
def _joined(context: Context, parts: list[Any]) -> str:
    meter = _meter(context)
    length = sum(map(meter.weigh, parts))
    _hold(meter, length)
    meter.charge(1 + length // CHARACTERS_A_STEP)
    return "".join(map(str, parts))


def _metered(name: str, function: Any) -> Any:
    """A filter of Jinja2's that is charged for what it is given and for what it makes of it."""
    a_step = SLOW_CHARACTERS_A_STEP if name in SLOW else CHARACTERS_A_STEP
    kind = getattr(function, "jinja_pass_arg", None)

    @jinja2.pass_context
    def metered(context: Context, value: Any, *arguments: Any, **named: Any) -> Any:
        meter = _meter(context)
        if name not in ("default", "first", "last", "length"):
            length = meter.weigh(value)
            more = _growth(name, value, (*arguments, *named.values()))
            _hold(meter, more)
            meter.charge(1 + (length + more) // a_step)
        passed = {None: (), "context": (context,), "eval_context": (context.eval_ctx,)}
        first = passed.get(None if kind is None else kind.name, (context.environment,))
        return function(*first, value, *arguments, **named)

    return metered


def _growth(name: str, value: Any, arguments: tuple[Any, ...]) -> int:
    """How many characters a filter can add to what it is given."""
    widest = max((len(one) if isinstance(one, str) else int(one) for one in arguments), default=4)
    if name == "indent":
        return (str(value).count("\n") + 1) * widest
    if name == "join":
        return len(value) * widest if isinstance(value, str | list | tuple | Mapping) else 0
    return len(value) * widest * 10 if name == "tojson" and not isinstance(value, str | int | float) else 0


def _hold(meter: Meter, length: int) -> None:
    """Refuses a text that would be longer than all that may be written, before it is made."""
    if length > meter.output:
        meter.write(length)


def _meter(context: Context) -> Meter:
    meter: Meter = context.parent[METER]
    return meter
