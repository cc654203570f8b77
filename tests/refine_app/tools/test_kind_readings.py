"""Files that are no programs stay of their kind: three right and three wrong members of each, and hostile ones."""

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from refine_app.tools.analysis import analyse
from refine_app.tools.analysis_child import analyse as child_analyse
from refine_app.tools.children import Limits
from refine_app.tools.file_kinds import CHECKED, MOST_READ
from refine_app.tools.kind_readings import READINGS
from refine_app.tools.validation import check_text
from tests.refine_app.tools.kinds import (
    COMPOSE,
    DOCKERFILE,
    INI,
    JSON,
    JSON_WITH_COMMENTS,
    MAKEFILE,
    NOTEBOOK,
    PYPROJECT,
    PYTHON,
    SMALL_MAKEFILE,
    SQL,
    UNIT,
    XML,
)

RIGHT = [
    ("makefile", MAKEFILE, MAKEFILE.replace("coverage", "coverage dist")),
    ("makefile", SMALL_MAKEFILE, SMALL_MAKEFILE.replace("\trm -f a.o", "\trm -f a.o \\\n        all")),
    ("makefile", SMALL_MAKEFILE, ".RECIPEPREFIX = >\nall: a.o\n> cc -o all a.o\n"),
    ("makefile", SMALL_MAKEFILE, SMALL_MAKEFILE + "\ndefine HELP\n  free text here\nendef\n$(info $(HELP))\n"),
    ("json", JSON, JSON.replace("pytest", "pytest -q")),
    ("json", JSON_WITH_COMMENTS, JSON_WITH_COMMENTS.replace("4", "2")),
    ("json", "", JSON),
    ("notebook", NOTEBOOK, NOTEBOOK.replace("a + 1", "a + 2")),
    ("notebook", NOTEBOOK, json.dumps(json.loads(NOTEBOOK))),
    ("notebook", NOTEBOOK, json.dumps(json.loads(NOTEBOOK) | {"metadata": {}})),
    ("yaml", COMPOSE, COMPOSE.replace("always", "on-failure")),
    ("yaml", "a: 1\nb: 2\nc: 3\n", "a: 1\nb: [2, 3]\nc: |\n  text\n"),
    ("yaml", "a: &x 1\n---\nb: 2\n", "a: &x 1\nc: *x\n---\nb: 2\n"),
    ("toml", PYPROJECT, PYPROJECT + "\n[tool.other]\nwide = 100\n"),
    ("toml", "[a]\nb = 1\n", "[a]\nb = 1979-05-27T07:32:00Z\n"),
    ("toml", "[a]\nb = 1\n", '[a]\nb = """\ntwo\nlines"""\n[[c]]\nd = {e = 1}\n'),
    ("sql", SQL, SQL.replace("> 1", "> 2")),
    ("sql", SQL, "CREATE TABLE `people` (`id` int AUTO_INCREMENT, PRIMARY KEY (`id`)) ENGINE=InnoDB;\n"),
    ("sql", SQL, f"{SQL}CREATE INDEX people_names ON people (name);\n"),
    ("sql", "\\connect site\n" + SQL, "\\connect other\n" + SQL),
    ("dockerfile", DOCKERFILE, DOCKERFILE.replace("3.12", "3.13")),
    ("dockerfile", DOCKERFILE, DOCKERFILE + "RUN --mount=type=cache,target=/x <<EOF\nset -e\nls\nEOF\n"),
    ("dockerfile", "FROM scratch\n", "from scratch\nadd a /a\n"),
    ("ini", INI, INI.replace("1.0", "1.1")),
    ("ini", UNIT, UNIT.replace("site\n", "site --port 80\n")),
    ("ini", "root = true\n\n[*]\nindent_size = 4\n", "root = true\n\n[*]\nindent_size = 2\n"),
    ("xml", XML, XML.replace("80", "8080")),
    ("xml", XML, XML.replace("80", "<!-- the usual --><![CDATA[80]]>")),
    ("xml", XML, XML.replace("<port>80</port>", "<port n='1'/>")),
]  # fmt: skip
WRONG = [
    ("makefile", MAKEFILE, MAKEFILE.replace("\t", "    "), "begins with 4 spaces where a recipe line begins with a"),
    ("makefile", SMALL_MAKEFILE, SMALL_MAKEFILE.replace("\trm", "  rm"), "line 11, column 1: the line begins with 2"),
    ("makefile", SMALL_MAKEFILE, SMALL_MAKEFILE.replace("\t", ""), "missing separator"),
    ("makefile", SMALL_MAKEFILE, "Here is the Makefile\n" + SMALL_MAKEFILE, "line 1, column 1: missing separator"),
    ("json", JSON, JSON.replace('"name"', '// who\n  "name"'), "line 2, column 3"),
    ("json", JSON, JSON.replace("pytest\"", "pytest\","), "no JSON"),
    ("json", JSON, JSON.replace('"pytest"', "NaN"), "NaN is no number of JSON"),
    ("json", JSON_WITH_COMMENTS, JSON_WITH_COMMENTS.replace('": 4', '" 4'), "cannot be read as JSON with comments"),
    ("notebook", NOTEBOOK, "a = 1\na + 1\n", "no JSON"),
    ("notebook", NOTEBOOK, JSON, "not an object with a list of cells"),
    ("notebook", NOTEBOOK, NOTEBOOK.replace('"source"', '"text"'), "the source of cell 1"),
    ("notebook", NOTEBOOK, NOTEBOOK.replace('"nbformat": 4', '"nbformat": "4"'), "nbformat is not there or no number"),
    ("yaml", COMPOSE, COMPOSE.replace(" &base", ""), "alias *base has no anchor &base before it"),
    ("yaml", COMPOSE, COMPOSE.replace("  web:", "\tweb:"), "line 6"),
    ("yaml", COMPOSE, COMPOSE.replace("image: web", "image: web: 2"), "no YAML"),
    ("yaml", "a: &x 1\nb: *x\n", "a: &x 1\n---\nb: *x\n", "alias *x has no anchor"),
    ("toml", PYPROJECT, PYPROJECT.replace("[tool.", "[[tool.", 1), "no TOML"),
    ("toml", "[a]\nb = 1\n", "a:\n  b: 1\n", "no TOML"),
    ("toml", "[a]\nb = 1\n", "[a]\nb = 1\nb = 2\n", "no TOML"),
    ("sql", SQL, SQL.replace("NOT NULL\n)", "NOT NULL,\n    (", 1), "no SQL"),
    ("sql", SQL, "Here is the query\n" + SQL, "no SQL"),
    ("sql", SQL, "import sqlite3\n", "no statement of SQL"),
    ("sql", SQL, SQL.replace("SELECT p.name", "...\nSELECT p.name"), "line 6"),
    ("dockerfile", DOCKERFILE, DOCKERFILE.replace("EXPOSE", "EXPOES"), "unexpected"),
    ("dockerfile", DOCKERFILE, DOCKERFILE.replace("install \\\n", "install\n"), "unexpected"),
    ("dockerfile", DOCKERFILE, "Here is the new file:\n" + DOCKERFILE, "line 1"),
    ("ini", INI, INI.replace("[metadata]\n", ""), "no section before"),
    ("ini", INI, "Here is your file\n" + INI, "no section before"),
    ("ini", INI, INI.replace("version = 1.0", "version = 1.0\nversion = 2.0"), "already exists"),
    ("xml", XML, XML.replace("</name>", "</nam>"), "mismatched tag"),
    ("xml", XML, XML.replace("site", "site & more"), "not well-formed"),
    ("xml", XML, XML + "<project/>\n", "junk after document element"),
]  # fmt: skip


async def verdict_of(kind: str, old: str, new: str) -> dict[str, Any]:
    (check,) = [check for check in await check_text(old, new, kind) if check["name"] == kind]
    return check


@pytest.mark.parametrize(("kind", "old", "new"), RIGHT)
async def test_a_text_that_stays_of_its_kind_passes(kind: str, old: str, new: str) -> None:
    check = await verdict_of(kind, old, new)
    assert check["verdict"] == "passed", check


@pytest.mark.parametrize(("kind", "old", "new", "says"), WRONG)
async def test_a_text_that_is_no_longer_of_its_kind_fails_with_the_place(
    kind: str, old: str, new: str, says: str
) -> None:
    check = await verdict_of(kind, old, new)
    assert check["verdict"] == "failed", check
    assert says in check["detail"]
    assert "line " in check["detail"]


def test_every_kind_that_is_checked_has_three_right_and_three_wrong_members() -> None:
    for members in (RIGHT, WRONG):
        assert {kind for kind in CHECKED if sum(member[0] == kind for member in members) >= 3} == CHECKED == {*READINGS}


@pytest.mark.parametrize("kind", sorted(CHECKED))
async def test_a_text_that_was_not_of_its_kind_before_is_not_held_to_it(kind: str) -> None:
    check = await verdict_of(kind, "{{ if a }}\n<{[ &\n", "{{ if b }}\n<{[ &\n")
    assert check["verdict"] == "skipped"
    assert "before either" in check["detail"]


@pytest.mark.parametrize("language", ["cobol", "cmake", "dotenv", "ruby", "text"])
async def test_a_kind_without_a_parser_says_that_nothing_was_checked(language: str) -> None:
    check = (await check_text("a = 1\n", "a = 2\n", language))[0]
    assert (check["name"], check["verdict"]) == ("syntax", "skipped")
    assert check["detail"] == f"nothing was checked: there is no parser for {language!r}"


@pytest.mark.parametrize("is_grown", [False, True])
async def test_sql_that_is_too_large_for_its_parser_is_skipped_with_the_limit_and_never_passed(is_grown: bool) -> None:
    rows = "INSERT INTO people (name, born) VALUES ('Ana', 1990), ('Ben', 1991);\n" * (MOST_READ["sql"] // 60)
    check = await verdict_of("sql", SQL if is_grown else f"{SQL}{rows}", f"{SQL}{rows}SELECT 1;\n")
    assert check["verdict"] == "skipped", check
    assert "larger than 300,000" in check["detail"]


@pytest.mark.parametrize("declared", ["python", "json", "text"])
async def test_a_notebook_is_one_whatever_its_session_says(declared: str) -> None:
    checks = await check_text(NOTEBOOK, PYTHON, declared)
    assert (checks[0]["name"], checks[0]["verdict"]) == ("notebook", "failed")


@pytest.mark.parametrize(
    ("new", "verdict", "says"),
    [
        (COMPOSE.replace("always", "no"), "passed", "2 before, 2 now"),
        (COMPOSE.replace("    <<: *base\n", "    restart: always\n").replace(" &base", ""), "failed", "&base is gone"),
        (COMPOSE.replace("*env", "{TZ: UTC}"), "failed", "no alias points to &env any more (1 did)"),
    ],
)
async def test_anchors_that_were_used_and_are_lost_are_told(new: str, verdict: str, says: str) -> None:
    (check,) = [check for check in await check_text(COMPOSE, new, "yaml") if check["name"] == "anchors"]
    assert (check["verdict"], says in check["detail"]) == (verdict, True), check


DEEP = 100_000
HOSTILE = [
    ("yaml", "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(2000))),
    ("yaml", "a: &l0 [lol]\n" + "".join(f"b{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 30))),
    ("yaml", "[" * DEEP),
    ("yaml", "? " * DEEP),
    ("json", "[" * DEEP),
    ("json", '{"a":' * DEEP),
    ("notebook", '{"nbformat": 4, "cells": ' + "[" * DEEP),
    ("json", "9" * DEEP),
    ("toml", "a = " + "[" * DEEP),
    ("toml", "a." * DEEP + "b = 1"),
    ("ini", "[a]\n" + "b=1\n c\n" * 20_000),
    ("ini", "[a]\n" + "".join(f"[a{n}]\nb=1\n" for n in range(70_000))),
    ("xml", '<!DOCTYPE a [<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
     + "]><a>&l11;</a>"),
    ("xml", '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>'),
    ("xml", "<a>" * DEEP),
    ("sql", "SELECT " + "(" * DEEP),
    ("sql", "SELECT 1 " + "+ 1 " * 50_000 + ";"),
    ("sql", "SELECT 'a" * 20_000),
    ("dockerfile", "RUN \\\n" * 50_000),
    ("makefile", "a: $(" * 20_000),
    ("makefile", "a" * 500_000 + "\n" + "  b" * 200_000),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), HOSTILE, ids=[f"{kind}-{n}" for n, (kind, _) in enumerate(HOSTILE)])
async def test_a_hostile_text_is_judged_or_skipped_within_its_limits(kind: str, text: str) -> None:
    analysis = await analyse(text, kind, ("syntax",), limits=Limits(cpu_s=3))
    assert analysis.syntax is not None or "analysis skipped: " in analysis.skipped["syntax"]
    assert len(json.dumps(analysis.syntax)) < 200_000


def test_makefiles_of_others_are_right() -> None:
    paths = [Path(sysconfig.get_config_h_filename()).parent, Path(sysconfig.get_makefile_filename())]
    found = [path for path in paths if path.is_file()]
    for path in found:
        faults = READINGS["makefile"]["GNU make"](path.read_text(errors="replace"))
        assert faults == [], path


@pytest.mark.parametrize("text", [text for kind, _, text, _ in WRONG if kind == "makefile" and "Here" not in text])
def test_what_is_told_of_a_makefile_is_what_gnu_make_tells(text: str, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(text)
    made = subprocess.run(["make", "-n", "-f", "Makefile"], cwd=tmp_path, capture_output=True, text=True)
    assert "missing separator" in made.stderr
    first = READINGS["makefile"]["GNU make"](text)[0]["line"]
    assert f"Makefile:{first}:" in made.stderr


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("json", "9" * 1_000_000, ""),
        ("notebook", '{"cells": [], "nbformat": 4, "n": ' + "9" * 5_000 + "}", ""),
        ("toml", "a = " + "9" * 5_000, "no TOML"),
        ("toml", "a = " + "[" * 5_000, "nested too deeply"),
        ("json", "[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("yaml", "a: b\ud800", ""),
        ("ini", "[a]\nb\n  c\n", "goes on from a setting that has no value"),
    ],
)
def test_what_stops_a_parser_is_a_fault_of_the_text_or_none(kind: str, text: str, says: str) -> None:
    found = child_analyse({"code": text, "language": kind, "want": ["syntax"]})["syntax"]
    first = next(iter(found["readings"].values()))
    assert [says in fault["message"] for fault in first["errors"]] == [True] * bool(says)
