"""The names that imports give, in the ways in which languages write them."""

import pytest

from refine_app.diffs.imports import lost_imports, names_in
from refine_app.diffs.outline import IMPORT, Definition


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("import os.path as p, sys", ["p", "sys"]),
        ("from a import (b, c as d)", ["b", "d"]),
        ("from y import *", []),
        ("from __future__ import annotations", []),
        ('import a, {b as c} from "x";', ["a", "c"]),
        ('import * as y from "z";', ["y"]),
        ('import type {T} from "x";', ["T"]),
        ('import "side";', []),
        ('"encoding/binary"', ["binary"]),
        ('x "y/z"', ["x"]),
        ('_ "q"', []),
        ("use std::hash::{Hash, Hasher as H};", ["Hash", "H"]),
        ("pub use a::b;", []),
        ("use c::*;", []),
        ("import java.util.List;", ["List"]),
        ("import a.*;", []),
        ("#include <a.h>", []),
        ("using std::string;", ["string"]),
    ],
)
def test_an_import_gives_these_names(statement: str, names: list[str]) -> None:
    assert names_in(statement) == names


@pytest.mark.parametrize(
    ("statement", "is_missed"),
    [
        ("from __future__ import print_function, unicode_literals", False),
        ("from __future__ import annotations", True),
        ("from __future__ import division, annotations", True),
    ],
)
def test_a_future_that_is_past_is_not_missed_and_one_that_is_not_is(statement: str, is_missed: bool) -> None:
    before = [Definition(name=statement, kind=IMPORT, start=0, end=1, depth=0, simple="")]
    assert bool(lost_imports("x = 1\n", before, [])) is is_missed
