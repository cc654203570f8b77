"""What a streaming answer shows of the new text, before it is known as a whole."""

import pytest

from refine_app.diffs.drafts import DraftReader

BASE = "import os\n\nLIMIT = 10\n\n\ndef first():\n    return 1\n\n\ndef second():\n    return 1\n"


def shown(answer: str, base: str = BASE, slices: int = 7) -> str:
    """What is shown at the end of the answer, before it is read as a whole."""
    reader, text = DraftReader(base), ""
    for at in range(0, len(answer), slices):
        more = reader.feed(answer[at : at + slices])
        if more.starts_over:
            text = ""
        text += "".join(base.splitlines(keepends=True)[: more.kept_lines]) + more.text
    return text


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("", "</think>\n"),
        ("", "[/THINK]\n"),
        ("", "◁/think▷\n"),
        ("", "<|end|><|start|>assistant<|channel|>final<|message|>\n"),
        ("<think>\n", "</think>\n"),
        ("<think>\n", "\n</think>\n\n"),
        ("<think>\nA first try.\n</think>\n<think>\n", "</think>\n"),
    ],
)
def test_a_draft_in_thoughts_goes_when_the_thoughts_end(opens: str, closes: str) -> None:
    draft = "Let me see:\n\n```python\nprint(1)\n```\n"
    assert shown(f"{opens}{draft}{closes}") == ""
    assert shown(f"{opens}{draft}{closes}Here:\n\n```python\nimport re\n```\n") == "import re\n"


def test_a_draft_in_thoughts_that_are_marked_is_never_shown() -> None:
    reader = DraftReader(BASE)
    assert not reader.feed("<think>\nLet me see:\n\n```python\nprint(1)\n```\n")


def test_a_mark_that_is_spoken_of_ends_nothing() -> None:
    assert shown("```python\nimport re\n```\nIt strips `</think>` now.\n") == "import re\n"


@pytest.mark.parametrize(
    "edits",
    [
        "```python\n<<<<<<< SEARCH\nimport os\n=======\nimport re\n>>>>>>> REPLACE\n```\n",
        "```python\nx.py\n<<<<<<< SEARCH\nimport os\n=======\nimport re\n>>>>>>> REPLACE\n```\n",
        "```python\n*** Begin Patch\n*** Update File: x.py\n@@\n-import os\n+import re\n*** End Patch\n```\n",
        "```diff\n-import os\n+import re\n```\n",
        "```\ndiff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-import os\n+import re\n```\n",
        "```python\n--- x.py\n+++ x.py\n@@ ... @@\n-import os\n+import re\n```\n",
    ],
)
def test_edits_that_are_still_to_be_applied_are_not_shown_as_text(edits: str) -> None:
    assert shown(edits) == ""


def test_a_document_that_holds_such_marks_itself_is_shown() -> None:
    base = "A conflict:\n\n<<<<<<< SEARCH\nimport os\n"
    assert shown(f"```text\n{base}```\n", base) == base


def test_a_part_of_the_base_is_shown_where_it_stands() -> None:
    assert shown("```python\ndef second():\n    return 2\n```\n") == BASE.replace(
        "second():\n    return 1", "second():\n    return 2"
    )


def test_a_whole_text_is_shown_as_it_is() -> None:
    new = BASE.replace("10", "11")
    assert shown(f"Here:\n\n```python\n{new}```\n") == new
    assert shown(f"```python\r\n\r\n# New.\r\n{new}```\r\n") == f"\n# New.\n{new}"
