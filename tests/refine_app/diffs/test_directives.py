"""Comments that tools obey are no remarks."""

import pytest

from refine_app.diffs.directives import lost_directives

BODY = "one\ntwo\n"


@pytest.mark.parametrize(
    "line",
    [
        "# syntax=docker/dockerfile:1",
        "# escape=`",
        "#!/usr/bin/env bash",
        "# -*- coding: latin-1 -*-",
        "//go:build linux",
        "//go:embed assets",
        "// @ts-check",
        '/// <reference types="node" />',
        "/* eslint-env node */",
        "# frozen_string_literal: true",
        "# yaml-language-server: $schema=a.json",
        "-- +goose Up",
        "-- name: GetUser :one",
        "/* SPDX-License-Identifier: MIT */",
    ],
)
def test_a_directive_that_gives_way_to_a_remark_is_lost(line: str) -> None:
    [loss] = lost_directives(f"{line}\n{BODY}", f"# as before\n{BODY}")
    assert (loss.name, loss.kind, loss.line) == (line[:80], "directive", 1)
    assert lost_directives(f"{line}\n{BODY}", f"{line}\n{BODY}three\n") == []


def test_a_directive_of_the_same_name_takes_its_place() -> None:
    assert lost_directives("# syntax=docker/dockerfile:1\nFROM a\n", "# syntax=docker/dockerfile:1.7\nFROM a\n") == []


@pytest.mark.parametrize(
    "line", ["# A remark", "// see go: it is told there", "# the syntax is explained below", "-- all"]
)
def test_a_remark_is_no_directive(line: str) -> None:
    assert lost_directives(f"{line}\n{BODY}", BODY) == []
