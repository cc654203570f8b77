"""Which lines of one text are those of another: anchors on rare runs of lines, Myers' greedy search between them.

The cost is bounded: a search that gets too expensive keeps the furthest path it has and goes on from there, so two
texts that share little cost time in proportion to their length, not to its square.
"""

from collections.abc import Sequence
from typing import NamedTuple

GRAM = 4
"""Anchors are runs of this many lines that occur once in each text; single lines repeat too often in code."""
STEPS_PER_LINE = 6
"""The search's budget, in steps for each line of both texts; keeps 10,000 lines well under 100 ms."""
SMALLEST_CAP, LARGEST_CAP = 16, 1024


class Match(NamedTuple):
    """length lines from old are the same lines from new."""

    old: int
    new: int
    length: int


Pairs = list[tuple[int, int]]


def align(old: Sequence[int], new: Sequence[int]) -> list[Match]:
    """Maximal matches in order; what is between two of them was changed."""
    head = _common_prefix(old, new)
    tail = _common_suffix(old, new, head)
    pairs: Pairs = [(i, i) for i in range(head)]
    pairs += _align_between(old, new, head, len(old) - tail, head, len(new) - tail)
    pairs += [(len(old) - tail + k, len(new) - tail + k) for k in range(tail)]
    return _as_matches(pairs)


def align_beginning(old: Sequence[int], new: Sequence[int], anchors: Pairs) -> list[Match]:
    """Like align, for a new text whose end has not come yet: the old lines after the last match are left open.

    anchors: pairs known to belong together (increasing), found with the help of an index of the old text.
    """
    pairs: Pairs = []
    x = y = 0
    for anchor_x, anchor_y in anchors:
        pairs += _align_between(old, new, x, anchor_x, y, anchor_y)
        pairs.append((anchor_x, anchor_y))
        x, y = anchor_x + 1, anchor_y + 1
    budget = _Budget(2 * (len(new) - y))
    pairs += _search(old, new, x, len(old), y, len(new), budget, open_end=True)
    return _as_matches(pairs)


def increasing(pairs: Pairs) -> Pairs:
    """The longest chain of pairs that go forward in both texts; pairs come in the order of the new text."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (x, _) in enumerate(pairs):
        low, high = 0, len(tails)
        while low < high:
            middle = (low + high) // 2
            if tails[middle] < x:
                low = middle + 1
            else:
                high = middle
        if low == len(tails):
            tails.append(x)
            ends.append(index)
        else:
            tails[low] = x
            ends[low] = index
        before.append(ends[low - 1] if low else -1)
    chain: Pairs = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]


def _common_prefix(old: Sequence[int], new: Sequence[int]) -> int:
    limit = min(len(old), len(new))
    n = 0
    while n < limit and old[n] == new[n]:
        n += 1
    return n


def _common_suffix(old: Sequence[int], new: Sequence[int], head: int) -> int:
    limit = min(len(old), len(new)) - head
    n = 0
    while n < limit and old[-1 - n] == new[-1 - n]:
        n += 1
    return n


def _align_between(old: Sequence[int], new: Sequence[int], x: int, x_end: int, y: int, y_end: int) -> Pairs:
    """Pairs inside old[x:x_end] and new[y:y_end]."""
    if x == x_end or y == y_end:
        return []
    budget = _Budget(x_end - x + y_end - y)
    pairs: Pairs = []
    for anchor_x, anchor_y in _anchors(old, new, x, x_end, y, y_end):
        pairs += _search_shared(old, new, x, anchor_x, y, anchor_y, budget)
        pairs.append((anchor_x, anchor_y))
        x, y = anchor_x + 1, anchor_y + 1
    return pairs + _search_shared(old, new, x, x_end, y, y_end, budget)


def _search_shared(
    old: Sequence[int], new: Sequence[int], x: int, x_end: int, y: int, y_end: int, budget: "_Budget"
) -> Pairs:
    """A search among the lines that are on both sides: the others cannot match, and each would cost a step of depth."""
    if x == x_end or y == y_end:
        return []
    shared = set(old[x:x_end]).intersection(new[y:y_end])
    old_at = [i for i in range(x, x_end) if old[i] in shared]
    new_at = [i for i in range(y, y_end) if new[i] in shared]
    box = (0, len(old_at), 0, len(new_at))
    found = _search([old[i] for i in old_at], [new[i] for i in new_at], *box, budget)
    return [(old_at[a], new_at[b]) for a, b in found]


def _anchors(old: Sequence[int], new: Sequence[int], x: int, x_end: int, y: int, y_end: int) -> Pairs:
    """Pairs in the middle of runs of lines that occur once on each side."""
    if x_end - x < 4 * GRAM or y_end - y < 4 * GRAM:
        return []
    in_old = _unique_grams(old, x, x_end)
    in_new = _unique_grams(new, y, y_end)
    middle = GRAM // 2
    found = [(in_old[gram] + middle, at + middle) for gram, at in in_new.items() if in_old.get(gram, -1) >= 0 <= at]
    return increasing(found)


def _unique_grams(lines: Sequence[int], start: int, end: int) -> dict[tuple[int, ...], int]:
    """Where each run of GRAM lines begins; -1 for one that repeats."""
    found: dict[tuple[int, ...], int] = {}
    for at, gram in enumerate(zip(*(lines[start + k : end] for k in range(GRAM)), strict=False), start):
        found[gram] = -1 if gram in found else at
    return found


class _Budget:
    """How many steps the searches between two anchors may still cost together."""

    def __init__(self, lines: int) -> None:
        self.steps = max(STEPS_PER_LINE * lines, LARGEST_CAP * SMALLEST_CAP)

    def cap(self) -> int:
        """The most edits that one search may look for."""
        return max(SMALLEST_CAP, min(LARGEST_CAP, int(max(0, self.steps) ** 0.5)))


def _search(
    old: Sequence[int],
    new: Sequence[int],
    x: int,
    x_end: int,
    y: int,
    y_end: int,
    budget: _Budget,
    open_end: bool = False,
) -> Pairs:
    """Myers' greedy search; with open_end, old lines after the end of new need no deletion."""
    pairs: Pairs = []
    while x < x_end and y < y_end:
        cap = budget.cap()
        trace, d, k = _furthest(old, new, (x, x_end, y, y_end), cap, open_end)
        budget.steps -= d * d // 2
        found, x_new, y_new = _walk_back(trace, d, k, x, y)
        pairs += found
        if len(trace) <= cap:
            break
        x, y = x_new, y_new
    return pairs


Trace = list[list[int]]


def _furthest(
    old: Sequence[int], new: Sequence[int], box: tuple[int, int, int, int], cap: int, open_end: bool
) -> tuple[Trace, int, int]:
    """The rounds of the search, and the round and diagonal of its goal, or of the best path once cap is reached.

    A round holds, for diagonals k = -d, -d + 2, … d (k = advance in old - advance in new), the advance in old.
    """
    x0, x_end, y0, y_end = box
    n, m = x_end - x0, y_end - y0
    trace: Trace = []
    before: list[int] = []
    for d in range(cap + 1):
        round_: list[int] = []
        for k in range(-d, d + 1, 2):
            at = (k + d) // 2
            if d == 0:
                a = 0
            elif at == 0 or (at != d and before[at - 1] < before[at]):
                a = before[at]
            else:
                a = before[at - 1] + 1
            b = a - k
            while a < n and b < m and old[x0 + a] == new[y0 + b]:
                a += 1
                b += 1
            round_.append(a)
            if b == m and (a == n or (open_end and a < n)):
                trace.append(round_)
                return trace, d, k
        trace.append(round_)
        before = round_
    return trace, cap, _best_diagonal(before, cap, n, m)


def _best_diagonal(round_: list[int], d: int, n: int, m: int) -> int:
    """The diagonal that has got furthest in both texts without leaving either."""
    best, best_k = -1, 0
    for at, a in enumerate(round_):
        k = 2 * at - d
        b = a - k
        if a <= n and 0 <= b <= m and a + b > best:
            best, best_k = a + b, k
    return best_k


def _walk_back(trace: Trace, d: int, k: int, x0: int, y0: int) -> tuple[Pairs, int, int]:
    """The matched pairs on the way to a goal, and the goal."""
    a = trace[d][(k + d) // 2]
    goal = (x0 + a, y0 + a - k)
    pairs: Pairs = []
    while True:
        if d == 0:
            start, previous_k = 0, 0
        else:
            at, before = (k + d) // 2, trace[d - 1]
            if at == 0 or (at != d and before[at - 1] < before[at]):
                start, previous_k = before[at], k + 1
            else:
                start, previous_k = before[at - 1] + 1, k - 1
        pairs.extend((x0 + i, y0 + i - k) for i in range(a - 1, start - 1, -1))
        if d == 0:
            break
        d, k = d - 1, previous_k
        a = trace[d][(k + d) // 2]
    return pairs[::-1], *goal


def _as_matches(pairs: Pairs) -> list[Match]:
    matches: list[Match] = []
    start_x = start_y = length = 0
    for x, y in pairs:
        if length and x == start_x + length and y == start_y + length:
            length += 1
            continue
        if length:
            matches.append(Match(start_x, start_y, length))
        start_x, start_y, length = x, y, 1
    if length:
        matches.append(Match(start_x, start_y, length))
    return matches
