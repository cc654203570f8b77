"""Lines as diffs see them: split at line feeds only, each with its ending, so that joining gives the text back."""

from collections.abc import Iterable, Sequence


def split_lines(text: str) -> list[str]:
    """The text's lines with their endings; only the last one may lack its line feed.

    str.splitlines would also split at form feeds, lone carriage returns and Unicode separators, which git does not.
    """
    if not text:
        return []
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    if last:
        lines.append(last)
    return lines


def number_lines(*texts: Iterable[str]) -> list[list[int]]:
    """Each text's lines as small numbers, equal where the lines are equal: comparing numbers is cheap."""
    numbers: dict[str, int] = {}
    return [[numbers.setdefault(line, len(numbers)) for line in lines] for lines in texts]


def line_ending(lines: Sequence[str]) -> str:
    """The ending that most lines have."""
    crlf = sum(line.endswith("\r\n") for line in lines)
    return "\r\n" if crlf * 2 > len(lines) else "\n"
