"""The language of conditions and of `compute`: parsed when a graph is saved, compiled to closures, never `eval`ed.

    complexity > 10 AND len(issues) < 5        review.score >= 0.8 or status in ["done", 'skipped']
    not approved                               lower(language) == "python" and (tries + 1) * 2 <= limit

Loosest first: OR, AND, NOT, one comparison (== != < <= > >= in, not in), + -, * / %, unary -. Paths are dotted
(`report.items.0.name`, or `report["a key"][0]`); a missing key is null. Null compares false with everything but null;
`x != null` asks whether x is there. Arithmetic with null is null. AND, OR and NOT answer true or false: null, false, 0,
"" and what is empty count as false.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from graphs_app.engine.errors import ConditionFailed, ConditionInvalid
from graphs_app.engine.operations import (
    ARITHMETIC,
    BUDGET,
    FUNCTIONS,
    ORDERINGS,
    Meter,
    contains,
    equal,
    negative,
    ordered,
    unequal,
)
from graphs_app.engine.tokens import HINTS, Token, number, string, tokenize
from sessions_app.plurals import counted

MAX_LENGTH = 4000
MAX_DEPTH = 40

Evaluate = Callable[[Mapping[str, Any]], Any]

WORDS = {"and", "or", "not", "in"}
LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None}
COMPARISONS = {"==", "!=", "in", "not", *ORDERINGS}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression."""

    text: str
    names: frozenset[str]
    """The state keys it reads; none means that it always gives the same."""
    _evaluate: Evaluate
    _meter: Meter

    def evaluate(self, state: Mapping[str, Any]) -> Any:
        """Its value; raises ConditionFailed where an operator is not defined for the values it meets."""
        self._meter.left = BUDGET
        return self._evaluate(state)

    def holds(self, state: Mapping[str, Any]) -> bool:
        self._meter.left = BUDGET
        return bool(self._evaluate(state))


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Raises ConditionInvalid with the column."""
    if len(text) > MAX_LENGTH:
        raise ConditionInvalid(f"too long: {len(text)} characters, {MAX_LENGTH} are allowed", MAX_LENGTH + 1)
    parser = _Parser(tokenize(text))
    evaluate = parser.whole()
    return Expression(text, frozenset(parser.names), evaluate, parser.meter)


class _Parser:
    """Precedence climbing over the tokens; every chain of one precedence becomes one closure, so closures stay flat."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.names: set[str] = set()
        self.meter = Meter()

    def whole(self) -> Evaluate:
        if self.tokens[0].kind == "end":
            raise ConditionInvalid("an empty expression", 1)
        evaluate = self._either()
        if self._now().kind != "end":
            raise self._unexpected("an operator or the end")
        return evaluate

    def _now(self) -> Token:
        return self.tokens[self.at]

    def _word(self) -> str:
        """The operator at hand: a sign, or a word in lower case; empty for anything else."""
        token = self.tokens[self.at]
        if token.kind == "sign":
            return token.text
        lower = token.text.lower()
        return lower if token.kind == "path" and lower in WORDS else ""

    def _take(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def _expect(self, sign: str) -> None:
        if self._now().kind != "sign" or self._now().text != sign:
            raise self._unexpected(repr(sign))
        self.at += 1

    def _unexpected(self, wanted: str) -> ConditionInvalid:
        token = self._now()
        found = token.text if token.kind == "end" else repr(token.text[:40])
        hint = HINTS.get(token.text) if token.kind == "sign" else None
        return ConditionInvalid(f"expected {wanted}, found {found}" + (f"; {hint}" if hint else ""), token.column)

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ConditionInvalid(f"nested deeper than {MAX_DEPTH}", self._now().column)

    def _either(self) -> Evaluate:
        parts = [self._both()]
        while self._word() == "or":
            self.at += 1
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else _any_of(parts)

    def _both(self) -> Evaluate:
        parts = [self._negated()]
        while self._word() == "and":
            self.at += 1
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else _all_of(parts)

    def _negated(self) -> Evaluate:
        negate, negations = False, 0
        while self._word() == "not":
            self.at += 1
            negate, negations = not negate, negations + 1
        inner = self._comparison()
        return _truth(inner, negate) if negations else inner

    def _comparison(self) -> Evaluate:
        left_token, left = self._now(), self._sum()
        word = self._word()
        if word not in COMPARISONS:
            return left
        column = self._take().column
        if word == "not":
            if self._word() != "in":
                raise self._unexpected("'in' after 'not'")
            self.at += 1
            word = "not in"
        right_token, right = self._now(), self._sum()
        if self._word() in COMPARISONS:
            raise ConditionInvalid("comparisons do not chain; join them with AND", self._now().column)
        if word in ("==", "!="):
            # "is it there?"; between two literals, or two paths, null is what it always is.
            if _is_null(right_token) and left_token.kind == "path" and not _is_null(left_token):
                return _null_test(left, word == "==")
            if _is_null(left_token) and right_token.kind == "path" and not _is_null(right_token):
                return _null_test(right, word == "==")
        return _compared(word, left, right, self.meter, column)

    def _sum(self) -> Evaluate:
        return self._chain(self._product, ("+", "-"))

    def _product(self) -> Evaluate:
        return self._chain(self._signed, ("*", "/", "%"))

    def _chain(self, operand: Callable[[], Evaluate], signs: tuple[str, ...]) -> Evaluate:
        first, rest = operand(), []
        while self._now().kind == "sign" and self._now().text in signs:
            sign = self._take()
            rest.append((ARITHMETIC[sign.text], sign.column, operand()))
        return _folded(first, rest, self.meter) if rest else first

    def _signed(self) -> Evaluate:
        minus, columns = False, []
        while self._now().kind == "sign" and self._now().text == "-":
            minus = not minus
            columns.append(self._take().column)
        inner = self._primary()
        if not columns:
            return inner
        column = columns[0]
        if not minus:
            return lambda state: negative(negative(inner(state), column), column)
        return lambda state: negative(inner(state), column)

    def _primary(self) -> Evaluate:
        token = self._now()
        if token.kind == "number":
            self.at += 1
            return _constant(number(token))
        if token.kind == "string":
            self.at += 1
            return _constant(string(token))
        if token.kind == "path":
            return self._named()
        if token.kind == "sign" and token.text in ("(", "["):
            self._deeper()
            inner = self._list() if token.text == "[" else self._group()
            self.depth -= 1
            return inner
        raise self._unexpected("a value")

    def _group(self) -> Evaluate:
        self.at += 1
        inner = self._either()
        self._expect(")")
        return inner

    def _list(self) -> Evaluate:
        self.at += 1
        items = self._items("]")
        return lambda state: [item(state) for item in items]

    def _items(self, end: str) -> list[Evaluate]:
        items: list[Evaluate] = []
        while not (self._now().kind == "sign" and self._now().text == end):
            if items:
                self._expect(",")
            items.append(self._either())
        self.at += 1
        return items

    def _named(self) -> Evaluate:
        token = self._now()
        word = token.text.lower()
        if word in WORDS:
            raise self._unexpected("a value")
        self.at += 1
        if word in LITERALS:
            return _constant(LITERALS[word])
        if self._now().kind == "sign" and self._now().text == "(":
            return self._call(token)
        steps = _steps(token.text)
        while self._now().kind == "tail" or (self._now().kind == "sign" and self._now().text == "["):
            if self._now().kind == "tail":
                steps += _steps(self._take().text[1:])
                continue
            self.at += 1
            steps.append(self._step())
            self._expect("]")
        for step in steps:
            if isinstance(step, str) and normalize("NFKC", step).startswith("__"):
                raise ConditionInvalid(f"{step!r} starts with two underscores, which no key may", token.column)
        self.names.add(str(steps[0]))
        return _path(steps)

    def _step(self) -> str | int:
        token = self._take()
        if token.kind == "string":
            return string(token)
        if token.kind == "number" and token.text.isdigit():
            return int(number(token))
        self.at -= 1
        raise self._unexpected("a key in quotes or a whole number")

    def _call(self, name: Token) -> Evaluate:
        if name.text not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise ConditionInvalid(f"{name.text!r} is not a function; there are {known}", name.column)
        wanted, function = FUNCTIONS[name.text]
        self._deeper()
        self.at += 1
        items = self._items(")")
        self.depth -= 1
        if len(items) != wanted:
            raise ConditionInvalid(f"{name.text}() takes {counted(wanted, 'argument')}, not {len(items)}", name.column)
        meter, column = self.meter, name.column
        return lambda state: function([item(state) for item in items], meter, column)


def _steps(dotted: str) -> list[str | int]:
    return [int(step) if step.isascii() and step.isdigit() else step for step in dotted.split(".")]


def _is_null(token: Token) -> bool:
    return token.kind == "path" and LITERALS.get(token.text.lower(), True) is None


def _constant(value: Any) -> Evaluate:
    return lambda state: value


def _path(steps: list[str | int]) -> Evaluate:
    name = str(steps[0])
    rest = steps[1:]
    if not rest:
        return lambda state: state.get(name)

    def walk(state: Mapping[str, Any]) -> Any:
        value = state.get(name)
        for step in rest:
            if isinstance(value, Mapping):
                value = value.get(str(step))
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    return walk


def _any_of(parts: list[Evaluate]) -> Evaluate:
    def evaluate(state: Mapping[str, Any]) -> bool:
        for part in parts:  # noqa: SIM110 (a generator would cost a third more on every step)
            if part(state):
                return True
        return False

    return evaluate


def _all_of(parts: list[Evaluate]) -> Evaluate:
    def evaluate(state: Mapping[str, Any]) -> bool:
        for part in parts:  # noqa: SIM110
            if not part(state):
                return False
        return True

    return evaluate


def _truth(inner: Evaluate, negate: bool) -> Evaluate:
    if negate:
        return lambda state: not inner(state)
    return lambda state: bool(inner(state))


def _null_test(inner: Evaluate, wanted: bool) -> Evaluate:
    return lambda state: (inner(state) is None) is wanted


def _compared(word: str, left: Evaluate, right: Evaluate, meter: Meter, column: int) -> Evaluate:
    order = ORDERINGS.get(word)
    if order is not None:
        return lambda state: ordered(order, left(state), right(state), meter)
    if word == "==":
        return lambda state: equal(left(state), right(state), meter)
    if word == "!=":
        return lambda state: unequal(left(state), right(state), meter)
    if word == "in":
        return lambda state: contains(right(state), left(state), meter)
    return lambda state: not contains(right(state), left(state), meter)


def _folded(first: Evaluate, rest: list[tuple[Callable[..., Any], int, Evaluate]], meter: Meter) -> Evaluate:
    def evaluate(state: Mapping[str, Any]) -> Any:
        value = first(state)
        for operation, column, operand in rest:
            value = operation(value, operand(state), meter, column)
        return value

    return evaluate


__all__ = ["MAX_DEPTH", "MAX_LENGTH", "ConditionFailed", "ConditionInvalid", "Expression", "parse"]
