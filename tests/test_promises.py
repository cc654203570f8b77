"""Every setting that is promised or documented is read from the environment, and what was read is used."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import global_settings

from tests.promises import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
APPS = ("agentsite", "sessions_app", "graphs_app", "refine_app")
READERS = ("settings.py", "limit_settings.py")
ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \|", re.MULTILINE)


def documented() -> set[str]:
    table = (ROOT / "deploy/README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    return set(ROW.findall(table))


@cache
def words() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The strings of what reads the environment, the names it gives to what it read, and those that anything uses."""
    read, kept, used = set(), set(), set()
    for path in [one for app in APPS for one in (ROOT / app).rglob("*.py") if "migrations" not in one.parts]:
        is_reader = path.parent.name == "agentsite" and path.name in READERS
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Attribute(attr=name) | ast.Name(id=name, ctx=ast.Load()):
                    used.add(name)
                case ast.Name(id=name, ctx=ast.Store()) if is_reader:
                    kept.add(name)
                case ast.Constant(value=str(name)) if is_reader:
                    read.add(name)
                case ast.Constant(value=str(name)):
                    used.add(name)
    return frozenset(read), frozenset(kept), frozenset(used)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_promised_setting_is_documented(name: str) -> None:
    assert name in documented(), f"{SETTINGS[name]} names it"


def test_every_setting_is_read_and_what_was_read_is_used() -> None:
    read, kept, used = words()
    names = {name for name in documented() | set(SETTINGS) if not name.startswith(("RATE_LIMIT_", "QUOTA_"))}
    assert {name for name in names if name not in read} == set()
    # What has no name of its own is used where it is read, and Django uses its own.
    assert {name for name in names & kept if name not in used and not hasattr(global_settings, name)} == set()
