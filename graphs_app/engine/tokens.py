"""Cuts the text of a condition into tokens, each with its column from 1."""

import re
from typing import NamedTuple

from graphs_app.engine.errors import ConditionInvalid
from graphs_app.engine.operations import MAX_WHOLE

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.]))
    |(?P<path>[^\W\d]\w*(?:\.(?:[^\W\d]\w*|[0-9]+(?!\w)))*)
    |(?P<tail>(?:\.(?:[^\W\d]\w*|[0-9]+(?!\w)))+)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<sign>==|!=|<=|>=|\*\*|//|&&|\|\||:=|[-+*/%<>()\[\],])
    """,
    re.VERBOSE,
)
HINTS = {
    "=": "write == to compare",
    ":=": "write == to compare",
    "&&": "write AND",
    "||": "write OR",
    "!": "write NOT",
    "**": "there are no powers",
    "//": "write /",
    "&": "write AND",
    "|": "write OR",
}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "/": "/"}


class Token(NamedTuple):
    kind: str
    text: str
    column: int


def tokenize(text: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        kind = str(match.lastgroup)
        if kind != "space":
            tokens.append(Token(kind, match.group(), position + 1))
        position = match.end()
    tokens.append(Token("end", "the end", len(text) + 1))
    return tokens


def _unreadable(text: str, position: int) -> ConditionInvalid:
    sign = text[position]
    if sign in "\"'":
        return ConditionInvalid("a string that does not end", position + 1)
    if sign.isdigit():
        return ConditionInvalid("a number that cannot be read", position + 1)
    hint = HINTS.get(sign)
    return ConditionInvalid(f"unexpected {sign!r}" + (f"; {hint}" if hint else ""), position + 1)


def number(token: Token) -> int | float:
    if token.text.isdigit():
        if len(token.text) > 19 or int(token.text) > MAX_WHOLE:
            raise ConditionInvalid("the number is too large", token.column)
        return int(token.text)
    value = float(token.text)
    if value == float("inf"):
        raise ConditionInvalid("the number is too large", token.column)
    return value


def string(token: Token) -> str:
    def unescaped(match: re.Match[str]) -> str:
        escape = match.group(1)
        if escape not in ESCAPES:
            column = token.column + 1 + match.start()
            raise ConditionInvalid(f"unknown escape \\{escape} in a string", column)
        return ESCAPES[escape]

    return re.sub(r"\\(.)", unescaped, token.text[1:-1])
