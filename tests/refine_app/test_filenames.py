import pytest

from refine_app.filenames import filename_of
from sessions_app.models import Session


@pytest.mark.parametrize(
    ("title", "language", "expected"),
    [
        ("heapq.py", "python", "heapq.py"),
        ("Untitled session", "python", "Untitled_session.py"),
        ("Stubs.pyi", "python", "Stubs.pyi"),
        ("../../etc/passwd", "python", "etc_passwd.py"),
        ("größe", "go", "größe.go"),
        ("a.py", "C++", "a.py.cpp"),
        ("???", "cobol", "document.txt"),
        ("x" * 200, "rust", "x" * 80 + ".rs"),
    ],
)
def test_a_document_is_named_after_its_session_and_language(title: str, language: str, expected: str) -> None:
    assert filename_of(Session(title=title, language=language)) == expected


@pytest.mark.parametrize(
    ("title", "language", "expected"),
    [
        ("Makefile", "makefile", "Makefile"),
        ("Build rules", "makefile", "Makefile"),
        ("../Dockerfile.dev", "dockerfile", "Dockerfile"),
        ("Dockerfile.dev", "dockerfile", "Dockerfile.dev"),
        ("values.yml", "yaml", "values.yml"),
        ("Sums", "notebook", "Sums.ipynb"),
        ("schema", "sql", "schema.sql"),
    ],
)
def test_a_file_of_a_kind_has_the_name_of_its_kind(title: str, language: str, expected: str) -> None:
    assert filename_of(Session(title=title, language=language)) == expected
