# ruff: noqa: S311 -- the sentences are models' own, and chance protects nothing
"""Two hundred answers from a grammar of what models do with a real file, each with the text that it may come to.

An answer is a form (whole file, part, diff …) with a mistake or without one, about one change of a file in sources/.
`must`: the answer is right, and the proposal has to be `truth` at the first try. Otherwise it loses or hides something:
whatever is proposed with every check passed has to be `truth` all the same, or nothing may be.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.corpora.answer_forms import FORMS, Form, Made
from tests.corpora.answer_sources import ALL, Source

SEED = 2012
COUNT = 200


@dataclass(frozen=True, slots=True)
class Generated:
    """One answer."""

    name: str
    source: Source
    base: str
    truth: str
    answer: str
    must: bool
    finish_reason: str = "stop"

    @property
    def may_be_nothing(self) -> bool:
        """It may have ended before the change came: nothing to change is no loss then."""
        return self.name.split("-")[1].startswith(("cut_off", "elided_tail"))


def generated(count: int = COUNT, seed: int = SEED) -> Iterator[Generated]:
    """So many answers, each form in turn, over files drawn by the seed; the same ones for the same seed."""
    rng = random.Random(seed)
    decks: dict[str, list[Source]] = {}
    made = 0
    while made < count:
        for name, make in FORMS.items():
            if made == count:
                return
            source, answer = _of_a_file(make, decks.setdefault(name, []), rng)
            truth = source.truth if answer.truth is None else answer.truth
            case = Generated(
                f"{made:03}-{name}-{source.file}", source, source.base, truth, answer.answer, answer.must,
                answer.finish_reason,
            )  # fmt: skip
            yield _as_the_document_is(case, rng)
            made += 1


def _of_a_file(make: Form, deck: list[Source], rng: random.Random) -> tuple[Source, Made]:
    """The form's answer about the next file of its deck that has such a form."""
    while True:
        if not deck:
            deck += rng.sample(ALL, len(ALL))
        source = deck.pop()
        if (answered := make(source, rng)) is not None:
            return source, Made(*answered)


def _as_the_document_is(case: Generated, rng: random.Random) -> Generated:
    """Some documents have CRLF, a byte order mark, or no line end at their end; answers mostly do not."""
    kind = rng.randrange(8)
    if kind == 0:
        return replace(case, base=case.base.replace("\n", "\r\n"), truth=case.truth.replace("\n", "\r\n"))
    if kind == 1:
        return replace(case, base="\ufeff" + case.base, truth="\ufeff" + case.truth)
    if kind == 2:
        return replace(case, base=case.base.removesuffix("\n"), truth=case.truth.removesuffix("\n"))
    return case
