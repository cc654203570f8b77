"""What a file's name and its text tell of its kind, and what they do not."""

import pytest

from refine_app.tools.file_kinds import KINDS
from refine_app.tools.languages import detect_language, filename_for, names_of
from tests.refine_app.tools.kinds import (
    COMPOSE,
    DOCKERFILE,
    INI,
    JSON,
    MAKEFILE,
    NOTEBOOK,
    PYPROJECT,
    SMALL_MAKEFILE,
    SQL,
    UNIT,
    XML,
)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("Makefile", "makefile"), ("rules.mk", "makefile"), ("GNUmakefile", "makefile"), ("Dockerfile", "dockerfile"),
        ("Dockerfile.dev", "dockerfile"), ("web.Dockerfile", "dockerfile"), ("Containerfile", "dockerfile"),
        ("a.ipynb", "notebook"), ("docker-compose.yml", "yaml"), ("values.yaml", "yaml"), ("Cargo.toml", "toml"),
        ("schema.SQL", "sql"), ("CMakeLists.txt", "cmake"), (".env", "dotenv"), (".env.local", "dotenv"),
        ("setup.cfg", "ini"), ("tox.ini", "ini"), (".editorconfig", "ini"), ("pom.xml", "xml"),
        ("README.md", "markdown"), ("a.rb", "ruby"),
        ("a.php", "php"), ("a.kt", "kotlin"), ("a.swift", "swift"), ("a.cs", "csharp"),
        ("package.json", "json"), ("notes.txt", "text"), ("", "text"),
    ],
)  # fmt: skip
def test_a_file_name_tells_its_kind(filename: str, expected: str) -> None:
    assert detect_language("", filename=filename) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MAKEFILE, "makefile"), (SMALL_MAKEFILE, "makefile"), (DOCKERFILE, "dockerfile"), (NOTEBOOK, "notebook"),
        (COMPOSE, "yaml"), (PYPROJECT, "toml"), (SQL, "sql"), (INI, "ini"), (UNIT, "ini"), (XML, "xml"), (JSON, "json"),
        ("Dear Ana,\n\nplease select what you want from the list;\nthank you.\n", "text"),
        ("Shopping\n- milk\n- bread\n", "text"),
        ("# Title\n\nA text: with a colon.\n\n- an item\n", "text"),
        ("You are a reviewer. Be kind: say what is good first.\nName every fault with its line.\n", "text"),
    ],
)  # fmt: skip
def test_a_text_tells_its_kind_and_prose_tells_none(text: str, expected: str) -> None:
    assert detect_language(text) == expected
    assert detect_language(text.replace("\n", "\r\n")) == expected


def test_kinds_have_their_names_for_fences_and_files() -> None:
    assert {"make", "mk"} < set(names_of("makefile"))
    assert {"yml"} < set(names_of("yaml"))
    assert (filename_for("makefile"), filename_for("dockerfile")) == ("Makefile", "Dockerfile")
    assert (filename_for("yaml"), filename_for("notebook")) == ("document.yaml", "document.ipynb")
    assert all(detect_language("", filename=filename_for(kind)) == kind for kind in KINDS)
