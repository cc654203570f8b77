"""The diff of a streamed text: what is sent adds up to the whole diff, and little is sent."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from refine_app.diffs.incremental import DiffUpdate, IncrementalDiff
from refine_app.diffs.unified import Hunk, make_diff

SYMBOLS = st.lists(st.sampled_from("abcdefgh"), max_size=60)
CHANCE = st.randoms(use_true_random=False)


class Watcher:
    """What a browser does with updates."""

    def __init__(self) -> None:
        self.hunks: dict[int, Hunk] = {}

    def take(self, update: DiffUpdate) -> None:
        for n in update.removed:
            del self.hunks[n]
        self.hunks.update((hunk.n, hunk) for hunk in update.hunks)
        assert sorted(self.hunks) == list(range(1, update.total + 1))


@settings(max_examples=200, deadline=None)
@given(old=SYMBOLS, new=SYMBOLS, chance=CHANCE)
def test_updates_add_up_to_the_whole_diff_however_the_text_is_cut(
    old: list[str], new: list[str], chance: Random
) -> None:
    base, text = "\n".join(old), "\n".join(new)
    diff, watcher = IncrementalDiff(base), Watcher()
    at = 0
    while at < len(text):
        size = chance.randrange(1, 20)
        diff.feed(text[at : at + size])
        at += size
        watcher.take(diff.update())
    watcher.take(diff.finish(text))
    assert tuple(watcher.hunks[n] for n in sorted(watcher.hunks)) == make_diff(base, text).hunks


def test_the_part_that_has_not_come_yet_does_not_show_as_deleted() -> None:
    base = "".join(f"line {n}\n" for n in range(100))
    diff = IncrementalDiff(base)
    diff.feed("".join(f"line {n}\n" for n in range(50)))
    assert diff.update() == DiffUpdate((), (), 0)


def test_a_line_that_is_half_streamed_does_not_show() -> None:
    diff = IncrementalDiff("a\nb\n")
    diff.feed("a\nhalf a li")
    assert not diff.update()
    diff.feed("ne\n")
    assert "+half a line" in diff.update().hunks[0].text


def test_a_hunk_is_not_sent_again_once_its_context_is_there() -> None:
    lines = [f"line {n}\n" for n in range(2000)]
    new = [line if n % 100 else "changed\n" for n, line in enumerate(lines)]
    diff, watcher, sent = IncrementalDiff("".join(lines)), Watcher(), 0
    for line in new:
        diff.feed(line)
        update = diff.update()
        sent += len(update.hunks)
        watcher.take(update)
    last = diff.finish("".join(new))
    assert not last
    # A hunk of one changed line grows by its three lines of context (and once when its removed line is known).
    assert sent <= 20 * 6


def test_lines_that_were_dropped_show_as_deleted_once_the_stream_is_past_them() -> None:
    lines = [f"line {n}\n" for n in range(60)]
    diff = IncrementalDiff("".join(lines))
    diff.feed("".join(lines[:20] + lines[30:45]))
    assert diff.update().hunks[0].text.count("\n-") == 10


def test_a_rewrite_that_shares_nothing_stays_cheap_and_ends_right() -> None:
    base = "".join(f"line {n}\n" for n in range(3000))
    text = "".join(f"other {n}\n" for n in range(3000))
    diff, watcher = IncrementalDiff(base), Watcher()
    for at in range(0, len(text), 500):
        diff.feed(text[at : at + 500])
        watcher.take(diff.update())
    watcher.take(diff.finish(text))
    assert tuple(watcher.hunks.values()) == make_diff(base, text).hunks


@settings(max_examples=100, deadline=None)
@given(old=SYMBOLS, draft=SYMBOLS, new=SYMBOLS)
def test_what_was_told_of_a_text_that_does_not_count_is_taken_back(
    old: list[str], draft: list[str], new: list[str]
) -> None:
    base, text = "\n".join(old), "\n".join(new)
    diff, watcher = IncrementalDiff(base), Watcher()
    for line in draft:
        diff.feed(f"{line}\n")
        watcher.take(diff.update())
    diff.restart()
    watcher.take(diff.update())
    assert not watcher.hunks
    for line in new:
        diff.feed(f"{line}\n")
        watcher.take(diff.update())
    watcher.take(diff.finish(text))
    assert tuple(watcher.hunks[n] for n in sorted(watcher.hunks)) == make_diff(base, text).hunks
