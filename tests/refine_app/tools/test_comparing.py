"""Comparing texts costs what it may, whatever the texts are, and a comparison that was given up passes nothing."""

import asyncio
import random
import time

import pytest

from refine_app.diffs import outline
from refine_app.diffs.outline import Definition, losses
from refine_app.tools.analysis import structure_of
from refine_app.tools.children import Limits
from refine_app.tools.comparing import SMALL, compared
from sessions_app import behalf

pytestmark = pytest.mark.once
QUICK = Limits(wall_s=20.0, cpu_s=1)


def alike(seed: int, lines: int, width: int, letters: str = "abcdefgh") -> list[str]:
    """Lines of the same few letters: much alike at each cheap look, and not at the last."""
    chance = random.Random(seed)  # noqa: S311 - the same lines each time
    return ["".join(chance.choices(letters, k=width)) for _ in range(lines)]


def texts(lines: int, width: int) -> tuple[str, str]:
    return "\n".join(alike(1, lines, width)), "\n".join(alike(2, lines, width))


def bodies(count: int, width: int) -> tuple[str, str, list[list[Definition]]]:
    """Functions that were all renamed, with bodies that have to be compared, each with each."""
    old, new = texts(count, width)
    return old, new, [[Definition(f"{turn}{n}", "function", n, n + 1) for n in range(count)] for turn in "ab"]


HARD = {"lines": (*texts(140, 80), [[], []]), "bodies": bodies(190, 3_900)}


@pytest.mark.parametrize("shape", HARD)
async def test_a_comparison_that_costs_too_much_is_given_up_and_not_passed(shape: str) -> None:
    old, new, outlines = HARD[shape]
    check = await compared(old, new, "text", outlines, "Tidy it", limits=QUICK)
    assert check == {
        "name": "definitions",
        "verdict": "skipped",
        "detail": "not checked: comparing the two texts was given up, it took longer than 1 s of processor time",
    }


async def test_cancelling_ends_the_comparison_itself() -> None:
    old, new, outlines = HARD["bodies"]
    task = asyncio.ensure_future(compared(old, new, "text", outlines, ""))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with behalf.of("another"):
        check = await compared("a = 1\n" * SMALL, "a = 1\n" * (SMALL - 1), "text", ([], []), "")
    assert check["verdict"] in ("passed", "failed"), "its child is free for others"


async def test_small_and_large_texts_are_judged_alike() -> None:
    body = "def total(items):\n    return sum(items)\n\n\ndef mean(items):\n    return total(items) / len(items)\n"
    filler = "\n".join(f"x{n} = {n}" for n in range(2_000))
    for text in (body, f"{body}\n{filler}\n"):
        new = text.replace("def mean(items):\n    return total(items) / len(items)\n", "")
        before, after = await structure_of(text, "python"), await structure_of(new, "python")
        check = await compared(text, new, "python", (before.outline, after.outline), "Add a docstring")
        assert (check["verdict"], [loss["name"] for loss in check["losses"]]) == ("failed", ["mean"])


@pytest.mark.parametrize("width", [10, 80, 400])
async def test_small_texts_cost_little_whatever_they_are(width: int) -> None:
    """A bound with room for slow machines: what runs in a thread cannot be given up."""
    old, new = texts(SMALL // 2 // (width + 1), width)
    outlines = bodies(SMALL // 2 // (width + 1), width)[2]
    assert len(old) + len(new) <= SMALL
    began = time.process_time()
    await compared(old, new, "text", outlines, "")
    assert time.process_time() - began < 10.0


def test_a_body_is_written_out_once_however_many_it_is_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def counted(definition: Definition, lines: list[str]) -> str:
        written.append(definition.name)
        return real(definition, lines)

    real = outline._body
    monkeypatch.setattr(outline, "_body", counted)
    old, new = ("\n".join(f"def {turn}{n}(): return {n}" for n in range(150)) for turn in "ab")
    outlines = [[Definition(f"{turn}{n}", "function", n, n + 1) for n in range(150)] for turn in "ab"]
    losses(old, new, *outlines)
    assert len(written) == 300
