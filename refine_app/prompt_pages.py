"""The pages of prompts: the list, and one prompt with its text, its versions, what changed between them, its use."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from refine_app.models import ModelCall, Prompt, PromptVersion
from refine_app.prompts.rendering import TYPES
from refine_app.services import prompts
from sessions_app.errors import NotFound
from sessions_app.models import User

VERSIONS_SHOWN = 100
USES_SHOWN = 20
SAMPLE = {"string": "", "integer": 1, "number": 1.0, "boolean": True, "list": [], "object": {}}
"""What a place is tried with before somebody says."""
SAMPLES: Mapping[str, Any] = {
    "agents": [{"name": "CodeAgent", "responsibilities": "writes, explains and refactors code"}],
    "intents": [{"name": "refine_code", "description": "change the document as asked"}],
    "pairs": [{"input": "2 + 2", "before": "4", "after": "Four."}],
    "mark": "3f9c0a",
}
"""What the product's own prompts can be tried with."""


@login_required
@require_safe
def prompt_list(request: HttpRequest) -> HttpResponse:
    """Every prompt, with the version that runs use and how often it was asked with."""
    calls: dict[str, int] = {}
    for row in ModelCall.objects.exclude(prompt_version="").values("prompt_version").annotate(count=Count("pk")):
        name = row["prompt_version"].partition("@")[0]
        calls[name] = calls.get(name, 0) + row["count"]
    rows = [_row(prompt, calls) for prompt in Prompt.objects.prefetch_related("versions", "labels__version")]
    return render(request, "refine_app/prompts.html", {"prompts": rows, "staff": _person(request).is_staff})


def _row(prompt: Prompt, calls: Mapping[str, int]) -> dict[str, Any]:
    versions = list(prompt.versions.all())
    labels = _labels(prompt)
    newest = versions[0] if versions else None
    in_use = labels.get(prompts.PRODUCTION)
    shown = in_use or newest
    return {
        "name": prompt.name,
        "description": prompt.description or (shown.content.strip().split("\n")[0] if shown else ""),
        "production": in_use,
        "candidate": labels.get("candidate"),
        "newer": newest if in_use is not None and newest is not None and newest.pk != in_use.pk else None,
        "versions": len(versions),
        "built_in": prompt.built_in,
        "calls": calls.get(prompt.name, 0),
    }


def _labels(prompt: Prompt) -> dict[str, PromptVersion]:
    """Where each label is now, of a prompt whose labels are at hand."""
    moves = sorted(prompt.labels.all(), key=lambda move: (move.set_at, move.pk))
    return {move.label: move.version for move in moves}


@login_required
@require_safe
def prompt_page(request: HttpRequest, name: str) -> HttpResponse:
    """One prompt; `?version=` shows another text than the one in use, `?from=&to=` what changed between two."""
    try:
        prompt = prompts.find_prompt(name)
        shown = _shown(prompt, request.GET.get("version", ""))
        compared = _compared(prompt, shown, request.GET.get("from", ""), request.GET.get("to", ""))
    except NotFound as error:
        raise Http404(str(error)) from error
    labels = _labels(prompt)
    context = {
        "prompt": prompt,
        "staff": _person(request).is_staff,
        "shown": shown,
        "production": labels.get(prompts.PRODUCTION),
        "versions": [_version(version, labels) for version in _versions(prompt)],
        "places": _places(shown),
        "types": list(TYPES),
        "compared": compared,
        "uses": prompts.uses_of(name=name)[:USES_SHOWN],
        "can_roll_back": prompts.before(name=name) is not None,
        "data": {"name": name, "built_in": prompt.built_in, "metadata": dict(shown.metadata) if shown else {}},
    }
    return render(request, "refine_app/prompt.html", context)


def _shown(prompt: Prompt, number: str) -> PromptVersion | None:
    if number:
        return prompts.find_version(prompt, number)
    return prompts.labelled(prompt.name, prompts.PRODUCTION) or prompt.versions.select_related("prompt").first()


def _versions(prompt: Prompt) -> list[PromptVersion]:
    return list(prompt.versions.select_related("created_by")[:VERSIONS_SHOWN])


def _version(version: PromptVersion, labels: Mapping[str, PromptVersion]) -> dict[str, Any]:
    return {
        "number": version.number,
        "labels": [label for label, labelled in labels.items() if labelled.pk == version.pk],
        "note": str(version.metadata.get("note", "")) if isinstance(version.metadata, dict) else "",
        "by": version.created_by,
        "built_in": version.built_in,
        "created_at": version.created_at,
    }


def _places(version: PromptVersion | None) -> list[dict[str, Any]]:
    """The variables of a version, each with something to try it with."""
    if version is None:
        return []
    declared = version.variables.items()
    return [
        {
            "name": name,
            "type": str(variable.get("type") or "string"),
            "required": bool(variable.get("required", True)),
            "description": str(variable.get("description") or ""),
            "sample": SAMPLES.get(name, variable.get("default", SAMPLE[str(variable.get("type") or "string")])),
        }
        for name, variable in sorted(declared)
    ]


def _compared(prompt: Prompt, shown: PromptVersion | None, old: str, new: str) -> dict[str, Any] | None:
    """What changed between two versions, as lines; by default from the one before to the one shown."""
    numbers = [version.number for version in _versions(prompt)]
    if shown is None or len(numbers) < 2:
        return None
    at = numbers.index(shown.number) if shown.number in numbers else 0
    new = new or numbers[min(at, len(numbers) - 2)]
    old = old or numbers[min(numbers.index(new) + 1, len(numbers) - 1) if new in numbers else -1]
    lines = prompts.diff_of(name=prompt.name, before=old, after=new).splitlines()
    return {"old": old, "new": new, "lines": [_line(line) for line in lines[2:]], "numbers": numbers}


def _line(line: str) -> dict[str, str]:
    kinds = {"+": "came", "-": "gone", "@": "place"}
    return {
        "kind": kinds.get(line[:1], "same"),
        "sign": line[:1].strip(),
        "text": line if line[:1] == "@" else line[1:],
    }


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - login_required has made sure
    return request.user
