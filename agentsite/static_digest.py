"""What names the content of all static files, as part of the path that they are served under."""

import hashlib
from pathlib import Path

LIBRARIES = ("django", "drf-spectacular-sidecar")
"""Whose files are served as well; their versions count as content."""


def digest(folder: Path, versions: tuple[str, ...]) -> str:
    """A short name for what the folder holds: another content, another path, nothing stale in a browser."""
    content = hashlib.sha256("\n".join(versions).encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content.update(path.relative_to(folder).as_posix().encode() + b"\0")
            content.update(path.read_bytes())
    return content.hexdigest()[:12]
