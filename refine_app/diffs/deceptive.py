"""What a hunk adds that is not what it looks like: characters that nobody sees, and words that pass for others.

What the text had before and keeps is not told: the review marks it, but the proposal is not to blame for it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from refine_app.diffs.unified import Hunk
from sessions_app.invisible_characters import code_points, find, label_of, lookalikes, name_of, reads_as, shown

CHECK = "hidden_characters"
MOST_TOLD = 10


def warnings(text: str, new_start: int) -> list[str]:
    """What one hunk adds, in words: its lines as they stand in a diff, and the number of its first line."""
    return _told(_added(text, new_start))


def check(hunks: Sequence[Hunk]) -> dict[str, str] | None:
    """The check of a whole proposal; None when it adds nothing of the kind."""
    told = _told(line for hunk in hunks for line in _added(hunk.text, hunk.new_start))
    return {"name": CHECK, "verdict": "failed", "detail": "; ".join(told)} if told else None


def _told(added: Iterable[tuple[int, str]]) -> list[str]:
    places: dict[str, list[int]] = {}
    for line, words in added:
        places.setdefault(words, []).append(line)
    told = [f"{words.format(where=_where(lines))}" for words, lines in list(places.items())[:MOST_TOLD]]
    return [*told, f"and {len(places) - MOST_TOLD} more of the kind"] if len(places) > MOST_TOLD else told


def _where(lines: list[int]) -> str:
    some = list(dict.fromkeys(lines))
    if len(some) == 1:
        times = f", {len(lines)} times" if len(lines) > 1 else ""
        return f"at line {some[0]}{times}"
    more = f" and {len(some) - 5} more" if len(some) > 5 else ""
    return f"at lines {', '.join(map(str, some[:5]))}{more}"


def _added(text: str, new_start: int) -> Iterator[tuple[int, str]]:
    """The number of a line, and words with a {where} in them, for each that the hunk has more often than before."""
    if text.isascii() and text.replace("\r\n", "").replace("\n", "").replace("\t", "").isprintable():
        return
    rows = [row for row in text.split("\n") if row and row[0] in " +-"]
    before = Counter(each for row in rows if row[0] == "-" for each in _deceptive(row[1:], is_first=False))
    line = max(1, new_start)
    for row in rows:
        if row[0] == "-":
            continue
        if row[0] == "+":
            for each in _deceptive(row[1:], is_first=line == 1):
                if before[each] > 0:
                    before[each] -= 1
                else:
                    yield line, _in_words(each)
        line += 1


def _deceptive(line: str, *, is_first: bool) -> Iterator[str]:
    """The hidden characters of a line, and its words that pass for others. The carriage return is of the line's end."""
    line = line.removesuffix("\r")
    if not is_first and line.startswith("\ufeff"):
        yield "\ufeff"
    for found in find(line, code=True):
        yield found.character
    for _, word in lookalikes(line):
        yield word


def _in_words(each: str) -> str:
    if len(each) == 1 and next(find(f".{each}", code=True), None) is not None:
        return f"adds {label_of(each)} {name_of(each)} {{where}}"
    word = shown(each[:60]).replace("{", "{{").replace("}", "}}")
    read = f" (Python reads {reads_as(each)[:60]})" if reads_as(each).isascii() and reads_as(each) else ""
    return f"adds {word}, whose {code_points(each)} only looks like a Latin letter{read}, {{where}}"
