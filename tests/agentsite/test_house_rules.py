"""The rules of the house that no other tool holds: short files, telling names, settings that are written down."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import global_settings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agentsite", "sessions_app", "graphs_app", "refine_app")
LONGEST_FILE = 500
"""Past 400 a reviewer asks whether a file holds two ideas; it is split along the idea, never at a count of lines."""
LONGEST_FUNCTION = 50
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "core", "manager", "handler"}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts)


def scripts() -> Iterator[Path]:
    yield from (
        path for path in (ROOT / "static").rglob("*") if path.suffix in (".js", ".css") and "vendor" not in path.parts
    )


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_a_file_is_one_idea_and_so_is_short() -> None:
    lines = {name(path): len(path.read_text().splitlines()) for path in (*sources(), *scripts())}
    assert {path: count for path, count in lines.items() if count > LONGEST_FILE} == {}


def test_a_function_is_short() -> None:
    long: dict[str, int] = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{name(path)}:{node.name}"] = length
    assert long == {}


def test_no_file_is_a_junk_drawer() -> None:
    assert [name(path) for path in (*sources(), *scripts()) if path.stem.strip("_") in BANNED_NAMES] == []


def test_every_module_opens_with_its_purpose() -> None:
    bare = [
        name(path)
        for path in sources()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert bare == []


def test_no_plan_hides_in_a_comment() -> None:
    marks = re.compile(r"(#|//).*\b(TODO|FIXME|XXX|HACK)\b")
    found = [
        f"{name(path)}:{at}"
        for path in (*sources(), *scripts())
        for at, line in enumerate(path.read_text().splitlines(), 1)
        if marks.search(line)
    ]
    assert found == []


def test_errors_are_caught_as_a_policy_only_at_the_edges() -> None:
    """`except Exception` is for consumers, tasks, the API's handler, node executors, and what looks at health."""
    edges = {
        "agentsite/health.py",
        "graphs_app/batch.py",  # effects are plug-ins of the apps above: one that fails must not take others with it
        "graphs_app/consumers.py",
        "graphs_app/dispatch.py",  # whatever a broker's driver raises, the next run is sent
        "graphs_app/engine/executor.py",
        "graphs_app/intake.py",  # the task's edge, for messages that have no task of their own
        "graphs_app/worker.py",
        "sessions_app/consumers.py",
        "sessions_app/realtime/document_consumer.py",
        "sessions_app/realtime/document_hub.py",  # its looks at the database have to go on
        "sessions_app/realtime/document_room.py",  # a room's task: its sockets come back and synchronise
        "sessions_app/realtime/document_writer.py",  # a thread that rooms wait for
        "sessions_app/tasks.py",
    }
    found = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id == "Exception":
                found.add(name(path))
    assert found - edges == set()


def settings_read() -> set[str]:
    """The names that the settings read from the environment."""
    sources = "".join((ROOT / "agentsite" / name).read_text() for name in ("settings.py", "limit_settings.py"))
    return set(re.findall(r"env\.\w+\(\s*\"([A-Z_0-9]+)\"", sources))


def settings_documented() -> set[str]:
    table = (ROOT / "deploy" / "README.md").read_text()
    return set(re.findall(r"^\| `([A-Z_0-9]+)`", table, flags=re.MULTILINE))


def test_the_table_of_settings_is_the_settings() -> None:
    assert settings_documented() == settings_read()


def test_no_setting_is_kept_that_nothing_reads() -> None:
    """One that is assigned under its own name is used under it somewhere else, here or in Django."""
    sources_of_settings = [(ROOT / "agentsite" / one).read_text() for one in ("settings.py", "limit_settings.py")]
    assigned = re.findall(
        r"^\s*\"?([A-Z][A-Z_0-9]+)\"?: .*?env\.\w+\(", "".join(sources_of_settings), flags=re.MULTILINE
    )
    kept = {one for one in assigned if one in settings_read() and not hasattr(global_settings, one)}
    assert len(kept) > 100
    words = Counter(re.findall(r"\b[A-Z][A-Z_0-9]+\b", "\n".join(path.read_text() for path in sources())))
    assert {one for one in kept if words[one] <= 2} == set()  # its assignment, and the variable's name


@pytest.mark.parametrize(
    "requirements", ["requirements.txt", "tests/requirements.txt", "tests/benchmarks/requirements.txt"]
)
def test_every_requirement_is_pinned_to_a_version(requirements: str) -> None:
    lines = [line.strip() for line in (ROOT / requirements).read_text().splitlines()]
    loose = [
        line
        for line in lines
        if line and not line.startswith(("#", "-r")) and not re.fullmatch(r"[\w.\[\],-]+==[\w.]+", line)
    ]
    assert loose == []
