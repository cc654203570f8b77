"""Whether a text can be read as a Makefile, JSON, a notebook, YAML …: each kind has its readings. Runs in the child.

A kind may be read in several ways, the strictest first (JSON, then JSON with comments): a new text has to be right in
the strictest that the old one was right in.
"""

import configparser
import functools
import importlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any
from xml.parsers import expat

import yaml
from tree_sitter import Language as Grammar
from tree_sitter import Parser

from refine_app.tools.checks import Fault, fault_at
from refine_app.tools.makefiles import makefile_faults
from refine_app.tools.sql_texts import sql_faults
from refine_app.tools.syntax import find_errors

MAX_FAULTS = 20
MAX_ANCHORS = 1_000
MAX_DIGITS = 4_000
"""Python makes no number of more; JSON knows no such limit."""
Reading = Callable[[str], list[Fault]]


def read_as(text: str, kind: str) -> dict[str, Any]:
    """{"errors", "count", "compiles": None, "readings": {name: {count, errors}}, "anchors"?}: errors of the best."""
    readings: Mapping[str, Reading] = READINGS[kind]
    found: dict[str, list[Fault]] = {}
    for name, read in readings.items():
        try:
            found[name] = read(text)
        except RecursionError:
            found[name] = [fault_at(1, 1, "nested too deeply to be read")]
    best = min(found, key=lambda name: len(found[name]))
    result: dict[str, Any] = {
        "errors": found[best][:MAX_FAULTS],
        "count": len(found[best]),
        "compiles": None,
        "readings": {name: {"count": len(faults), "errors": faults[:3]} for name, faults in found.items()},
    }
    if kind == "yaml":
        result["anchors"] = _read_yaml(text)[1]
    return result


# JSON


def json_faults(text: str) -> list[Fault]:
    """What RFC 8259 has against a text."""
    try:
        _load_json(text)
    except json.JSONDecodeError as error:
        return [fault_at(error.lineno, error.colno, f"no JSON: {error.msg}")]
    except ValueError as error:
        return [fault_at(1, 1, f"no JSON: {error}")]
    return []


def _load_json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant, parse_int=_whole)


def _whole(digits: str) -> int:
    """The number; of one that is too long to be made, its beginning will do."""
    return int(digits[:MAX_DIGITS])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def json_with_comments_faults(text: str) -> list[Fault]:
    """JSON with comments and commas at the end, as editors keep their settings, or one value a line."""
    return [error for error in _grammar_faults(text, "tree_sitter_json") if error["message"] != "unexpected ','"]


def notebook_faults(text: str) -> list[Fault]:
    """What a Jupyter notebook must have: an object with a list of cells, each with its type and source."""
    faults = json_faults(text)
    if faults:
        return faults
    book = _load_json(text)
    if not isinstance(book, dict) or not isinstance(book.get("cells"), list):
        return [fault_at(1, 1, "no notebook: it is not an object with a list of cells")]
    if not isinstance(book.get("nbformat"), int):
        faults.append(fault_at(1, 1, "no notebook: nbformat is not there or no number"))
    for number, cell in enumerate(book["cells"], 1):
        if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
            faults.append(fault_at(1, 1, f"cell {number} has no cell_type of code, markdown or raw"))
        elif not _is_source(cell.get("source")):
            faults.append(fault_at(1, 1, f"the source of cell {number} is neither a text nor a list of texts"))
    return faults


def _is_source(source: object) -> bool:
    return isinstance(source, str) or (isinstance(source, list) and all(isinstance(line, str) for line in source))


# YAML is read as events: aliases are never followed, so a text stays as small as it is.


def yaml_faults(text: str) -> list[Fault]:
    """What the parser has against a text, and aliases without an anchor before them."""
    return _read_yaml(text)[0]


@functools.lru_cache(maxsize=1)
def _read_yaml(text: str) -> tuple[list[Fault], dict[str, int]]:
    """A text's faults, and each anchor with the number of its aliases."""
    faults: list[Fault] = []
    anchors: dict[str, int] = {}
    known: set[str] = set()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                known = set()
            elif isinstance(event, yaml.AliasEvent):
                name = event.anchor or ""
                anchors[name] = anchors.get(name, 0) + 1
                if name not in known and len(faults) < MAX_FAULTS:
                    words = f"alias *{name} has no anchor &{name} before it"
                    faults.append(fault_at(*_place(event.start_mark), words))
            elif isinstance(event, yaml.NodeEvent) and event.anchor:
                known.add(event.anchor)
                anchors.setdefault(event.anchor, 0)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        faults.append(fault_at(*_place(mark), f"no YAML: {getattr(error, 'problem', None) or error}"))
    return faults, dict(list(anchors.items())[:MAX_ANCHORS])


def _place(mark: Any) -> tuple[int, int]:
    """Line and column of a mark, which libyaml may not have."""
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


# Others

_AT = re.compile(r"\(at line (\d+), column (\d+)\)$")


def toml_faults(text: str) -> list[Fault]:
    try:
        tomllib.loads(text)
    except ValueError as error:  # also of whole numbers that are too long, which TOML has none of
        place = _AT.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        return [fault_at(line, column, f"no TOML: {error}")]
    return []


GOES_ON = "an indented line goes on from a setting that has no value"


def _ini_reading(*, strict: bool, head: bool = False) -> Reading:
    def faults_of(text: str) -> list[Fault]:
        parser = configparser.RawConfigParser(strict=strict, allow_no_value=True)
        try:
            parser.read_string(f"[\x00]\n{text}" if head else text)
        except configparser.MissingSectionHeaderError as error:
            return [fault_at(error.lineno, 1, f"no section before {str(error.line).strip()[:60]!r}")]
        except configparser.ParsingError as error:
            if not hasattr(error, "errors"):  # Python 3.13's, for what those before have an AttributeError for
                return [fault_at(1, 1, GOES_ON)]
            return [
                fault_at(line - head, 1, f"neither a section nor a setting: {row[:60]}") for line, row in error.errors
            ]
        except AttributeError:  # the parser's own: it adds such a line to a value that is not there
            return [fault_at(1, 1, GOES_ON)]
        except configparser.Error as error:
            return [fault_at((getattr(error, "lineno", None) or 1) - head, 1, error.message)]
        # A setting without a value is read as one, whatever it says; several words are no name.
        return [
            fault_at(1, 1, f"neither a section nor a setting: {key[:60]!r}")
            for section in parser.sections()
            for key, value in parser.items(section)
            if value is None and len(key.split()) > 1
        ]

    return faults_of


def xml_faults(text: str) -> list[Fault]:
    """Whether it is well-formed. Entities are not expanded, and nothing is fetched."""
    parser = expat.ParserCreate("utf-8")
    parser.DefaultHandler = _ignore  # with it, expat does not expand a document's own entities
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        return [fault_at(error.lineno, error.offset + 1, f"not well-formed: {expat.errors.messages[error.code]}")]
    return []


def _ignore(data: str) -> None:
    """What a document holds is of no interest here."""


def dockerfile_faults(text: str) -> list[Fault]:
    return _grammar_faults(text, "tree_sitter_containerfile")


def _grammar_faults(text: str, module: str) -> list[Fault]:
    grammar = Grammar(importlib.import_module(module).language())
    ended = text if text.endswith("\n") else f"{text}\n"
    return find_errors(Parser(grammar).parse(ended.encode("utf-8", "replace")))


READINGS: dict[str, dict[str, Reading]] = {
    "makefile": {"GNU make": makefile_faults},
    "json": {"JSON": json_faults, "JSON with comments": json_with_comments_faults},
    "notebook": {"notebook": notebook_faults},
    "yaml": {"YAML": yaml_faults},
    "toml": {"TOML": toml_faults},
    "ini": {
        "INI": _ini_reading(strict=True),
        "INI with settings twice": _ini_reading(strict=False),
        "INI with settings before the first section": _ini_reading(strict=False, head=True),
    },
    "xml": {"XML": xml_faults},
    "dockerfile": {"Dockerfile": dockerfile_faults},
    "sql": {"SQL": sql_faults},
}
"""Ways to read each kind, the strictest first."""
