"""The files that a model's answer holds: fenced blocks, each with its name on the line before."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from graphs_app.engine.checkpoint import Json
from refine_app.diffs.fences import Fence, read_fences
from refine_app.run_files import MOST_FILES
from refine_app.tools.analysis import structure_of
from refine_app.tools.checks import Check, checked, places
from refine_app.tools.languages import detect_language, filename_for

_PATH = re.compile(r"(?:[\w.-]+/)*(?:[\w-][\w.-]*\.\w{1,12}|Dockerfile|Makefile)")
_COMMENT = re.compile(r"(?:#|//|--|;|/\*|<!--)\s*(?:file(?:name)?:\s*)?(\S+)\s*(?:\*/|-->)?", re.IGNORECASE)
_MARKS = " \t`*_\"'()[]#:-"
_BESIDE = ("text", "markdown", "md", "json", "toml", "yaml", "ini", "dockerfile", "makefile", "requirements")
"""Languages of what usually stands beside a program."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file as a model wrote it."""

    path: str
    language: str
    text: str

    def as_json(self) -> Json:
        return asdict(self)


def read_files(answer: str) -> tuple[list[WrittenFile], str]:
    """The files, the last of one name; and else what is wrong with the answer, in words for the model.

    Where blocks have names, those without are examples of use, and no files.
    """
    fences = [fence for fence in read_fences(answer) if fence.code.strip()]
    if not fences:
        return [], "There is no file in it: give each in a fenced block, with its name on the line before."
    if not fences[-1].closed:
        return [], "It ends in the middle of a file: give all files again, whole, in fewer words."
    lines = answer.split("\n")
    named = [(path, fence) for fence in fences if (path := _path_of(fence, lines))]
    if not named:
        longest = max(fences, key=lambda fence: len(fence.code))
        named = [(filename_for(_language(longest, "")), longest)]
    found = {path: WrittenFile(path, _language(fence, path), fence.code) for path, fence in named}
    if len(found) > MOST_FILES:
        return [], f"It has {len(found)} files, and at most {MOST_FILES} can be taken: put some together."
    return list(found.values()), ""


def main_file(files: Sequence[WrittenFile], language: str) -> WrittenFile:
    """The one for a session's document: the longest in its language, else the longest program, else the first."""
    declared = detect_language("", declared=language)
    own = [one for one in files if one.language == declared and declared != "text"]
    programs = [one for one in files if one.language not in _BESIDE]
    return max(own or programs or files[:1], key=lambda one: len(one.text))


async def check_syntax(one: WrittenFile) -> Check:
    """Whether a file parses, as a check of a proposal."""
    analysis = await structure_of(one.text, one.language)
    if analysis.syntax is None:
        return checked("syntax", "skipped", f"{one.path}: {analysis.skipped.get('syntax', 'nothing reads such files')}")
    if analysis.syntax["count"]:
        return checked("syntax", "failed", f"{one.path} does not parse: {places(analysis.syntax['errors'])}")
    return checked("syntax", "passed", f"{one.path} parses")


def _language(fence: Fence, path: str) -> str:
    info = fence.info.partition(":")[0]
    return detect_language(fence.code, filename=path) if path else detect_language(fence.code, declared=info)


def _path_of(fence: Fence, lines: Sequence[str]) -> str:
    """A name in the fence's own line, on the line before, or in a comment that the file begins with."""
    before = [line for line in lines[max(0, fence.first_line - 3) : fence.first_line] if line.strip()]
    words = [fence.info.partition(":")[2], *(reversed(before[-1][:300].split()) if before else ())]
    if comment := _COMMENT.fullmatch(fence.code.lstrip().split("\n")[0].strip()):
        words.append(comment[1])
    for word in words:
        path = str(word).strip(_MARKS)
        if _PATH.fullmatch(path) and ".." not in path.split("/"):
            return path
    return ""
