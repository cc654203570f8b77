"""Guessing a language: right for real files, and quick for every text, also for one that was made to be slow."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from refine_app.tools.languages import detect_language

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
GUESS_CPU_S = 0.1
"""What a guess may take; it takes 5 ms at most on one idle core of 2026."""
MEASURE = """
import sys, time
from refine_app.tools.languages import detect_language
text = sys.stdin.read()
began = time.process_time()
language = detect_language(text)
print(language, time.process_time() - began)
"""


def guess_in_a_child(text: str) -> tuple[str, float]:
    """The language and the processor's seconds. A pattern that burns cannot be interrupted inside this process."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], input=text, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    language, cpu_s = done.stdout.split()
    return language, float(cpu_s)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "text"),
        ("configuration_manager_initialization_handler()", "text"),
        ("The quick brown fox jumps over the lazy dog because nobody told it not to do so today.", "text"),
        ((ROOT / "Makefile").read_text(), "makefile"),
    ],
)
def test_an_ordinary_text_is_guessed_at_once(text: str, expected: str) -> None:
    language, cpu_s = guess_in_a_child(text)
    assert (language, cpu_s < GUESS_CPU_S) == (expected, True), cpu_s


@pytest.mark.parametrize(
    "line",
    ["a" * 200, " " * 200, "a " * 100, "a a" * 66, "a:" * 99, "def a(" + ")" * 190, "{ " * 100, "::a" * 66, "): " * 66,
     "class " + "a" * 190, "fn " + "a" * 190, "use " + "a::" * 66, "-." * 100, '"' * 200, "if " + ": " * 99],
)  # fmt: skip
def test_no_text_takes_long(line: str) -> None:
    _, cpu_s = guess_in_a_child(f"{line}\n" * (1_000_000 // len(line)))
    assert cpu_s < GUESS_CPU_S


def test_the_modules_of_the_standard_library_are_python() -> None:
    guesses = {module.name: detect_language(module.read_text(errors="replace")) for module in MODULES}
    wrong = {name: language for name, language in guesses.items() if language != "python"}
    # Tables of numbers without a statement have no sign of any language.
    assert len(wrong) <= len(guesses) // 15, wrong


@pytest.mark.parametrize(("extension", "language"), [("css", "css"), ("js", "javascript")])
def test_our_own_files_are_what_they_are(extension: str, language: str) -> None:
    files = [path for path in (ROOT / "static").rglob(f"*.{extension}") if "vendor" not in path.parts]
    right = sum(detect_language(path.read_text()) == language for path in files)
    assert right * 10 >= len(files) * 8
