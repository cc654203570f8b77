"""Which files a run's state has, and what they are called; its owner may have written anything there."""

from typing import Any

import pytest

from refine_app.run_files import MOST_FILES, files_of


def written(*paths: Any) -> dict[str, Any]:
    return {"files": [{"path": path, "language": "python", "text": "x"} for path in paths]}


def names(*paths: Any) -> list[str]:
    return [file.path for file in files_of(written(*paths))]


def test_files_keep_their_names_folders_and_numbers_and_sizes_are_bytes() -> None:
    state = {"files": [{"path": "src/café.py", "language": "python", "text": "é"}], "delivered": "src/café.py"}
    [file] = files_of(state)
    assert (file.n, file.path, file.name, file.size, file.delivered) == (1, "src/café.py", "café.py", 2, True)
    assert names(".gitignore", "Makefile", "a/.env", "my file.txt") == [
        ".gitignore", "Makefile", "a/.env", "my file.txt",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["../x.py", "/etc/passwd", "a/../b", "a//b", "", ".", "a\\b", "C:x", "con", "aux.py", "a/nul.txt", "a.", "a ",
     "<b>.py", "a\n.py", "a\0", "x" * 300, "/".join(["dir"] * 400), 5, None],
)  # fmt: skip
def test_a_name_that_leaves_its_folder_or_is_none_is_replaced(path: Any) -> None:
    assert names("ok.py", path) == ["ok.py", "file-2.txt"]


def test_no_two_files_have_one_name_in_either_case() -> None:
    assert names("a.py", "A.py", "file-2.txt") == ["a.py", "file-2.txt", "file-3.txt"]
    assert names("file-2.txt", "../x") == ["file-2.txt", "other-file-2.txt"]


@pytest.mark.parametrize("files", [None, {}, "text", 5, [5, None, "a", {}, {"path": "a"}, {"path": "a", "text": 5}]])
def test_what_is_no_list_of_files_has_none(files: Any) -> None:
    assert files_of({"files": files}) == []


def test_no_more_than_a_bounded_number_is_told() -> None:
    assert len(names(*(f"{n}.py" for n in range(MOST_FILES + 5)))) == MOST_FILES
