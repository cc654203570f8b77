"""A version as files for git: the same in, the same out, a line for a change; and zips that are not to be opened."""

import contextlib
import io
import json
import stat
import struct
import warnings
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs_app.exchange import folder
from graphs_app.snapshots import digest, snapshot_of
from tests.graphs_app import cast
from tests.graphs_app.exchange.test_round_trip import FULL, NASTY

PROMPTS = {"a/b": {"version": "1.2.0", "content": "Say it.\nTwice.", "variables": {}, "sha256": "x"}}


def kept(definition: dict[str, Any] = FULL) -> folder.Kept:
    snapshot = {**snapshot_of(definition, {"other": {"version": 2, "digest": "y"}}), "prompts": PROMPTS}
    snapshot["sha256"] = digest({key: value for key, value in snapshot.items() if key != "sha256"})
    return folder.Kept(definition, snapshot, "1.2.0", "A name", NASTY)


def test_a_version_comes_back_as_it_was_and_always_makes_the_same_bytes() -> None:
    content = folder.zip_of(folder.files_of(kept()), "full-1.2.0")
    assert folder.read_folder(content) == kept()
    shuffled = dict(reversed(kept().snapshot.items()))
    again = folder.Kept(dict(reversed(FULL.items())), shuffled, "1.2.0", "A name", NASTY)
    assert folder.zip_of(folder.files_of(again), "full-1.2.0") == content


def test_a_change_of_one_value_is_a_change_of_one_line_of_one_file() -> None:
    before = folder.files_of(kept())
    assert list(before) == ["graph.json", "note.md", "prompts/a%2Fb.md", "tools.json", "version.json"]
    assert before["prompts/a%2Fb.md"] == "Say it.\nTwice."
    after = folder.files_of(kept({**FULL, "max_iterations": 7}))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"graph.json", "version.json"}, "version.json has the snapshot's digest"
    added = set(after["graph.json"].splitlines()) - set(before["graph.json"].splitlines())
    assert added == {'  "max_iterations": 7,'}
    # What somebody changes by hand, and a folder around it, come in too.
    mended = {**after, "graph.json": after["graph.json"].replace(": 7,", ": 8,"), "README.md": "Mine."}
    assert folder.read_folder(folder.zip_of(mended, "repository/graphs/full")).definition["max_iterations"] == 8


def zipped(*entries: tuple[Any, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a name that is there already
        for name, content in (("graph.json", json.dumps(cast.SUM).encode()), *entries):
            archive.writestr(name, content)
    return target.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def before_its_beginning(content: bytes) -> bytes:
    """A zip whose list of files says that a file begins before the zip does."""
    at = content.index(b"PK\x01\x02") + 42
    return content[:at] + struct.pack("<I", 0xFFFFFF00) + content[at + 4 :]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (zipped(("../graph.json", b"{}")), "leads out of its folder"),
        (zipped(("/etc/passwd", b"x")), "leads out of its folder"),
        (zipped(("C:/x", b"x")), "leads out of its folder"),
        (zipped(("a/./b", b"x")), "is no name for a file"),
        (zipped(("prompts/NUL.md", b"x")), "is no name for a file"),
        (zipped((link("note.md"), b"/etc/passwd")), "is no ordinary file"),
        (zipped(("graph.json", b"{}")), "is in it twice"),
        (zipped(("prompts/\u00e9.md", b"x"), ("prompts/e\u0301.md", b"x")), "is in it twice"),
        (zipped(("bomb", b"\0" * 5_000_000)), "times as large"),
        (zipped(("large", bytes(range(256)) * 90_000), method=zipfile.ZIP_STORED), "more than 20 MB"),
        (zipped(*((f"n{at}", b"") for at in range(2001))), "2002 entries"),
        (zipped(("x/graph.json", b"{}")), "more than one graph.json"),
        (zipped(("note.md", b"\xff\xfe")), "is not UTF-8 text"),
        (zipped(("version.json", b"[1]")), "is no JSON object"),
        (zipped(("version.json", b"[" * 100_000)), "nested too deeply"),
        (zipped(method=zipfile.ZIP_LZMA), "another way than by deflate"),
        (zipped(method=zipfile.ZIP_BZIP2), "another way than by deflate"),
        (zipped()[:-30], "cannot be read"),
        (zipped().replace(b"PK\x05\x06", b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff", 1), "cannot be read"),
        (before_its_beginning(zipped()), "cannot be read"),
        (zipped().replace(b"\x50\x4b\x03\x04", b"\x50\x4b\x03\x05", 1), "cannot be read"),
        (folder.zip_of({"README.md": "Mine."}, "x"), "has no graph.json"),
    ],
)
def test_a_zip_that_is_not_to_be_trusted_is_refused_in_words(content: bytes, why: str) -> None:
    with pytest.raises(folder.NotAFolder, match=why):
        folder.read_folder(content)


def test_a_file_that_does_not_hold_what_it_says_is_refused() -> None:
    stored = zipped(("note.md", b"as it was"), method=zipfile.ZIP_STORED)
    with pytest.raises(folder.NotAFolder, match="Bad CRC"):
        folder.read_folder(stored.replace(b"as it was", b"otherwise"))


@given(data=st.data(), method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
@settings(max_examples=300)
def test_whatever_bytes_of_a_zip_are_broken_it_is_read_or_refused_in_words(data: st.DataObject, method: int) -> None:
    content = bytearray(zipped(("prompts/\u00e9.md", b"x" * 50), method=method))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(folder.NotAFolder):
        folder.read_folder(bytes(content))
