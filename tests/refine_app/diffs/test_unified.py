"""Unified diffs: right by property, taken by git and by unidiff."""

import subprocess
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unidiff.patch import PatchSet

from refine_app.diffs.lines import split_lines
from refine_app.diffs.merge import apply_hunks
from refine_app.diffs.unified import find_changes, make_diff

LINE = st.sampled_from(
    ["a", "b", "c", "", "    d", "e\r", "\ufeff", "é\u2028x", "\x0c", "- x", "+++ y", "\\ z", "@@ -1 +1 @@"]
)
TEXT = st.builds(lambda lines, end: "\n".join(lines) + end, st.lists(LINE, max_size=30), st.sampled_from(["", "\n"]))

EDGES = {
    "empty to something": ("", "a\nb\n"),
    "something to empty": ("a\nb\n", ""),
    "no final newline either": ("a\nb", "a\nc"),
    "final newline added": ("a\nb", "a\nb\n"),
    "final newline removed": ("a\nb\n", "a\nb"),
    "appended without newline": ("a\n", "a\nb"),
    "crlf": ("a\r\nb\r\nc\r\n", "a\r\nx\r\nc\r\n"),
    "crlf to lf": ("a\r\nb\r\n", "a\nb\n"),
    "byte order mark": ("\ufeffa\nb\n", "\ufeffa\nc\n"),
    "lone carriage returns and form feeds": ("a\rb\x0cc\nd\n", "a\rb\x0cx\nd\n"),
    "lines that look like a diff": ("--- a\n+++ b\n@@ -1 +1 @@\n", "--- a\n+++ c\n@@ -1 +1 @@\n"),
    "only blank lines": ("\n\n\n", "\n\n"),
    "unicode separators": ("a\u2028b\nc\x85d\n", "a\u2028b\nc\x85e\n"),
}


def git_apply(directory: Path, old: str, patch: str, filename: str) -> str:
    target = directory / filename
    target.write_bytes(old.encode())
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=directory,
        input=patch.encode(),
        check=True,
        capture_output=True,
        timeout=20,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GIT_CEILING_DIRECTORIES": str(directory.parent),
            "HOME": str(directory),
        },
    )
    return target.read_bytes().decode()


@pytest.mark.parametrize(("old", "new"), EDGES.values(), ids=EDGES.keys())
def test_git_applies_the_patch_of_every_edge_case(tmp_path: Path, old: str, new: str) -> None:
    diff = make_diff(old, new, filename="file.txt")
    assert git_apply(tmp_path, old, diff.patch, "file.txt") == new


@pytest.mark.parametrize(
    "filename", ["a b.py", 'quo"te.py', "tab\there.py", "back\\slash.py", "ünïcode.py", "-dash.py"]
)
def test_git_applies_a_patch_of_a_file_with_an_odd_name(tmp_path: Path, filename: str) -> None:
    diff = make_diff("a\n", "b\n", filename=filename)
    assert git_apply(tmp_path, "a\n", diff.patch, filename) == "b\n"


@pytest.mark.parametrize("filename", ["../../etc/passwd", "/etc/passwd", "..", "", "a\nb/../c"])
def test_a_file_name_cannot_lead_out_of_the_tree_or_break_the_header(filename: str) -> None:
    head = make_diff("a\n", "b\n", filename=filename).patch.split("\n@@")[0]
    assert len(head.split("\n")) == 3
    assert ".." not in head
    assert "a//" not in head


@settings(max_examples=40, deadline=None)
@given(old=TEXT, new=TEXT)
def test_git_applies_any_patch(tmp_path_factory: pytest.TempPathFactory, old: str, new: str) -> None:
    patch = make_diff(old, new, filename="file.txt").patch
    if patch:
        assert git_apply(tmp_path_factory.mktemp("git"), old, patch, "file.txt") == new
    else:
        assert old == new


@settings(max_examples=300, deadline=None)
@given(old=TEXT, new=TEXT)
def test_applying_all_hunks_gives_the_new_text(old: str, new: str) -> None:
    assert apply_hunks(old, make_diff(old, new).hunks) == new


@settings(max_examples=200, deadline=None)
@given(old=TEXT, new=TEXT)
def test_unidiff_reads_the_same_hunks(old: str, new: str) -> None:
    diff = make_diff(old, new)
    patch = PatchSet(StringIO(diff.patch))
    read = [hunk for file in patch for hunk in file]
    assert [(h.source_start, h.source_length, h.target_start, h.target_length) for h in read] == [
        (h.old_start, h.old_lines, h.new_start, h.new_lines) for h in diff.hunks
    ]


@settings(max_examples=300, deadline=None)
@given(old=TEXT, new=TEXT)
def test_changes_are_in_order_apart_and_complete(old: str, new: str) -> None:
    a, b = split_lines(old), split_lines(new)
    x = y = 0
    for change in find_changes(a, b):
        assert a[x : change.old_start] == b[y : change.new_start]
        assert change.old_start > x or change.new_start > y or (x, y) == (0, 0)
        x, y = change.old_end, change.new_end
    assert a[x:] == b[y:]


def test_equal_texts_have_no_hunks_and_no_patch() -> None:
    diff = make_diff("a\n", "a\n")
    assert diff.hunks == ()
    assert diff.patch == ""


def test_changes_near_each_other_share_a_hunk_and_far_ones_do_not() -> None:
    lines = [f"line {n}\n" for n in range(40)]
    near = [*lines]
    near[10], near[15], near[30] = "x\n", "y\n", "z\n"
    hunks = make_diff("".join(lines), "".join(near)).hunks
    assert [(h.n, h.old_start, h.old_lines) for h in hunks] == [(1, 8, 12), (2, 28, 7)]


def test_an_added_function_shows_from_its_own_first_line() -> None:
    one = "def a():\n    x()\n\n\n"
    two = "def b():\n    x()\n\n\n"
    hunk = make_diff(one + "def c():\n    x()\n", one + two + "def c():\n    x()\n").hunks[0]
    added = [line for line in hunk.text.split("\n") if line.startswith("+")]
    assert added[0] == "+def b():"


def test_a_hunk_names_the_function_it_is_in() -> None:
    old = "def first():\n" + "".join(f"    x{n}()\n" for n in range(20))
    hunk = make_diff(old, old.replace("x15()", "y()")).hunks[0]
    assert hunk.header.endswith("@@ def first():")


def test_texts_that_share_nothing_cost_time_in_proportion_to_their_length() -> None:
    # A quadratic search of these would take minutes; the suite's time limit would end it.
    old = "".join(f"{n * 7919 % 5}\n" for n in range(40_000))
    new = "".join(f"{n * n * 31 % 5}\n" for n in range(40_000))
    assert apply_hunks(old, make_diff(old, new).hunks) == new
