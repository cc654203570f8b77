"""What comes of a new text that is no program: whether it is still of the kind of its file, by what the child found."""

from collections.abc import Mapping
from typing import Any

from refine_app.tools.analysis import Analysis
from refine_app.tools.checks import Check, checked, places

ANCHORS = "anchors"


def check_kind(old: str, before: Analysis, after: Analysis, kind: str) -> list[Check]:
    """The new text is of its file's kind, in the strictest reading that the old one was right in, or a stricter one."""
    if after.syntax is None:
        return [checked(kind, "skipped", after.skipped.get("syntax", ""))]
    checks = [_check_reading(old, before.syntax, after.syntax, kind)]
    if before.syntax is not None and "anchors" in before.syntax and checks[0]["verdict"] == "passed":
        checks += _check_anchors(before.syntax["anchors"], after.syntax["anchors"])
    return checks


def _check_reading(old: str, before: Mapping[str, Any] | None, after: Mapping[str, Any], kind: str) -> Check:
    names = list(after["readings"])
    # An empty text, or one that took too long, tells no reading: any will do.
    held_to = names[-1] if before is None or not old.strip("\ufeff \t\r\n") else _strictest(before)
    right = _strictest(after)
    if right and (not held_to or names.index(right) <= names.index(held_to)):
        return checked(kind, "passed", f"it can be read as {right}")
    if held_to:
        where = places(after["readings"][held_to]["errors"])
        return checked(kind, "failed", f"it cannot be read as {held_to}: {where}")
    where = places(after["errors"])
    if before is not None and after["count"] <= before["count"]:
        return checked(kind, "skipped", f"it could not be read before either, and still cannot: {where}")
    return checked(kind, "failed", f"it could not be read before, and has more faults now: {where}")


def _strictest(syntax: Mapping[str, Any]) -> str:
    """The first reading in which a text is right; empty when there is none."""
    return next((name for name, reading in syntax["readings"].items() if not reading["count"]), "")


def _check_anchors(before: Mapping[str, int], after: Mapping[str, int]) -> list[Check]:
    """Anchors that others of the document's nodes point to. One that is gone leaves copies that part in time."""
    if not before:
        return []
    used = [name for name, aliases in before.items() if aliases]
    lost = [name for name in used if name not in after]
    copied = [name for name in used if name in after and not after[name]]
    if not lost and not copied:
        return [checked(ANCHORS, "passed", f"{len(before)} before, {len(after)} now, none that is used is lost")]
    words = [f"anchor &{name} is gone ({before[name]} aliases pointed to it)" for name in lost[:10]]
    words += [f"no alias points to &{name} any more ({before[name]} did)" for name in copied[:10]]
    return [checked(ANCHORS, "failed", "; ".join(words))]
