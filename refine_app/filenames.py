"""What a session's document is called as a file: its title, made safe, with the ending of its language."""

import re
from pathlib import PurePosixPath

from sessions_app.models import Session

ENDINGS = {
    "python": ".py",
    "javascript": ".js",
    "typescript": ".ts",
    "tsx": ".tsx",
    "jsx": ".jsx",
    "go": ".go",
    "rust": ".rs",
    "java": ".java",
    "c": ".c",
    "c++": ".cpp",
    "cpp": ".cpp",
    "html": ".html",
    "css": ".css",
    "json": ".json",
    "bash": ".sh",
    "shell": ".sh",
    "markdown": ".md",
    "yaml": ".yaml",
    "toml": ".toml",
    "sql": ".sql",
    "text": ".txt",
}
LANGUAGES = {ending: language for language, ending in reversed(ENDINGS.items())}
"""By ending; the first language of an ending has it."""
NAME_MAX = 80


def filename_of(session: Session) -> str:
    """A relative file name without folders, such as heapq.py; a title that is a file name already stays as it is."""
    ending = ENDINGS.get(session.language.lower(), ".txt")
    name = re.sub(r"[^\w.+-]+", "_", session.title).strip("._-")[:NAME_MAX] or "document"
    return name if PurePosixPath(name).suffix == ending else name + ending


def language_of(filename: str) -> str:
    """The language of a file by its ending; text when it is not known."""
    return LANGUAGES.get(PurePosixPath(filename).suffix.lower(), "text")
