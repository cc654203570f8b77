"""The names that imports give, in the ways in which languages write them."""

import pytest

from refine_app.diffs.imports import names_in


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
