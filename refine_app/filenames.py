"""What a session's document is called as a file: its title, made safe, with the ending of its language."""

import re
from pathlib import PurePosixPath

from refine_app.tools.file_kinds import TITLES, kind_by_filename
from refine_app.tools.languages import detect_language, endings_of
from sessions_app.models import Session

NAME_MAX = 80


def filename_of(session: Session) -> str:
    """A relative file name without folders, such as heapq.py; a title that is a file name already stays as it is."""
    language = detect_language("", declared=session.language)
    endings = endings_of(language)
    if language in TITLES:
        title = session.title.strip()
        return (
            title if re.fullmatch(r"[\w.-]{1,80}", title) and kind_by_filename(title) == language else TITLES[language]
        )
    name = re.sub(r"[^\w.+-]+", "_", session.title).strip("._-")[:NAME_MAX] or "document"
    is_file_name = PurePosixPath(name).suffix.removeprefix(".") in endings
    return name if is_file_name else f"{name}.{endings[0]}"
