"""Graphs and their versions: checked before they are kept, never changed after."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, ProtectedError
from django.utils import timezone
from django.utils.text import slugify
from semver import Version

from graphs_app import comparison, layout, run_limits, selectors, snapshots, time_limits
from graphs_app.engine import validate
from graphs_app.engine.registry import REGISTRY
from graphs_app.engine.validate import Problem
from graphs_app.errors import GraphIsBuiltIn, GraphNotFound, InvalidGraph
from graphs_app.events import GraphUpdated, LayoutUpdated
from graphs_app.jsontext import storable
from graphs_app.models import Graph, GraphDraft, GraphVersion
from graphs_app.quotas import hold_graph_bytes, size_of
from graphs_app.services import layouts
from sessions_app import permissions
from sessions_app.errors import FieldProblem
from sessions_app.limits import quotas
from sessions_app.models import User
from sessions_app.permissions import Action
from sessions_app.plurals import counted
from sessions_app.services import events

MOST_SEMVER, MOST_TITLE, MOST_NOTE = 64, 200, 10_000
SLUG_MAX = 72
"""Room is left for a number that tells graphs of one name apart."""


def problems_of(*, definition: Any, user: User | None = None, name: str = "") -> list[FieldProblem]:
    """Everything that is wrong with a definition, sub-graphs that this person cannot run among it.

    The name is what it will be kept under, where that is not its own.
    """
    found = validate.problems(definition, REGISTRY)
    found += time_limits.problems(definition)
    found += run_limits.problems(definition)
    pointers = {problem.pointer for problem in found}
    found += [problem for problem in _unknown_sub_graphs(definition, user, name) if problem.pointer not in pointers]
    return [FieldProblem(pointer=one.pointer, code=one.code, message=one.message) for one in found]


def _unknown_sub_graphs(definition: Any, user: User | None, name: str) -> Iterator[Problem]:
    if not isinstance(definition, dict):
        return
    own = _slug_of(name or str(definition.get("name") or ""))
    nodes = definition.get("nodes")
    for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
        calls = isinstance(node, dict) and node.get("tool") in snapshots.SUB_GRAPH_TOOLS
        config = node.get("config") if calls else None
        slug, number = (config.get("graph"), config.get("version")) if isinstance(config, dict) else (None, None)
        if not isinstance(slug, str):
            continue
        called = selectors.graphs_for(user).filter(slug=slug).first()
        if called is not None:
            if type(number) is int and not called.graph_versions.filter(number=number).exists():
                message = f"graph {slug!r} has no version {number}; its current version is {called.version}"
                yield Problem(f"/nodes/{index}/config/version", "graph_version_unknown", message)
            continue
        if slug != own or Graph.objects.filter(slug=slug).exists():  # a graph may call itself from its first version on
            yield Problem(
                f"/nodes/{index}/config/graph", "graph_unknown", f"there is no graph {slug!r} that you can run"
            )


def checked_definition(definition: Any, user: User | None, name: str = "") -> dict[str, Any]:
    problems = problems_of(definition=definition, user=user, name=name)
    if problems:
        raise InvalidGraph(
            f"The graph has {counted(len(problems), 'problem')}; the first: {problems[0]['message']}", errors=problems
        )
    kept: dict[str, Any] = storable(definition)
    return kept


@dataclass(frozen=True, slots=True)
class About:
    """What a version is called that comes from elsewhere."""

    semver: str = ""
    title: str = ""
    note: str = ""

    def as_facts(self) -> dict[str, Any]:
        """As much of it as a version may have."""
        is_number = len(self.semver) <= MOST_SEMVER and Version.is_valid(self.semver)
        title, note = storable(self.title[:MOST_TITLE]), storable(self.note[:MOST_NOTE])
        return {"semver": self.semver if is_number else None, "title": title, "note": note}


def create_graph(*, user: User, definition: Any, about: About | None = None) -> Graph:
    """Keeps a definition as the first version of a new graph. Raises InvalidGraph."""
    checked = checked_definition(definition, user)
    name = str(checked.get("name") or "Graph")
    return _create(user, name, checked, {} if about is None else about.as_facts())


def _create(user: User, name: str, checked: dict[str, Any], facts: dict[str, Any]) -> Graph:
    for slug in _free_slugs(name):
        try:
            with transaction.atomic():
                quotas.require("graphs", quotas.holders_of(user))
                graph = Graph.objects.create(slug=slug, name=name, created_by=user)
                write_version(graph=graph, definition=checked, user=user, **facts)
                return graph
        except IntegrityError:
            continue  # somebody took the slug between our look and our insert
    raise AssertionError("unreachable: there is always another slug")


def save_graph(*, user: User, name: str, definition: Any) -> Graph:
    """The person's graph of a name with this definition: a new graph, or a new version of the one there is."""
    slug = _slug_of(name)
    graph = Graph.objects.filter(slug=slug, created_by=user, built_in=False, deleted_at__isnull=True).first()
    if graph is not None:
        add_version(user=user, graph=graph, definition=definition)
        return graph
    return _create(user, name, checked_definition(definition, user, name), {})


def _slug_of(name: str) -> str:
    return slugify(name)[:SLUG_MAX] or "graph"


def _free_slugs(name: str) -> Iterator[str]:
    base = _slug_of(name)
    taken = set(Graph.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        yield base
    number = 2
    while True:
        slug = f"{base}-{number}"
        if slug not in taken:
            yield slug
        number += 1


def add_version(*, user: User, graph: Graph, definition: Any) -> GraphVersion:
    """Makes a definition the current version; the same as the current one changes nothing. Raises InvalidGraph."""
    require_own(user, graph)
    checked = checked_definition(definition, user)
    with transaction.atomic():
        locked = Graph.objects.select_for_update().get(pk=graph.pk)
        return _add_version(locked, checked, user)


def _add_version(graph: Graph, definition: dict[str, Any], user: User | None) -> GraphVersion:
    """The next version, unless the current one is the same; how its number rises follows from what differs."""
    current = current_version(graph)
    if current is not None and current.digest == snapshots.digest(definition):
        return current
    return write_version(graph=graph, definition=definition, user=user)


def current_version(graph: Graph) -> GraphVersion | None:
    """None for a graph that has none yet."""
    return GraphVersion.objects.filter(graph=graph, number=graph.version).first()


def write_version(
    *,
    graph: Graph,
    definition: dict[str, Any],
    user: User | None,
    semver: str | None = None,
    snapshot: dict[str, Any] | None = None,
    **facts: Any,
) -> GraphVersion:
    """Writes the next version of a graph whose row the caller has locked; with a snapshot of now, if none is given."""
    current = current_version(graph)
    graph.version += 1
    graph.name = str(definition.get("name") or graph.name)
    graph.updated_at = timezone.now()
    graph.save(update_fields=["version", "name", "updated_at"])
    snapshot = snapshot or snapshot_now(definition)
    hold_graph_bytes(graph, size_of(definition, snapshot))
    version = GraphVersion.objects.create(
        graph=graph,
        number=graph.version,
        definition=definition,
        digest=snapshots.digest(definition),
        semver=semver or next_semver(graph, current, definition),
        snapshot=snapshot,
        created_by=user,
        **facts,
    )
    if current is not None and user is not None:
        _tell(graph, current, version, user)
    return version


def snapshot_now(definition: dict[str, Any]) -> dict[str, Any]:
    """What a definition would be made of if it were published now; nothing where versions keep no snapshots."""
    return snapshots.snapshot_of(definition, _sub_graphs(definition)) if settings.VERSIONING_ENABLED else {}


def _tell(graph: Graph, old: GraphVersion, new: GraphVersion, user: User) -> None:
    """Tells those who draw the graph together that it has a new version, and what moves by it."""
    session_id = GraphDraft.objects.filter(graph=graph).values_list("session_id", flat=True).first()
    if session_id is None:
        return
    change = layout.changes(layouts.layout_of(old), layouts.layout_of(new))
    updated = GraphUpdated(
        graph=graph.slug, version=new.number, semver=new.semver, note=new.note, by=str(user), by_id=user.pk
    )
    events.append(session_id, [updated, LayoutUpdated(graph=graph.slug, version=new.number, **change)])


def next_semver(graph: Graph, current: GraphVersion | None, definition: dict[str, Any]) -> str:
    """The number that follows from what differs from the current version; 1.0.0 for the first."""
    highest = highest_semver(graph)
    if current is None or highest is None:
        return "1.0.0" if highest is None else str(highest.bump_major())
    bump = comparison.compare(current.definition, definition).bump
    return str(highest.next_version(bump))


def highest_semver(graph: Graph) -> Version | None:
    """The highest number among a graph's versions."""
    numbers = GraphVersion.objects.filter(graph=graph).exclude(semver="").values_list("semver", flat=True)
    return max((Version.parse(number) for number in numbers), default=None)


def _sub_graphs(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The sub-graphs of a definition, each with the version that a run of today would use, and its digest."""
    found = {}
    for slug, number in snapshots.used_sub_graphs(definition).items():
        versions = GraphVersion.objects.filter(graph__slug=slug)
        wanted = versions.filter(number=number if number is not None else F("graph__version")).first()
        if wanted is not None:
            found[slug] = {"version": wanted.number, "semver": wanted.semver, "digest": wanted.digest}
    return found


def delete_graph(*, user: User, graph: Graph) -> None:
    """Takes a graph out of sight; one that has run keeps its versions for those runs."""
    require_own(user, graph)
    with transaction.atomic():
        try:
            with transaction.atomic():
                graph.graph_versions.all().delete()
                graph.delete()
        except ProtectedError:
            # Its slug becomes free for a new graph.
            Graph.objects.filter(pk=graph.pk).update(
                deleted_at=timezone.now(), slug=f"{graph.slug[:40]}-deleted-{graph.pk.hex}"[:80]
            )


def require_own(user: User, graph: Graph) -> None:
    if graph.built_in:
        raise GraphIsBuiltIn(f"Graph {graph.slug!r} comes with the site; copy its definition into a graph of your own.")
    if graph.created_by_id != user.pk:
        raise GraphNotFound(f"There is no graph {graph.slug!r}.")


def require_editor(user: User, graph: Graph) -> None:
    """Whoever made a graph changes it, and so do the editors of the session in which it is drawn together."""
    session_id = GraphDraft.objects.filter(graph=graph).values_list("session_id", flat=True).first()
    if graph.built_in or graph.created_by_id == user.pk or session_id is None:
        require_own(user, graph)
    else:
        permissions.require(user, session_id, Action.EDIT)


def install_built_in(definition_path: Path) -> Graph:
    """Installs a graph that comes with the site, under its file's name; does nothing when it is there as it is."""
    definition = json.loads(definition_path.read_text(encoding="utf-8"))
    checked = checked_definition(definition, None)
    with transaction.atomic():
        graph, _ = Graph.objects.get_or_create(
            slug=definition_path.stem, defaults={"name": checked.get("name") or definition_path.stem, "built_in": True}
        )
        if not graph.built_in:
            Graph.objects.filter(pk=graph.pk).update(slug=f"{graph.slug[:60]}-{graph.pk.hex[:8]}")
            return install_built_in(definition_path)
        locked = Graph.objects.select_for_update().get(pk=graph.pk)
        _add_version(locked, checked, None)
        return locked


def version_to_run(*, graph: str, number: int | None = None, user_id: UUID | None = None) -> GraphVersion:
    """The version of a graph, by slug or id, that a run of this person uses: the current one if no number is given."""
    version = selectors.version_for(user_id, graph, number)
    if version is None:
        found = selectors.graph_for(user_id, graph)
        raise GraphNotFound(f"Graph {graph!r} has no version {number}; its current version is {found.version}.")
    return version
