"""The registry of prompts: versions that never change, labels that say which is used, and the way back."""

import difflib
import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connections, transaction
from django.db.models import Count, Max
from django.utils import timezone

from graphs_app.models import GraphVersion
from refine_app.errors import NothingToRollBack, PromptInvalid, PromptTaken
from refine_app.models import ModelCall, Prompt, PromptLabel, PromptVersion
from refine_app.prompts.rendering import (
    TYPES,
    PromptError,
    PromptText,
    built_in_names,
    built_in_prompt,
    places_of,
)
from refine_app.services.endpoints import require_staff
from sessions_app.errors import NotFound
from sessions_app.models import User

PRODUCTION = "production"
LABELS = (PRODUCTION, "candidate")
LATEST = "latest"
"""Names a prompt's newest version, whatever its labels say."""
SEMANTIC = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")
FRESH_S = 2.0
"""How long a worker may go on with the version that it knows after the label was moved."""

_known: dict[str, tuple[float, PromptText]] = {}


# What runs use ------------------------------------------------------------------------------------


def at_hand(names: Sequence[str]) -> dict[str, PromptText] | None:
    """The prompts from this process's memory, if it has looked lately."""
    since = time.monotonic() - FRESH_S
    found = {name: text for name in names if (kept := _known.get(name)) and kept[0] > since for text in [kept[1]]}
    return found if len(found) == len(names) else None


def in_production(names: Sequence[str]) -> dict[str, PromptText]:
    """The versions that runs use now. Raises PromptError for a name that is no prompt."""
    now = time.monotonic()
    found = {}
    for name in names:
        version = labelled(name, PRODUCTION)
        text = text_of(version) if version is not None else _from_file(name)
        _known[name] = (now, text)
        found[name] = text
    return found


def labelled(name: str, label: str) -> PromptVersion | None:
    """The version that has the label now."""
    moves = PromptLabel.objects.filter(prompt__name=name, label=label).select_related("version__prompt")
    newest = moves.order_by("-set_at", "-id").first()
    return None if newest is None else newest.version


def text_of(version: PromptVersion) -> PromptText:
    return PromptText(version.prompt.name, version.number, version.content, version.variables)


def _from_file(name: str) -> PromptText:
    """A prompt of a release whose migration has not run yet."""
    return built_in_prompt(name)


@lru_cache(maxsize=200)
def as_published(graph_version: UUID) -> Mapping[str, PromptText]:
    """The prompts of a graph version's snapshot, which never changes."""
    found = GraphVersion.objects.filter(pk=graph_version).values_list("snapshot", flat=True).first() or {}
    return {
        name: PromptText(name, kept["version"], kept["content"], kept["variables"])
        for name, kept in (found.get("prompts") or {}).items()
    }


def for_run(names: Sequence[str], graph_version: UUID | None) -> dict[str, PromptText]:
    """What a run asks with: the prompts of the snapshot that it goes by, and for others those in production."""
    kept = {} if graph_version is None else as_published(graph_version)
    found = {name: kept[name] for name in names if name in kept}
    return found | in_production([name for name in names if name not in found])


# What people do -----------------------------------------------------------------------------------


def find_prompt(name: str) -> Prompt:
    prompt = Prompt.objects.filter(name=name).first()
    if prompt is None:
        raise NotFound("prompt", name)
    return prompt


def find_version(prompt: Prompt, number: str) -> PromptVersion:
    """A version by its number, by a label, or the newest one as `latest`."""
    if number == LATEST:
        version = prompt.versions.select_related("prompt").first()
    elif number in LABELS:
        version = labelled(prompt.name, number)
    else:
        numbers = [int(part) for part in number.split(".")] if SEMANTIC.fullmatch(number) else [0, 0, 0]
        named = dict(zip(("major", "minor", "patch"), numbers, strict=True))
        version = prompt.versions.select_related("prompt").filter(**named).first()
    if version is None:
        raise NotFound("version", f"{prompt.name}@{number}")
    return version


def create_prompt(*, user: User, name: str, description: str = "") -> Prompt:
    """A new name, without a version yet. Raises NotAllowed, PromptTaken."""
    require_staff(user)
    try:
        with transaction.atomic():
            return Prompt.objects.create(name=name, description=description)
    except IntegrityError as error:
        raise PromptTaken(f"a prompt {name!r}") from error


def create_version(
    *,
    user: User,
    name: str,
    content: str,
    variables: Mapping[str, Any],
    metadata: Mapping[str, Any],
    version: str = "",
    bump: str = "minor",
) -> PromptVersion:
    """A new version, under no label yet. Raises NotAllowed, NotFound, PromptInvalid or PromptTaken."""
    require_staff(user)
    with transaction.atomic():
        prompt = Prompt.objects.select_for_update().filter(pk=find_prompt(name).pk).get()
        major, minor, patch = _next_number(prompt, version, bump)
        checked = _checked_variables(prompt, content, variables)
        try:
            with transaction.atomic():
                return PromptVersion.objects.create(
                    prompt=prompt, major=major, minor=minor, patch=patch, content=content, variables=checked,
                    metadata=dict(metadata), created_by=user,
                )  # fmt: skip
        except IntegrityError as error:
            raise PromptTaken(f"a version {major}.{minor}.{patch} of prompt {name!r}") from error


def _next_number(prompt: Prompt, version: str, bump: str) -> tuple[int, int, int]:
    newest = prompt.versions.first()
    if version:
        parts = SEMANTIC.fullmatch(version)
        if parts is None:
            raise PromptInvalid("version", f"{version!r} is no semantic version; expected three numbers, as in 1.2.0.")
        major, minor, patch = map(int, parts.groups())
        return major, minor, patch
    if newest is None:
        return 1, 0, 0
    if bump == "major":
        return newest.major + 1, 0, 0
    if bump == "patch":
        return newest.major, newest.minor, newest.patch + 1
    return newest.major, newest.minor + 1, 0


def _checked_variables(prompt: Prompt, content: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The declared variables, which must be those that the text has places for."""
    try:
        places = places_of(content, name=prompt.name)
    except PromptError as error:
        raise PromptInvalid("content", str(error)) from error
    if not prompt.built_in and (undeclared := sorted(places - variables.keys())):
        raise PromptInvalid("variables", f"The text has places for {undeclared}, which are not declared.")
    given = _given_to(prompt)
    if prompt.built_in and (unknown := sorted(places - given)):
        raise PromptInvalid(
            "content", f"The product gives this prompt {sorted(given)}; nothing fills the places {unknown}."
        )
    checked = {}
    for name, declared in variables.items():
        kind = declared.get("type", "string") if isinstance(declared, Mapping) else None
        if kind not in TYPES:
            raise PromptInvalid("variables", f"{name!r} must have a type of {', '.join(TYPES)}; found {kind!r}.")
        checked[name] = dict(declared)
    return checked


def _given_to(prompt: Prompt) -> frozenset[str]:
    """What the product fills a built-in prompt's places with: those of its first version."""
    first = prompt.versions.filter(built_in=True).last()
    return frozenset() if first is None else places_of(first.content, name=prompt.name)


def set_label(*, user: User, name: str, label: str, version: str) -> PromptLabel:
    """Puts a label on a version; runs that begin a step after it use it. Raises NotAllowed, NotFound, PromptInvalid."""
    require_staff(user)
    if label not in LABELS:
        raise PromptInvalid("label", f"{label!r} is no label; there are {', '.join(LABELS)}.")
    prompt = find_prompt(name)
    return _move(prompt, label, find_version(prompt, version), user)


def roll_back(*, user: User, name: str, label: str = PRODUCTION) -> PromptLabel:
    """Puts a label back to where it was before. Raises NotAllowed, NotFound, NothingToRollBack."""
    require_staff(user)
    earlier = before(name=name, label=label)
    if earlier is None:
        raise NothingToRollBack(prompt=name, label=label)
    return _move(earlier.prompt, label, earlier, user)


def before(*, name: str, label: str = PRODUCTION) -> PromptVersion | None:
    """Where a label was before it came to where it is now."""
    prompt = find_prompt(name)
    moves = prompt.labels.filter(label=label).exclude(version=labelled(name, label)).select_related("version__prompt")
    move = moves.order_by("-set_at", "-id").first()
    return None if move is None else move.version


def _move(prompt: Prompt, label: str, version: PromptVersion, user: User | None) -> PromptLabel:
    moved = PromptLabel.objects.create(prompt=prompt, label=label, version=version, set_by=user, set_at=timezone.now())
    _known.pop(prompt.name, None)
    return moved


def diff_of(*, name: str, before: str, after: str) -> str:
    """What changed between two versions, as a unified diff."""
    prompt = find_prompt(name)
    one, other = find_version(prompt, before), find_version(prompt, after)
    lines = difflib.unified_diff(
        one.content.splitlines(keepends=True), other.content.splitlines(keepends=True), str(one), str(other)
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def uses_of(*, name: str) -> list[dict[str, Any]]:
    """How often each version of a prompt was asked with, newest use first."""
    rows = (
        ModelCall.objects.filter(prompt_version__startswith=f"{name}@")
        .order_by()
        .values("prompt_version", "node_id", "run__graph_version__graph__slug")
        .annotate(calls=Count("pk"), last_at=Max("created_at"))
        .order_by("-last_at")[:200]
    )
    return [
        {
            "version": row["prompt_version"].partition("@")[2],
            "graph": row["run__graph_version__graph__slug"],
            "node_id": row["node_id"],
            "calls": row["calls"],
            "last_at": row["last_at"],
        }
        for row in rows
    ]


# What comes with the product ----------------------------------------------------------------------


def install() -> None:
    """Adds prompts that are new and a version of those that changed; production moves only off our own versions."""
    for name in built_in_names():
        text = built_in_prompt(name)
        content = text.content
        prompt, _ = Prompt.objects.get_or_create(name=name, defaults={"built_in": True})
        newest = prompt.versions.filter(built_in=True).first()
        if newest is not None and newest.content == content:
            continue
        top = prompt.versions.first()
        number = (1, 0, 0) if top is None else (top.major, top.minor + 1, 0)
        version = PromptVersion.objects.create(
            prompt=prompt, major=number[0], minor=number[1], patch=number[2], content=content, built_in=True,
            variables=dict(text.variables),
        )  # fmt: skip
        now = labelled(name, PRODUCTION)
        if now is None or now.built_in:
            _move(prompt, PRODUCTION, version, None)


def install_after_migrate(*, using: str, **kwargs: Any) -> None:
    """The receiver of post_migrate, which is sent also when migrations are undone, and the table is gone."""
    if Prompt._meta.db_table in connections[using].introspection.table_names():
        install()
