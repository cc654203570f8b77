"""The tables of docs/reference.md, made from the code: events, errors and close codes.

Usage: python -m tests.reference --write
"""

import ast
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from inspect import getsource
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
django.setup()

import graphs_app.events  # noqa: E402
import refine_app.events  # noqa: E402
import sessions_app.events  # noqa: E402
from agentsite.problem import CODES  # noqa: E402
from sessions_app.errors import DomainError  # noqa: E402
from sessions_app.realtime.close_codes import CloseCode  # noqa: E402

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"
CATALOGUES = (sessions_app.events, graphs_app.events, refine_app.events)
OUTSIDE_SERVICES = {
    "bad_request": "The request cannot be understood.",
    "not_authenticated": "The request needs a sign-in.",
    "authentication_failed": "The token is not valid, or has expired.",
    "csrf_failed": "A form came from another site, or its CSRF token is missing.",
    "method_not_allowed": "The path does not take this method; `Allow` lists those it takes.",
    "not_acceptable": "No representation that `Accept` names.",
    "request_timeout": "The request's head or body took too long to arrive.",
    "uri_too_long": "The address is over its limit.",
    "unsupported_media_type": "The body is of a type that the path does not take.",
    "headers_too_large": "The request's head is over its limit.",
    "internal_error": "A fault of the site; the log has it by the request's id.",
    "error": "A fault of the site without a code of its own.",
    "unavailable": "The database is away; nothing was changed. Repeat after `Retry-After`.",
}
"""What has no class among the services' errors: HTTP itself decides it."""


def subclasses(of: type[DomainError]) -> Iterator[type[DomainError]]:
    for one in of.__subclasses__():
        yield one
        yield from subclasses(one)


def first_line(of: type) -> str:
    return (of.__doc__ or "").strip().partition("\n")[0]


def events() -> str:
    """A row for each type of event, by the app that writes it."""
    lines = ["| event | data | written by |", "|---|---|---|"]
    for catalogue in CATALOGUES:
        own = [
            one for one in vars(catalogue).values() if isinstance(one, type) and one.__module__ == catalogue.__name__
        ]
        for one in own:
            if isinstance(kind := one.__dict__.get("type"), str):
                data = ", ".join(f"`{field.name}`" for field in fields(one) if field.name != "run")
                lines.append(f"| `{kind}` | {data} | {catalogue.__name__.partition('.')[0]} |")
    return "\n".join(lines)


def errors() -> str:
    """A row for each code, by status."""
    told = dict(OUTSIDE_SERVICES)
    for one in subclasses(DomainError):
        told.setdefault(one.code, re.sub(r"^Raised (into a run )?(when|for) ", "", first_line(one)))
    lines = ["| status | code | when |", "|---|---|---|"]
    for status, codes in CODES.items():
        for code in codes:
            when = told[code]
            lines.append(f"| {status} | `{code}` | {when[:1].upper()}{when[1:]} |")
    return "\n".join(lines)


def close_codes() -> str:
    """A row for each code, with the docstring that follows it."""
    (declared,) = ast.parse(getsource(CloseCode)).body
    assert isinstance(declared, ast.ClassDef)
    lines = ["| code | name | meaning |", "|---|---|---|"]
    for code in sorted(CloseCode):
        place = next(
            number
            for number, line in enumerate(declared.body)
            if isinstance(line, ast.Assign)
            and isinstance(line.targets[0], ast.Name)
            and line.targets[0].id == code.name
        )
        told = declared.body[place + 1] if place + 1 < len(declared.body) else None
        if not (isinstance(told, ast.Expr) and isinstance(told.value, ast.Constant)):
            raise SystemExit(f"CloseCode.{code.name} has no docstring")
        lines.append(f"| {code.value} | `{code.name.lower()}` | {' '.join(str(told.value.value).split())} |")
    return "\n".join(lines)


TABLES = {"events": events, "errors": errors, "close codes": close_codes}


def filled(page: str) -> str:
    """The page with every table as the code has it now."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}{table()}{end}{rest.partition(end)[2]}"
    return page


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(filled(PAGE.read_text()))
