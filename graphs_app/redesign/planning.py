"""Finds a graph's changes, one after another, each on the graph as the ones before have left it.

First those of the rules; then what somebody suggests beyond that, each checked and measured like the rules' own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphs_app.engine import validate
from graphs_app.engine.registry import Registry
from graphs_app.layout.texts import plain
from graphs_app.redesign.changes import Change, ChangeDoesNotApply, Ground, Rule, apply_all, apply_one
from graphs_app.redesign.checks import CheckFirst
from graphs_app.redesign.duplicates import DoneAgain, DoneTwice
from graphs_app.redesign.error_paths import GoesOn, TriesAgain
from graphs_app.redesign.estimates import NO_PAST, Estimate, Past, estimate
from graphs_app.redesign.parallel import AtOnce
from graphs_app.redesign.removals import ChangesNothing, NeverRead, NeverTaken, Unreachable
from graphs_app.redesign.suggested import KIND, LeftOut, Suggested, fault_of, named_in
from graphs_app.redesign.tidying import Tidy
from graphs_app.redesign.wiring import Json
from sessions_app.plurals import counted

RULES: tuple[Rule, ...] = (
    Unreachable(),
    NeverTaken(),
    ChangesNothing(),
    NeverRead(),
    DoneAgain(),
    DoneTwice(),
    CheckFirst(),
    AtOnce(),
    TriesAgain(),
    GoesOn(),
    Tidy(),
)
"""In the order in which they are tried: what takes out comes before what rearranges."""
BY_KIND: dict[str, Rule] = {rule.kind: rule for rule in (*RULES, Suggested())}
MOST_CHANGES = 40
MOST_SUGGESTED = 10
MOST_TITLE, MOST_REASON = 160, 800
"""A person reads them one by one; what is left is found when the graph is redesigned again."""
MENDED = frozenset({"node_unreachable"})
"""Problems that a graph may have when it is redesigned: they are what a change takes away."""


@dataclass(frozen=True, slots=True)
class Redesign:
    """All changes, and what the graph is like before them and after."""

    changes: list[Change]
    before: Estimate
    after: Estimate


def plan(definition: Mapping[str, Any], registry: Registry, past: Past = NO_PAST) -> Redesign:
    """The changes to a definition that validate has nothing against but what MENDED lists."""
    base: Json = dict(definition)
    changes = list[Change]()
    now = base
    before = latest = estimate(base, registry, past)
    while len(changes) < MOST_CHANGES and (found := _next(now, registry, past)) is not None:
        change, now = found
        after = estimate(now, registry, past)
        evidence = _evidence(now, registry, latest, after, past)
        change = replace(change, n=len(changes) + 1, evidence=evidence)
        changes.append(replace(change, needs=_needs(base, changes, change, registry, past)))
        latest = after
    return Redesign(changes, before, latest)


def suggest(
    base: Json,
    found: Redesign,
    suggestions: Sequence[Any],
    *,
    by: str,
    registry: Registry,
    past: Past = NO_PAST,
    unfit: Callable[[Json], str | None] = lambda definition: None,
) -> tuple[Redesign, list[LeftOut]]:
    """What was found and what of the suggestions can be made after it; unfit says what else is wrong with a graph."""
    changes, latest, left = list(found.changes), found.after, list[LeftOut]()
    now = apply_all(base, changes, rules=BY_KIND, registry=registry, past=past)
    for number, suggestion in enumerate(suggestions):
        title = plain(str(suggestion.get("title") or ""))[:MOST_TITLE] if isinstance(suggestion, dict) else ""
        if number >= MOST_SUGGESTED:
            left.append(LeftOut(title, f"more than {MOST_SUGGESTED} are not looked at"))
            continue
        try:
            change, result = _suggested(now, suggestion, title, by, registry, past)
        except ChangeDoesNotApply as error:
            left.append(LeftOut(title or "A suggestion without a title", str(error)))
            continue
        if why := unfit(result):
            left.append(LeftOut(title, why))
            continue
        after = estimate(result, registry, past.still_of(base, result))
        change = replace(change, n=len(changes) + 1, evidence=_evidence(result, registry, latest, after, past))
        changes.append(replace(change, needs=_needs(base, changes, change, registry, past)))
        now, latest = result, after
    return Redesign(changes, found.before, latest), left


def _suggested(now: Json, suggestion: Any, title: str, by: str, registry: Registry, past: Past) -> tuple[Change, Json]:
    fault = fault_of(suggestion)
    if fault is not None:
        raise ChangeDoesNotApply(fault)
    edits = suggestion["edits"]
    reason = plain(suggestion["reason"])[:MOST_REASON]
    change = Change(KIND, {"edits": edits}, title or "A change", reason, named_in(edits), by=by)
    return change, apply_one(now, change, rules=BY_KIND, registry=registry, past=past)


def _next(definition: Json, registry: Registry, past: Past) -> tuple[Change, Json] | None:
    known = len(validate.problems(definition, registry))
    ground = Ground(definition, registry, past)
    for rule in RULES:
        for change in rule.find(ground):
            result = apply_one(definition, change, rules=BY_KIND, registry=registry, past=past)
            # None of the rules makes a graph worse; should one ever, nobody is to be offered that.
            if len(validate.problems(result, registry)) <= known and result != definition:
                return change, result
    return None


def _evidence(definition: Json, registry: Registry, before: Estimate, after: Estimate, past: Past) -> Json:
    problems = validate.problems(definition, registry)
    return {
        "valid": not problems,
        "problems": [{"pointer": one.pointer, "code": one.code, "message": one.message} for one in problems[:10]],
        "before": before.as_json(),
        "after": after.as_json(),
        "source": source(after, past),
    }


def source(found: Estimate, past: Past) -> str:
    """Where an estimate's durations come from, in words."""
    if not found.measured:
        return "No past run has measured these nodes: durations are defaults of their tools' kinds."
    runs = counted(past.runs, "past run")
    if found.measured >= found.nodes:
        return f"Durations are means of {runs}."
    return f"Durations of {found.measured} of {found.nodes} nodes are means of {runs}, the others defaults."


def _needs(base: Json, earlier: list[Change], change: Change, registry: Registry, past: Past) -> list[int]:
    """The earlier changes without which this one cannot be made."""
    if _applies(base, [change], registry, past):
        return []
    without = []
    for one in earlier:
        # What needs the one that is left out falls with it.
        rest = [other for other in earlier if other is not one and one.n not in _all_needs(other, earlier)]
        if not _applies(base, [*rest, change], registry, past):
            without.append(one.n)
    return without


def _all_needs(change: Change, earlier: list[Change]) -> set[int]:
    by_n = {one.n: one for one in earlier}
    found: set[int] = set()
    work = list(change.needs)
    while work:
        n = work.pop()
        if n not in found:
            found.add(n)
            work += by_n[n].needs if n in by_n else []
    return found


def _applies(base: Json, changes: list[Change], registry: Registry, past: Past) -> bool:
    try:
        apply_all(base, changes, rules=BY_KIND, registry=registry, past=past)
    except ChangeDoesNotApply:
        return False
    return True
